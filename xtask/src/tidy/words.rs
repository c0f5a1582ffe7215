//! Words that must not stand in the repository.

use crate::workspace::TextFile;

/// Calls that leave work undone; macros of the compiler's own.
const UNDONE: &[&str] = &["todo!", "unimplemented!", "dbg!"];

pub(super) fn faults(files: &[TextFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.path != "Cargo.lock" && !file.path.starts_with("xtask/src/tidy/")) {
        for (number, line) in file.text.lines().enumerate() {
            let found = machine_specific(line).or_else(|| {
                let code = file.extension() == "rs";
                code.then(|| undone(line).or_else(|| ignored_without_reason(line))).flatten()
            });
            faults.extend(found.map(|reason| format!("{}:{}: {reason}", file.path, number + 1)));
        }
    }
    faults
}

fn undone(line: &str) -> Option<String> {
    let code = line.split("//").next().unwrap_or_default();
    let word = UNDONE.iter().find(|word| code.contains(&format!("{word}(")))?;
    Some(format!("`{word}` leaves work undone"))
}

/// `#[ignore = "2026-08-01: reason"]` is the only form: a date and a reason.
fn ignored_without_reason(line: &str) -> Option<String> {
    let attribute = line.trim().strip_prefix("#[ignore")?;
    let reason = attribute.split('"').nth(1).unwrap_or_default();
    let (date, text) = reason.split_once(':').unwrap_or_default();
    let is_date = date.len() == 10
        && date.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    (!is_date || text.trim().is_empty()).then(|| "#[ignore] needs a date and a reason".to_owned())
}

/// Paths and hosts of the machine that something was written on.
fn machine_specific(line: &str) -> Option<String> {
    let hosts = ["static.crates.io", "index.crates.io", "proxy.golang.org", "registry.npmjs.org", "deb.debian.org"];
    if let Some(host) = hosts.iter().find(|host| line.contains(**host)) {
        return Some(format!("names the registry host {host}"));
    }
    let folders = ["/work/", "/home/", "/root/"];
    let folder = folders.iter().find(|folder| {
        line.match_indices(**folder).any(|(place, _)| {
            !line[..place]
                .chars()
                .next_back()
                .is_some_and(|c| c.is_alphanumeric() || matches!(c, '}' | '_' | '-' | '.' | '>'))
        })
    })?;
    Some(format!("names the folder {folder} of one machine"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_test_needs_date_and_reason() {
        assert!(ignored_without_reason("    #[ignore]").is_some());
        assert!(ignored_without_reason("#[ignore = \"slow\"]").is_some());
        assert!(ignored_without_reason("#[ignore = \"2026-08-01: \"]").is_some());
        assert!(ignored_without_reason("#[ignore = \"2026-08-01: needs a real disk\"]").is_none());
        assert!(ignored_without_reason("let ignore = 1;").is_none());
    }

    #[test]
    fn machine_specific_text_is_found() {
        assert!(machine_specific("see /work/notes").is_some());
        assert!(machine_specific("`/work/notes`").is_some());
        assert!(machine_specific("crates/work/notes").is_none());
        assert!(machine_specific("https://proxy.golang.org").is_some());
    }

    #[test]
    fn undone_work_is_found() {
        assert!(undone("    todo!()").is_some());
        assert!(undone("    // todo!() is not allowed").is_none());
    }
}
