//! `cargo xtask vectors`: compares the product with golden vectors, file by file.
//!
//! One module per file of vectors, named as the file. A check counts each case under its `kind`, and [`run`] makes sure
//! that none is forgotten: a kind of which fewer cases were counted than the file has is a failure, and only cases of
//! protocol version 34 may be skipped. To add a file: write its module, and add a line to [`CHECKS`].

#[cfg(feature = "topology")]
mod aliases;
#[cfg(feature = "crypto")]
mod hashes;
mod identifiers;
mod input;
#[cfg(feature = "crypto")]
mod keys;
#[cfg(feature = "mediator")]
mod mediator;
#[cfg(test)]
mod self_test;
#[cfg(feature = "machine")]
mod sequencer_pipeline;
#[cfg(feature = "crypto")]
mod signatures;
#[cfg(feature = "topology")]
mod topology_mappings;
#[cfg(feature = "topology")]
mod topology_queries;
#[cfg(feature = "topology")]
mod topology_traces;
#[cfg(feature = "machine")]
mod traffic;
mod verdict;
#[cfg(feature = "wire")]
mod wire;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use synod_testkit::Tally;
use synod_testkit::vectors::{Case, read_cases};

pub(crate) use input::Input;

use crate::report;

/// How a file is compared.
enum Run {
    /// Each case by itself.
    Each(fn(&Case, &mut Tally)),
    /// The file as a whole, where cases refer to other lines.
    Whole(fn(&mut Input<'_>, &mut Tally)),
}

/// The comparison of one file of vectors.
struct Check {
    file: &'static str,
    run: Run,
    is_context: fn(&Case) -> bool,
    not_compared: &'static [&'static str],
}

impl Check {
    const fn each(file: &'static str, check: fn(&Case, &mut Tally)) -> Self {
        Self { file, run: Run::Each(check), is_context: |_| false, not_compared: &[] }
    }

    #[cfg_attr(not(feature = "topology"), expect(dead_code, reason = "the files of this form need those features"))]
    const fn whole(file: &'static str, check: fn(&mut Input<'_>, &mut Tally)) -> Self {
        Self { file, run: Run::Whole(check), is_context: |_| false, not_compared: &[] }
    }

    /// Names the lines that are no cases, but definitions that cases refer to.
    #[cfg_attr(not(feature = "topology"), expect(dead_code, reason = "the files of this form need those features"))]
    const fn context(mut self, is_context: fn(&Case) -> bool) -> Self {
        self.is_context = is_context;
        self
    }

    /// Names fields of cases (`kind.field` or `kind.list[].field`; a name that ends in `*` stands for all that begin so)
    /// which are for the reader only. The self-test demands of every other field that a change of it is found.
    const fn not_compared(mut self, fields: &'static [&'static str]) -> Self {
        self.not_compared = fields;
        self
    }
}

/// All comparisons, by the name of the file without `.jsonl` or `.jsonl.gz`.
const CHECKS: &[Check] = &[
    Check::each("identifiers", identifiers::check).not_compared(identifiers::NOT_COMPARED),
    #[cfg(feature = "crypto")]
    Check::each("hashes", hashes::check).not_compared(&["digest.purpose"]),
    #[cfg(feature = "crypto")]
    Check::each("keys", keys::check).not_compared(&["signing_key.key"]),
    #[cfg(feature = "crypto")]
    Check::each("signatures", signatures::check).not_compared(SIGNATURES_NOT_COMPARED),
    #[cfg(feature = "wire")]
    Check::each("wire", wire::check).not_compared(wire::NOT_COMPARED),
    #[cfg(feature = "topology")]
    Check::whole("topology_mappings", topology_mappings::check).context(aliases::Aliases::is_definition),
    #[cfg(feature = "topology")]
    Check::whole("topology_traces_scripted", topology_traces::check)
        .context(aliases::Aliases::is_definition)
        .not_compared(topology_traces::NOT_COMPARED),
    #[cfg(feature = "topology")]
    Check::whole("topology_traces_random", topology_traces::check)
        .context(aliases::Aliases::is_definition)
        .not_compared(topology_traces::NOT_COMPARED),
    #[cfg(feature = "topology")]
    Check::whole("topology_queries", topology_queries::check).context(aliases::Aliases::is_definition),
    #[cfg(feature = "machine")]
    Check::whole("traffic", traffic::check).not_compared(traffic::NOT_COMPARED),
    #[cfg(feature = "machine")]
    Check::whole("sequencer_pipeline", sequencer_pipeline::check)
        .context(sequencer_pipeline::is_context)
        .not_compared(sequencer_pipeline::NOT_COMPARED),
    #[cfg(feature = "mediator")]
    Check::whole("mediator", mediator::check)
        .context(aliases::Aliases::is_definition)
        .not_compared(mediator::NOT_COMPARED),
    #[cfg(feature = "mediator")]
    Check::whole("mediator_aggregation", mediator::aggregation::check)
        .context(mediator::aggregation::is_context)
        .not_compared(mediator::aggregation::NOT_COMPARED),
];

