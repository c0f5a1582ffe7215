//! Names in documents: of files, of tests, of dependencies.

use std::collections::BTreeSet;

use super::markdown::{cells, codes, prose};
use crate::workspace::{TextFile, root};

/// Folders whose files documents name by their path from the root.
const TOP: &[&str] = &[
    "abci-app/",
    "cometbft-config/",
    "compose/",
    "crates/",
    "docs/",
    "helm/",
    "mediator/",
    "node-admin/",
    "proto/",
    "sequencer-gateway/",
    "synod/",
    "systemd/",
    "tests/",
    "xtask/",
    ".ci/",
];

/// Paths in backticks that lead nowhere, neither from the root nor from the folder of the document.
pub(super) fn paths(files: &[TextFile]) -> Vec<String> {
    let mut faults = Vec::new();
    for file in files.iter().filter(|file| file.extension() == "md") {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, line) in prose(&file.text) {
            for code in codes(line).into_iter().filter(|code| is_path(code)) {
                if !root().join(code).exists() && !root().join(folder).join(code).exists() {
                    faults.push(format!("{}:{number}: there is no {code}", file.path));
                }
            }
        }
    }
    faults
}

fn is_path(code: &str) -> bool {
    let plain = code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-'));
    plain && TOP.iter().any(|folder| code.starts_with(folder))
}

/// Rows of docs/compatibility.md whose column `Test` names no test that exists.
///
/// A cell holds names of test functions in backticks (`path::name` or `name`), or a command that compares data
/// (`cargo xtask vectors …`, `cargo xtask replay …`) whose paths exist.
pub(super) fn claims(files: &[TextFile]) -> Vec<String> {
    const DOCUMENT: &str = "docs/compatibility.md";
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return vec![format!("{DOCUMENT} is missing")];
    };
    let tests = tests(files);
    let mut faults = Vec::new();
    let mut column = None;
    let mut rows = 0;
    for (number, line) in prose(&document.text) {
        let Some(cells) = cells(line) else {
            if !line.trim_start().starts_with('|') {
                column = None;
            }
            continue;
        };
        let head = cells.iter().position(|cell| cell.eq_ignore_ascii_case("test"));
        if head.is_some() {
            column = head;
        } else if let Some(column) = column {
            rows += 1;
            let cell = cells.get(column).copied().unwrap_or_default();
            faults.extend(claim_fault(cell, &tests).map(|reason| format!("{DOCUMENT}:{number}: {reason}")));
        }
    }
    if rows == 0 {
        faults.push(format!("{DOCUMENT} has no table with a column `Test`"));
    }
    faults
}

fn claim_fault(cell: &str, tests: &BTreeSet<String>) -> Option<String> {
    let names = codes(cell);
    if names.is_empty() {
        return Some("the row names no test".to_owned());
    }
    names.into_iter().find_map(|name| {
        let command =
            ["vectors", "replay", "bench"].iter().find_map(|word| name.strip_prefix(&format!("cargo xtask {word}")));
        match command {
            Some(paths) => {
                let missing = paths.split_whitespace().find(|path| path.contains('/') && !exists(path))?;
                Some(format!("there is no {missing}"))
            }
            None => {
                let last = name.rsplit("::").next().unwrap_or(name);
                (!tests.contains(last)).then(|| format!("there is no test {name}"))
            }
        }
    })
}

/// A path from the root; what follows a `*` is not looked at.
fn exists(path: &str) -> bool {
    root().join(path.split('*').next().unwrap_or(path)).exists()
}

/// The names of all test functions.
fn tests(files: &[TextFile]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in files.iter().filter(|file| file.extension() == "rs") {
        let mut announced = false;
        for line in file.text.lines().map(str::trim) {
            let is_attribute = line.starts_with("#[test") || line.starts_with("#[tokio::test");
            let in_macro = line.starts_with("#[") || line.starts_with("//") || line.is_empty();
            if is_attribute {
                announced = true;
            } else if let (true, Some(name)) = (announced, name_of(line)) {
                found.insert(name.to_owned());
                announced = false;
            } else if !in_macro {
                announced = false;
            }
        }
    }
    found
}

