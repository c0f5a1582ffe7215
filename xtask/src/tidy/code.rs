//! A reading of Rust source that is just good enough for measuring it. It relies on rustfmt: what opens at a column
//! closes at that column.

use crate::workspace::TextFile;

/// A function, or what else begins and ends at one column.
pub(super) struct Item {
    /// Its name.
    pub(super) name: String,
    /// From its first to its last line.
    pub(super) lines: usize,
}

/// The lines of a file before its test module, and the number of lines of that module.
pub(super) fn split_tests(file: &TextFile) -> (Vec<&str>, usize) {
    let lines: Vec<&str> = file.text.lines().collect();
    let is_start = |index: &usize| {
        lines[*index].starts_with("#[cfg(test)]")
            && lines[index + 1..].iter().find(|line| !line.starts_with("#[")).is_some_and(|line| {
                let line = line.trim_end();
                line.starts_with("mod ") && line.ends_with('{')
            })
    };
    match (0..lines.len()).find(is_start) {
        Some(start) => (lines[..start].to_vec(), lines.len() - start),
        None => (lines, 0),
    }
}

/// The functions among these lines; a function without a body has none.
pub(super) fn functions(lines: &[&str]) -> Vec<Item> {
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let indent = &line[..line.len() - line.trim_start().len()];
        let rest = &lines[start..];
        let end = rest.iter().position(|line| {
            let inner = line.strip_prefix(indent).unwrap_or_default();
            inner == "}" || (inner.starts_with('}') && !inner.starts_with("} ")) || is_one_line(line, indent)
        });
        let ends_without_body = rest.iter().position(|line| line.trim_end().ends_with(';'));
        let has_body = rest.iter().position(|line| line.trim_end().ends_with('{') || line.trim_end().ends_with('}'));
        let declared_only = matches!((ends_without_body, has_body), (Some(end), Some(body)) if end < body);
        if let (Some(end), false) = (end, declared_only) {
            found.push(Item { name: name.to_owned(), lines: end + 1 });
        }
    }
    found
}

/// A function that begins and ends on one line.
fn is_one_line(line: &str, indent: &str) -> bool {
    line.starts_with(indent) && function_name(line).is_some() && line.trim_end().ends_with('}')
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    loop {
        let (word, after) = rest.split_once(' ')?;
        match word {
            "fn" => {
                let end = after.find(['(', '<'])?;
                return Some(&after[..end]);
            }
            "pub" | "const" | "async" | "unsafe" | "extern" | "\"C\"" | "default" => rest = after,
            word if word.starts_with("pub(") => rest = after,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured() {
        let text = "impl A {\n    pub(crate) fn one() {}\n    fn two(\n        a: u8,\n    ) -> u8 {\n        if a {\n        }\n    }\n\n    fn declared();\n\n    fn last() {\n        3\n    }\n}\n";
        let lines: Vec<&str> = text.lines().collect();
        let found: Vec<(String, usize)> = functions(&lines).into_iter().map(|item| (item.name, item.lines)).collect();
        assert_eq!(found, [("one".to_owned(), 1), ("two".to_owned(), 6), ("last".to_owned(), 3)]);
    }

    #[test]
    fn tests_are_split_off() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more {\n    fn b() {}\n}\n".to_owned();
        let file = TextFile { path: "a.rs".to_owned(), text };
        let (lines, tests) = split_tests(&file);
        assert_eq!((lines.len(), tests), (3, 4));
    }
}
