//! As much of Markdown as the gates need.

/// The lines of a document outside of code blocks, with their numbers from 1.
pub(super) fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            found.push((index + 1, line));
        }
    }
    found
}

/// The texts between single backticks of a line.
pub(super) fn codes(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The targets of the links of a line: `[text](target)`.
pub(super) fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let outside: Vec<&str> = line.split('`').step_by(2).collect();
    for part in outside {
        for (place, _) in part.match_indices("](") {
            let rest = &part[place + 2..];
            found.extend(rest.find(')').map(|end| &rest[..end]));
        }
    }
    found
}

/// The anchors of the headings of a document, as the usual renderers make them.
pub(super) fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The cells of a row of a table; `None` for other lines and for the row under the head.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = split_cells(inner).into_iter().map(str::trim).collect();
    let is_rule = cells.iter().all(|cell| !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':')));
    (!is_rule).then_some(cells)
}

/// Splits at `|`, but not at `\|` and not inside of backticks.
fn split_cells(text: &str) -> Vec<&str> {
    let mut cells = Vec::new();
    let (mut start, mut code, mut previous) = (0, false, ' ');
    for (place, character) in text.char_indices() {
        match character {
            '`' => code = !code,
            '|' if !code && previous != '\\' => {
                cells.push(&text[start..place]);
                start = place + 1;
            }
            _ => {}
        }
        previous = character;
    }
    cells.push(&text[start..]);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_codes_are_found() {
        assert_eq!(targets("see [a](b.md#c) and [d](https://e) not `[f](g)`"), ["b.md#c", "https://e"]);
        assert_eq!(codes("see `a` and `b c`"), ["a", "b c"]);
    }

    #[test]
    fn tables_are_split() {
        assert_eq!(cells("| a | `b|c` | d \\| e |"), Some(vec!["a", "`b|c`", "d \\| e"]));
        assert_eq!(cells("|---|:-:|"), None);
        assert_eq!(cells("a | b"), None);
    }

    #[test]
    fn anchors_are_made_from_headings() {
        assert_eq!(anchors("# A head, `with` code\n```\n# no\n```\n## Two"), ["a-head-with-code", "two"]);
    }
}
