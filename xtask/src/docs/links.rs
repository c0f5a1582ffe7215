//! Links between documents.

use std::path::{Component, Path, PathBuf};

use super::markdown::{anchors, prose, targets};
use crate::workspace::{TextFile, root};

pub(super) fn faults(files: &[TextFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.extension() == "md") {
        for (number, line) in prose(&file.text) {
            for target in
                targets(line).into_iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
            {
                faults.extend(fault(files, file, target).map(|reason| format!("{}:{number}: {reason}", file.path)));
            }
        }
    }
    faults
}

fn fault(files: &[TextFile], from: &TextFile, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let to = if path.is_empty() {
        PathBuf::from(&from.path)
    } else {
        normal(&Path::new(&from.path).parent().unwrap_or(Path::new("")).join(path))
    };
    let Some(document) = files.iter().find(|file| Path::new(&file.path) == to) else {
        return (!root().join(&to).exists()).then(|| format!("the link {target} leads nowhere"));
    };
    let missing = !anchor.is_empty() && !anchors(&document.text).iter().any(|known| known == anchor);
    missing.then(|| format!("the link {target} leads to no heading"))
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                parts.pop();
            }
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
        let files = [
            file("docs/a.md", "[b](adr/README.md#decisions) [c](../Cargo.toml) [d](#here)\n## Here\n[e](https://f)"),
            file("docs/adr/README.md", "# Decisions"),
            file("docs/g.md", "[h](none.md)\n[i](adr/README.md#none)\n[j](#none)"),
        ];
        let found = faults(&files);
        let places: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
        assert_eq!(places, ["docs/g.md:1", "docs/g.md:2", "docs/g.md:3"]);
    }
}
