//! Error codes in the source and in docs/errors.

use std::collections::BTreeMap;

use super::markdown::{cells, codes, prose};
use crate::workspace::TextFile;

const FOLDER: &str = "docs/errors/";
/// Where codes are made that somebody outside reads.
const SOURCES: &[&str] = &[
    "abci-app/src/",
    "cometbft-config/src/",
    "crates/",
    "mediator/src/",
    "node-admin/src/",
    "sequencer-gateway/src/",
    "synod/src/",
];
/// Upper case words that are names of variables.
const VARIABLES: &[&str] = &["CARGO_", "SYNOD_", "LC_", "OUT_", "TOKIO_"];

/// Codes that are made in the source and stand in no table of docs/errors, and codes that stand there and nowhere else.
///
/// A code is a literal of at least two upper case words, `"A_B"`, outside of tests. In the documents it stands in the
/// first cell of a row, below a head `code`.
pub(super) fn faults(files: &[TextFile]) -> Vec<String> {
    let made = made(files);
    let explained = explained(files);
    if explained.is_empty() {
        return vec![format!("{FOLDER} explains no code")];
    }
    let missing = made.iter().filter(|(code, _)| !explained.contains_key(*code));
    let missing = missing.map(|(code, place)| format!("{place}: {FOLDER} does not explain {code}"));
    let stale = explained.iter().filter(|(code, _)| !made.contains_key(*code));
    let stale = stale.map(|(code, place)| format!("{place}: nothing makes the code {code}"));
    missing.chain(stale).collect()
}

/// The codes of the source, each with the first place of it.
fn made(files: &[TextFile]) -> BTreeMap<&str, String> {
    let is_source = |file: &&TextFile| {
        file.extension() == "rs" && !file.is_test() && SOURCES.iter().any(|folder| file.path.starts_with(folder))
    };
    let mut found = BTreeMap::new();
    for file in files.iter().filter(is_source) {
        let production = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (index, line) in production.lines().enumerate() {
            for literal in line.split('"').skip(1).step_by(2).filter(|literal| is_code(literal)) {
                found.entry(literal).or_insert_with(|| format!("{}:{}", file.path, index + 1));
            }
        }
    }
    found
}

/// The codes of the documents, each with the first place of it.
fn explained(files: &[TextFile]) -> BTreeMap<&str, String> {
    let mut found = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.starts_with(FOLDER)) {
        let mut is_table = false;
        for (number, line) in prose(&file.text) {
            let cells = cells(line);
            let first = cells.as_ref().and_then(|cells| cells.first()).copied().unwrap_or_default();
            if !line.starts_with('|') {
                is_table = false;
            } else if first == "code" {
                is_table = true;
            } else if is_table {
                for code in codes(first) {
                    found.entry(code).or_insert_with(|| format!("{}:{number}", file.path));
                }
            }
        }
    }
    found
}

fn is_code(literal: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    literal.contains('_')
        && literal.split('_').all(is_word)
        && literal.starts_with(|first: char| first.is_ascii_uppercase())
        && !VARIABLES.iter().any(|prefix| literal.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn codes_without_explanation_and_explanations_without_code_are_found() {
        let source = "fn f() { code(\"A_ONE\", \"Name\"); env(\"SYNOD_X\") }\nconst B: &str = \"B_2\";\n\
                      #[cfg(test)]\nmod tests { const C: &str = \"IN_TEST\"; }\n";
        let document = "`C_PROSE`\n| code | when |\n|---|---|\n| `A_ONE` | x |\n| `GONE_NOW` | x |\n\n\
                        | exit code | x |\n|---|---|\n| `D_E` | x |\n";
        let files = [
            file("crates/a/src/lib.rs", source),
            file("crates/a/tests/b.rs", "\"IN_TESTS\""),
            file("xtask/src/main.rs", "\"NOT_OURS\""),
            file("docs/errors/a.md", document),
        ];
        let found = faults(&files);
        let places: Vec<&str> = found.iter().filter_map(|fault| fault.split(": ").next()).collect();
        assert_eq!(places, ["crates/a/src/lib.rs:2", "docs/errors/a.md:5"], "{found:?}");
        assert_eq!(faults(&files[..3]).len(), 1);
    }

    #[test]
    fn the_codes_of_the_product_are_found() {
        let files = crate::workspace::text_files().expect("the workspace can be read");
        let made = made(&files);
        for code in ["SEQUENCER_OVERLOADED", "TOPOLOGY_SERIAL_MISMATCH", "INVALID_LEDGER_EVENT", "SERVER_OVERLOADED"] {
            assert!(made.contains_key(code), "{code}");
        }
    }
}
