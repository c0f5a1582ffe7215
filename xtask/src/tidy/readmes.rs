//! Each crate has a README of one screen with the same five headings.

use std::path::Path;

use crate::workspace::{TextFile, field, metadata, packages, root};

/// The headings, in this order.
const HEADINGS: &[&str] =
    &["## What it does", "## Where it sits in the flow", "## Invariants", "## How to test", "## Not its job"];

/// Lines of one screen.
const SCREEN: usize = 60;

pub(super) fn faults(files: &[TextFile]) -> Result<Vec<String>, String> {
    let metadata = metadata(false)?;
    let mut faults = Vec::new();
    for package in packages(&metadata) {
        let folder = Path::new(field(package, "manifest_path")).parent().unwrap_or(Path::new(""));
        let relative = folder.strip_prefix(root()).unwrap_or(folder).to_string_lossy().into_owned();
        let path = format!("{relative}/README.md");
        match files.iter().find(|file| file.path == path) {
            Some(file) => faults.extend(faults_of(file)),
            None => faults.push(format!("{path} is missing")),
        }
    }
    Ok(faults)
}

fn faults_of(file: &TextFile) -> Option<String> {
    let headings: Vec<&str> = file.text.lines().filter(|line| line.starts_with("## ")).map(str::trim_end).collect();
    if headings != HEADINGS {
        return Some(format!("{}: the headings are not {}", file.path, HEADINGS.join(", ")));
    }
    let lines = file.text.lines().count();
    (lines > SCREEN).then(|| format!("{}: {lines} lines are more than one screen", file.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_heading_and_a_long_text_are_found() {
        let file = |text: String| TextFile { path: "a/README.md".to_owned(), text };
        let good = format!("# a\n\n{}\n", HEADINGS.join("\ntext\n\n"));
        assert_eq!(faults_of(&file(good.clone())), None);
        assert!(faults_of(&file(good.replace("## Invariants", "## More"))).is_some());
        assert!(faults_of(&file(format!("{good}{}", "text\n".repeat(SCREEN)))).is_some());
    }
}
