//! Sizes of files and functions, with a ratchet: what is too long today may only become shorter.

use std::collections::BTreeMap;
use std::fs;

use super::code::{functions, split_tests};
use crate::workspace::{TextFile, root};

/// Lines of a source file, its tests left out, that are too many.
const FILE_LIMIT: usize = 800;

/// Lines of a function that are too many.
const FUNCTION_LIMIT: usize = 70;

/// Lines of a test module inside of a source file; longer ones belong into a file `tests.rs` beside it.
const INNER_TESTS_LIMIT: usize = 150;

/// The list of what is too long: `<lines> <path> [<function>]`.
const RATCHET: &str = "xtask/ratchet.txt";

/// What the head of the list says.
const HEAD: &str = "# What is longer than the limits of `cargo xtask tidy`: lines, path, function. May only shrink:\n\
    # `cargo xtask tidy --lower` takes over what became shorter.\n";

type Sizes = BTreeMap<String, usize>;

pub(super) fn faults(files: &[TextFile]) -> Vec<String> {
    let allowed = match ratchet() {
        Ok(allowed) => allowed,
        Err(reason) => return vec![reason],
    };
    let found = too_long(files);
    let mut faults = Vec::new();
    for (what, lines) in &found {
        match allowed.get(what) {
            None => faults.push(format!("{what}: {lines} lines are too many")),
            Some(limit) if lines > limit => faults.push(format!("{what}: grew from {limit} to {lines} lines")),
            Some(_) => {}
        }
    }
    for (what, limit) in &allowed {
        if found.get(what).is_none_or(|lines| lines < limit) {
            faults.push(format!("{what}: became shorter than the {limit} of {RATCHET}; run cargo xtask tidy --lower"));
        }
    }
    faults.extend(files.iter().filter_map(not_a_table_of_contents));
    faults
}

/// Takes shorter sizes over into the list, and tells what it did.
pub(super) fn lower_ratchet(files: &[TextFile]) -> Result<String, String> {
    let found = too_long(files);
    let mut text = HEAD.to_owned();
    let mut changes = 0;
    for (what, limit) in ratchet()? {
        let now = found.get(&what).copied();
        changes += usize::from(now.is_none_or(|lines| lines < limit));
        if let Some(lines) = now {
            text.push_str(&format!("{} {what}\n", lines.min(limit)));
        }
    }
    fs::write(root().join(RATCHET), text).map_err(|error| format!("write {RATCHET}: {error}"))?;
    Ok(format!("{changes} entries lowered"))
}

fn ratchet() -> Result<Sizes, String> {
    let text = fs::read_to_string(root().join(RATCHET)).map_err(|error| format!("read {RATCHET}: {error}"))?;
    let line = |line: &str| {
        let (lines, what) = line.split_once(' ').ok_or_else(|| format!("{RATCHET}: unknown line {line:?}"))?;
        let lines = lines.parse().map_err(|_| format!("{RATCHET}: no number in {line:?}"))?;
        Ok((what.to_owned(), lines))
    };
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(line).collect()
}

/// Everything over a limit, by path or by path and function.
fn too_long(files: &[TextFile]) -> Sizes {
    let mut found = Sizes::new();
    for file in files.iter().filter(|file| file.extension() == "rs" && !file.is_test()) {
        let (lines, tests) = split_tests(file);
        if lines.len() > FILE_LIMIT {
            found.insert(file.path.clone(), lines.len());
        }
        if tests > INNER_TESTS_LIMIT {
            found.insert(format!("{} its-tests", file.path), tests);
        }
        for function in functions(&lines).into_iter().filter(|function| function.lines > FUNCTION_LIMIT) {
            found.insert(format!("{} {}", file.path, function.name), function.lines);
        }
    }
    found
}

/// `lib.rs` is documentation, `mod` and `pub use`: definitions live in files that are named after them.
fn not_a_table_of_contents(file: &TextFile) -> Option<String> {
    let defines = |line: &&str| {
        let plain = line.strip_prefix("pub ").unwrap_or(line);
        ["fn ", "struct ", "enum ", "trait ", "impl ", "impl<", "macro_rules!"]
            .iter()
            .any(|word| plain.starts_with(word))
    };
    let (lines, _) = split_tests(file);
    let line = file.path.ends_with("src/lib.rs").then(|| lines.iter().find(|line| defines(line)).copied()).flatten()?;
    Some(format!("{}: `{line}` belongs into a file of its own", file.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> TextFile {
        TextFile { path: path.to_owned(), text }
    }

    #[test]
    fn what_is_too_long_is_found() {
        let function = format!("fn long() {{\n{}}}\n", "    work();\n".repeat(FUNCTION_LIMIT));
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // a test\n".repeat(INNER_TESTS_LIMIT));
        let files = [
            file("a.rs", format!("{function}{tests}")),
            file("b.rs", "// a line\n".repeat(FILE_LIMIT + 1)),
            file("c/tests/d.rs", "// a line\n".repeat(FILE_LIMIT + 1)),
        ];
        let found: Vec<(String, usize)> = too_long(&files).into_iter().collect();
        let expected = [("a.rs its-tests", 153), ("a.rs long", 72), ("b.rs", 801)];
        assert_eq!(found, expected.map(|(what, lines)| (what.to_owned(), lines)));
    }

    #[test]
    fn a_definition_in_lib_rs_is_found() {
        let lib = |text: &str| not_a_table_of_contents(&file("crates/a/src/lib.rs", text.to_owned()));
        assert_eq!(lib("//! Docs.\n\nmod a;\npub use a::{\n    B,\n};\n"), None);
        assert!(lib("mod a;\n\npub struct B;\n").is_some());
    }
}
