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
    if !root().join(&to).exists() {
        return Some(format!("the link {target} leads nowhere"));
    }
    let document = files.iter().find(|file| Path::new(&file.path) == to)?;
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
