//! A gate that cannot fail is none: every field of every kind of case is changed, and the change must be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use synod_testkit::vectors::{Case, read_cases};

use super::{CHECKS, Check, run_cases};
use crate::mutate::{Leaf, VARIANTS, leaves, mutate};

/// Fields of all files that only describe a case.
const DESCRIPTIVE: &[&str] = &["kind", "name", "note", "pv", "wrapped", "error", "error_class", "readable*"];

/// In how many cases a change of a field is tried before it counts as not found.
const TRIES: usize = 60;

/// The same for cases that are long, such as a whole trace.
const TRIES_LONG: usize = 6;

/// From how many characters on a case is long.
const LONG: usize = 20_000;

#[test]
fn a_changed_byte_in_any_field_is_found() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let faults: Vec<String> = std::thread::scope(|scope| {
        let folder = &folder;
        let runs: Vec<_> = CHECKS.iter().map(|check| scope.spawn(move || self_test(check, folder))).collect();
        runs.into_iter().flat_map(|run| run.join().expect("the check does not panic on changed cases")).collect()
    });
    assert!(faults.is_empty(), "changes that no check finds:\n{}", faults.join("\n"));
}

#[cfg(feature = "machine")]
#[test]
fn every_file_has_a_check() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    for file in super::files(&folder).expect("the folder of vectors can be read") {
        let stem = super::stem(&file);
        assert!(CHECKS.iter().any(|check| check.file == stem), "{stem} is not compared");
    }
}

/// The fields of the kinds of one file of which no change is found.
fn self_test(check: &Check, folder: &Path) -> Vec<String> {
    let (context, kinds) = load(check, folder);
    let mut faults = Vec::new();
    let mut known = BTreeSet::new();
    for (kind, cases) in kinds {
        let (found, missed) = fields_of_kind(check, folder, &context, &kind, &cases);
        if found.is_empty() {
            faults.push(format!("{}: {kind}: no change at all", check.file));
        }
        faults.extend(missed.into_iter().map(|field| format!("{}: {kind}.{field}", check.file)));
        known.extend(cases.iter().flat_map(|case| leaves(&case.value)).map(|leaf| format!("{kind}.{}", leaf.field())));
    }
    for listed in check.not_compared {
        if !known.iter().any(|field| covers(listed, field)) {
            faults.push(format!("{}: {listed} is listed as not compared, but there is no such field", check.file));
        }
    }
    faults
}

/// The definitions of a file, and its cases that are compared by kind, the short ones first.
fn load(check: &Check, folder: &Path) -> (Vec<Case>, BTreeMap<String, Vec<Case>>) {
    let path = path_of(folder, check.file);
    let mut context = Vec::new();
    let mut kinds: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in read_cases(&path).expect("the file of vectors can be read") {
        let case = case.expect("the file of vectors is sound");
        if (check.is_context)(&case) {
            context.push(case);
        } else if case.protocol_version() != Some(34) {
            kinds.entry(case.kind().to_owned()).or_default().push(case);
        }
    }
    for cases in kinds.values_mut() {
        cases.sort_by_cached_key(|case| case.value.to_string().len());
    }
    (context, kinds)
}

/// The fields of a kind of which a change is found, and those of which none is.
fn fields_of_kind(
    check: &Check,
    folder: &Path,
    context: &[Case],
    kind: &str,
    cases: &[Case],
) -> (BTreeSet<String>, BTreeSet<String>) {
    let ignored = |field: &str| {
        let full = format!("{kind}.{field}");
        let last = field.rsplit('.').next().unwrap_or(field);
        DESCRIPTIVE.iter().any(|listed| covers(listed, last) || covers(listed, field))
            || check.not_compared.iter().any(|listed| covers(listed, &full))
    };
    let mut found = BTreeSet::new();
    let mut tries: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let limit = if case.value.to_string().len() < LONG { TRIES } else { TRIES_LONG };
        let mut here = BTreeSet::new();
        for leaf in leaves(&case.value) {
            let field = leaf.field();
            let open = !found.contains(&field) && tries.get(&field).is_none_or(|tried| *tried < limit);
            if ignored(&field) || !open || !here.insert((field.clone(), leaf.half(&case.value))) {
                continue;
            }
            *tries.entry(field.clone()).or_default() += 1;
            if is_found(check, folder, context, case, &leaf) {
                found.insert(field);
            }
        }
    }
    let missed = tries.into_keys().filter(|field| !found.contains(field)).collect();
    (found, missed)
}

fn is_found(check: &Check, folder: &Path, context: &[Case], case: &Case, leaf: &Leaf) -> bool {
    (0..VARIANTS).any(|variant| {
        let changed = Case { line: case.line, value: mutate(&case.value, leaf, variant) };
        let cases = context.iter().cloned().chain([changed]).map(Ok);
        run_cases(check, folder, Box::new(cases)).failed() > 0
    })
}

fn covers(listed: &str, field: &str) -> bool {
    match listed.strip_suffix('*') {
        Some(prefix) => field.starts_with(prefix),
        None => field == listed,
    }
}

fn path_of(folder: &Path, file: &str) -> PathBuf {
    let plain = folder.join(format!("{file}.jsonl"));
    if plain.exists() { plain } else { folder.join(format!("{file}.jsonl.gz")) }
}
