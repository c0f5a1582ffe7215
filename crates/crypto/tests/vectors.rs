//! The golden vectors of this crate's concern, by the same checks that `cargo xtask vectors` runs.

use std::path::Path;

use synod_testkit::Tally;
use synod_testkit::vectors::{Case, read_cases};

#[path = "../../../xtask/src/vectors/hashes.rs"]
mod hashes;
#[path = "../../../xtask/src/vectors/keys.rs"]
mod keys;
#[path = "../../../xtask/src/vectors/signatures.rs"]
mod signatures;

fn run(file: &str, cases: usize, check: fn(&Case, &mut Tally)) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(file);
    let mut tally = Tally::new();
    for case in read_cases(&path).expect("the file of vectors can be opened") {
        check(&case.expect("the line of vectors can be read"), &mut tally);
    }
    assert_eq!(tally.failures(), &[] as &[String]);
    assert_eq!(tally.passed(), cases);
}

#[test]
fn all_cases_of_hashes() {
    run("hashes.jsonl", 255, hashes::check);
}

#[test]
fn all_cases_of_keys() {
    run("keys.jsonl", 224, keys::check);
}

#[test]
fn all_cases_of_signatures() {
    run("signatures.jsonl", 451, signatures::check);
}