/// The aliases of keys; and a usage that makes no difference because the keys of those cases are for every usage
/// (`usage_check` has the others).
#[cfg(feature = "crypto")]
const SIGNATURES_NOT_COMPARED: &[&str] = &[
    "auth_challenge.key.key",
    "session_delegation.long_term_key.key",
    "session_delegation.session_key.key",
    "sign.key.key",
    "signed_content.key.key",
    "verify.required_usages[]",
];

/// Compares all files of the folders (or the files themselves), prints what differs, and gives the sum.
pub(crate) fn compare(paths: &[PathBuf], show: usize) -> Tally {
    let mut total = Tally::new();
    for path in paths {
        match files(path) {
            Ok(files) if files.is_empty() => {
                total.case("files", path.display().to_string(), Err("there is no file of vectors".into()));
                println!("{}: there is no file of vectors", path.display());
            }
            Ok(files) => files.iter().for_each(|file| compare_file(file, show, &mut total)),
            Err(reason) => {
                println!("{}: {reason}", path.display());
                total.case("files", path.display().to_string(), Err(reason));
            }
        }
    }
    total
}

fn compare_file(path: &Path, show: usize, total: &mut Tally) {
    let stem = stem(path);
    let tally = match CHECKS.iter().find(|check| check.file == stem) {
        Some(check) => run(check, path),
        None => {
            let mut tally = Tally::new();
            tally.case("files", &stem, Err("no comparison is written for this file".to_owned()));
            tally
        }
    };
    report::print(&path.display().to_string(), &tally, show);
    total.merge(&stem, tally);
}

/// Runs one comparison over its file.
fn run(check: &Check, path: &Path) -> Tally {
    let folder = path.parent().unwrap_or(Path::new("."));
    match read_cases(path) {
        Ok(cases) => run_cases(check, folder, Box::new(cases)),
        Err(error) => {
            let mut tally = Tally::new();
            tally.case("files", check.file, Err(format!("{error}: {}", input::cause(&error))));
            tally
        }
    }
}

/// Runs one comparison over these cases, and makes sure that each was counted.
fn run_cases(check: &Check, folder: &Path, cases: input::Cases<'_>) -> Tally {
    let mut input = Input::new(folder, cases, check.is_context);
    let mut tally = Tally::new();
    match check.run {
        Run::Each(one) => {
            for case in &mut input {
                one(&case, &mut tally);
            }
        }
        Run::Whole(all) => all(&mut input, &mut tally),
    }
    for (category, reason) in input.finish(&tally) {
        tally.case(&category, "completeness", Err(reason));
    }
    tally
}

/// The files of vectors at a path, sorted; documentation is left out, everything else must be one.
fn files(path: &Path) -> Result<Vec<PathBuf>, String> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension() != Some(OsStr::new("md")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn stem(path: &Path) -> String {
    let name = path.file_name().map(OsStr::to_string_lossy).unwrap_or_default();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    plain.strip_suffix(".jsonl").unwrap_or(plain).to_owned()
}
