//! The workspace as the gates see it: its files, and what `cargo metadata` says.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::cargo;

/// Folders that are not ours to check: built things, and recorded data.
const LEFT_OUT: &[&str] = &["target", "node_modules", "vectors", "recordings"];

/// The root folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map_or_else(|| xtask.to_owned(), Path::to_owned)
}

/// A file with its path relative to the root, and its text.
pub(crate) struct TextFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// The content.
    pub(crate) text: String,
}

impl TextFile {
    /// The text after the last dot of the name; empty when there is none.
    pub(crate) fn extension(&self) -> &str {
        self.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, extension)| extension)
    }

    /// Whether the file as a whole is test code: `tests.rs`, `…_tests.rs`, or anything below a folder `tests`, `benches`
    /// or `fuzz`.
    pub(crate) fn is_test(&self) -> bool {
        let mut folders = self.path.rsplit('/');
        let name = folders.next().unwrap_or_default();
        name == "tests.rs" || name.ends_with("_tests.rs") || folders.any(|folder| matches!(folder, "tests" | "benches"))
    }
}

/// All text files of the workspace, sorted by path. Hidden folders other than `.ci` and `.cargo` are left out.
pub(crate) fn text_files() -> Result<Vec<TextFile>, String> {
    let root = root();
    let mut found = Vec::new();
    collect(&root, &root, &mut found)?;
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<TextFile>) -> Result<(), String> {
    let context = |error: std::io::Error| format!("read {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(context)? {
        let path = entry.map_err(context)?.path();
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if path.is_dir() {
            let hidden = name.starts_with('.') && !matches!(name, ".ci" | ".cargo" | ".github");
            if !hidden && !LEFT_OUT.contains(&name) {
                collect(root, &path, found)?;
            }
        } else if let Ok(text) = fs::read_to_string(&path) {
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push(TextFile { path: relative, text });
        }
    }
    Ok(())
}

/// The answer of `cargo metadata`; with the resolved graph, or of the workspace alone.
pub(crate) fn metadata(with_dependencies: bool) -> Result<Value, String> {
    let mut command = cargo(&["metadata", "--format-version", "1"]);
    if with_dependencies {
        command.args(["--all-features", "--locked"]);
    } else {
        command.arg("--no-deps");
    }
    let output = command.output().map_err(|error| format!("run cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

/// The packages of an answer of [`metadata`].
pub(crate) fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

/// A text field of a JSON object; empty when there is none.
pub(crate) fn field<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}
