//! What scripts rely on: the last line and the exit code of the comparisons.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn xtask(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).args(arguments).output().expect("xtask runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last = text.lines().last().unwrap_or_default().to_owned();
    (output, last)
}

fn vectors(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors").join(file)
}

/// A folder with one file of vectors, made from the identifiers of the repository.
fn folder(name: &str, change: impl Fn(String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = fs::read_to_string(vectors("identifiers.jsonl")).expect("the vectors are there");
    fs::write(folder.path().join(name), change(text)).expect("the file can be written");
    folder
}

#[test]
fn equal_vectors_exit_with_0() {
    let folder = folder("identifiers.jsonl", |text| text);
    let (output, last) = xtask(&["vectors", &folder.path().to_string_lossy()]);
    assert_eq!(last, "319 passed, 0 failed");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_difference_is_shown_and_exits_with_1() {
    let change = |text: String| text.replacen("\"identifier\":\"a\"", "\"identifier\":\"b\"", 1);
    let folder = folder("identifiers.jsonl", change);
    let (output, last) = xtask(&["vectors", &folder.path().to_string_lossy()]);
    assert_eq!(last, "318 passed, 1 failed");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("FAILED uid · line 1"), "{text}");
    assert!(text.contains("expected \"b\", found \"a\""), "{text}");
}

#[test]
fn a_file_that_is_not_compared_is_a_failure() {
    let folder = folder("identifiers.jsonl", |text| text);
    fs::write(folder.path().join("unknown.jsonl"), "{\"kind\":\"a\"}\n").expect("the file can be written");
    let (output, last) = xtask(&["vectors", &folder.path().to_string_lossy()]);
    assert_eq!(last, "319 passed, 1 failed");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_kind_that_is_not_compared_is_a_failure() {
    let folder = folder("identifiers.jsonl", |text| text + "{\"kind\":\"new\",\"text\":\"a\"}\n");
    let (output, last) = xtask(&["vectors", &folder.path().to_string_lossy()]);
    assert_eq!((last.as_str(), output.status.code()), ("319 passed, 1 failed", Some(1)));
}

#[test]
fn an_empty_file_an_empty_folder_and_a_missing_one_are_failures() {
    let empty = folder("identifiers.jsonl", |_| String::new());
    for path in [empty.path(), tempfile::tempdir().unwrap().path(), Path::new("/no/such/folder")] {
        for subcommand in ["vectors", "replay"] {
            let (output, last) = xtask(&[subcommand, &path.to_string_lossy()]);
            assert_eq!((last.as_str(), output.status.code()), ("0 passed, 1 failed", Some(1)), "{subcommand} {path:?}");
        }
    }
}