fn name_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ").unwrap_or(line);
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.find(['(', '<']).map(|end| &rest[..end])
}

/// Dependencies of the workspace without a line in docs/dependencies.md, and lines for what is none.
pub(super) fn dependencies(files: &[TextFile], manifest: &str) -> Result<Vec<String>, String> {
    const DOCUMENT: &str = "docs/dependencies.md";
    let Some(document) = files.iter().find(|file| file.path == DOCUMENT) else {
        return Ok(vec![format!("{DOCUMENT} is missing")]);
    };
    let manifest: toml::Table = manifest.parse().map_err(|error| format!("Cargo.toml: {error}"))?;
    let table = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    let named: BTreeSet<&str> = table
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let rows = prose(&document.text).into_iter().filter_map(|(_, line)| cells(line));
    let first = rows.filter_map(|cells| cells.first().copied()).flat_map(codes);
    let explained: BTreeSet<&str> = first.collect();
    let missing = named.difference(&explained).map(|name| format!("{DOCUMENT} has no line for {name}"));
    let stale = explained
        .difference(&named)
        .map(|name| format!("{DOCUMENT} explains {name}, which the table of the workspace does not have"));
    Ok(missing.chain(stale).collect())
}

/// Decision records that the table in docs/adr/README.md does not list.
pub(super) fn decisions(files: &[TextFile]) -> Vec<String> {
    const FOLDER: &str = "docs/adr/";
    let Some(table) = files.iter().find(|file| file.path == "docs/adr/README.md") else {
        return vec!["docs/adr/README.md is missing".to_owned()];
    };
    let records = files
        .iter()
        .filter_map(|file| file.path.strip_prefix(FOLDER))
        .filter(|name| name.starts_with(|c: char| c.is_ascii_digit()) && !name.starts_with("000-"));
    records
        .filter(|name| !table.text.contains(&format!("({name})")))
        .map(|name| format!("{FOLDER}README.md does not list {name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_claim_without_a_test_is_found() {
        let code =
            file("a.rs", "#[test]\nfn one() {}\n\n#[tokio::test]\n#[cfg(unix)]\nasync fn two() {}\n\nfn helper() {}\n");
        let rows = "| what | Test |\n|---|---|\n| a | `one`, `x::two` |\n| b | `helper` |\n| c | |\n\
                    | d | `cargo xtask replay tests/recordings` |\n| e | `cargo xtask vectors tests/none` |\n\n\
                    | not served | why |\n|---|---|\n| f | later |\n";
        let found = claims(&[code, file("docs/compatibility.md", rows)]);
        let places: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
        assert_eq!(places, ["docs/compatibility.md:4", "docs/compatibility.md:5", "docs/compatibility.md:7"]);
        assert_eq!(claims(&[file("docs/compatibility.md", "text")]).len(), 1);
    }

    #[test]
    fn a_dependency_without_a_reason_is_found_and_a_reason_without_a_dependency() {
        let manifest = "[workspace.dependencies]\na = \"1\"\nb = { version = \"1\" }\nours = { path = \"x\" }\n";
        let document = file("docs/dependencies.md", "| crate | for |\n|---|---|\n| `a` | x |\n| `c` | x |\n");
        let found = dependencies(&[document], manifest).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found[0].contains(" b") && found[1].contains(" c,"), "{found:?}");
    }

    #[test]
    fn a_path_that_leads_nowhere_and_an_unlisted_decision_are_found() {
        assert_eq!(paths(&[file("a.md", "`docs/none.md` `docs/glossary.md` `x/y` `docs/adr/{a}`")]).len(), 1);
        let table = file("docs/adr/README.md", "[001](001-a.md)");
        let files =
            [table, file("docs/adr/000-template.md", ""), file("docs/adr/001-a.md", ""), file("docs/adr/002-b.md", "")];
        assert_eq!(decisions(&files).len(), 1);
    }
}
