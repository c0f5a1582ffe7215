//! `cargo xtask test`: every gate and every test, in the order in which a mistake shows soonest.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::command::{cargo, command, run, run_watched};
use crate::workspace::{field, metadata};
use crate::{deny, docs, layers, tidy, tools};

/// How a step went.
#[derive(Default)]
struct Outcome {
    passed: usize,
    failed: usize,
    reason: Option<String>,
}

impl Outcome {
    /// A gate: counts only when it fails.
    fn of_gate(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::default(),
            Err(reason) => Self { failed: 1, reason: Some(reason), ..Self::default() },
        }
    }

    fn of_faults(faults: Result<Vec<String>, String>) -> Self {
        Self::of_gate(print_faults(faults))
    }
}

/// Prints what a gate found; `Err` when it found something.
pub(crate) fn print_faults(faults: Result<Vec<String>, String>) -> Result<(), String> {
    let faults = faults?;
    for fault in &faults {
        println!("{fault}");
    }
    if faults.is_empty() { Ok(()) } else { Err(format!("{} faults", faults.len())) }
}

type Step = (&'static str, fn() -> Outcome);

/// The steps in their order. One that fails does not keep the others from running.
const STEPS: &[Step] = &[
    ("format", || Outcome::of_gate(run(&mut cargo(&["fmt", "--all", "--check"])))),
    ("tidy", || Outcome::of_faults(tidy::faults())),
    ("layers", || Outcome::of_faults(layers::faults())),
    ("docs", || Outcome::of_faults(docs::faults())),
    ("dependencies", || Outcome::of_gate(deny::check())),
    ("tools", || Outcome::of_gate(tools::install())),
    ("lints", || Outcome::of_gate(lints())),
    ("tests", tests),
    ("vectors", || comparison("vectors", "tests/vectors")),
    ("recordings", || comparison("replay", "tests/recordings")),
    ("compose", || comparison("compose", "compose")),
];

/// The names of the steps, for the help text.
pub(crate) fn names() -> Vec<&'static str> {
    STEPS.iter().map(|(name, _)| *name).collect()
}

/// Runs the steps (`only` those, when there are any, without `skip`) and prints a summary; the last line is
/// `N passed, N failed`.
pub(crate) fn all(only: &[String], skip: &[String]) -> ExitCode {
    let begun = Instant::now();
    let chosen = STEPS.iter().filter(|(name, _)| {
        (only.is_empty() || only.iter().any(|only| only == name)) && !skip.iter().any(|skip| skip == name)
    });
    let mut summary: Vec<(&str, Outcome, Duration)> = Vec::new();
    for (name, step) in chosen {
        println!("\n=== {name}");
        let start = Instant::now();
        let outcome = step();
        summary.push((name, outcome, start.elapsed()));
    }
    println!("\n=== summary");
    let (mut passed, mut failed) = (0, 0);
    for (name, outcome, duration) in &summary {
        let verdict = if outcome.failed == 0 { "ok" } else { "FAILED" };
        let reason = outcome.reason.as_deref().unwrap_or_default();
        let (good, bad) = (outcome.passed, outcome.failed);
        println!(
            "{name:<14} {verdict:<8} {good:>7} passed {bad:>5} failed {:>7.1} s  {reason}",
            duration.as_secs_f64()
        );
        passed += good;
        failed += bad;
    }
    println!("{:.0} s in all", begun.elapsed().as_secs_f64());
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn lints() -> Result<(), String> {
    let arguments = ["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run(&mut cargo(&arguments))
}

/// The tests of the workspace, counted by the result lines that each test program prints.
fn tests() -> Outcome {
    let mut outcome = Outcome::default();
    let arguments = ["test", "--workspace", "--locked", "--no-fail-fast"];
    let result = run_watched(cargo(&arguments).env("PATH", tools::path()), |line| {
        if let Some((passed, failed)) = counts(line) {
            outcome.passed += passed;
            outcome.failed += failed;
        }
    });
    if let Err(reason) = result {
        outcome.failed = outcome.failed.max(1);
        outcome.reason = Some(reason);
    }
    outcome
}

/// A comparison with data, in a process of its own: this one may have been built without it (see `.ci/run`), so that a
/// mistake in the core does not keep the gates from running.
fn comparison(subcommand: &str, folder: &str) -> Outcome {
    let program = match build() {
        Ok(program) => program,
        Err(reason) => return Outcome::of_gate(Err(reason)),
    };
    let mut last = String::new();
    let mut compare = command(&program.to_string_lossy(), &[subcommand, folder]);
    let result = run_watched(&mut compare, |line| line.clone_into(&mut last));
    let sums = sums(&last);
    let (passed, failed) = sums.unwrap_or_default();
    match result {
        Ok(()) if sums.is_none() => Outcome::of_gate(Err("the last line is not `N passed, N failed`".to_owned())),
        Ok(()) => Outcome { passed, failed, reason: None },
        Err(reason) => Outcome { passed, failed: failed.max(1), reason: Some(reason) },
    }
}

/// Builds this program with all of its features. As part of the workspace, because then its dependencies are those that
/// the tests were built with; for the package alone cargo would choose other features and build half of them again.
fn build() -> Result<PathBuf, String> {
    run(&mut cargo(&["build", "--quiet", "--locked", "--workspace", "--bin", "xtask"]))?;
    let metadata = metadata(false)?;
    Ok(Path::new(field(&metadata, "target_directory")).join("debug").join("xtask"))
}

/// The numbers of `3 passed, 0 failed`.
fn sums(line: &str) -> Option<(usize, usize)> {
    let (passed, failed) = line.split_once(" passed, ")?;
    Some((passed.parse().ok()?, failed.strip_suffix(" failed")?.parse().ok()?))
}

/// The numbers of `test result: ok. 3 passed; 0 failed; …`.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut parts = numbers.split("; ");
    let passed = parts.next()?.strip_suffix(" passed")?.parse().ok()?;
    let failed = parts.next()?.strip_suffix(" failed")?.parse().ok()?;
    Some((passed, failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_counted() {
        let line = "test result: FAILED. 8 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.43s";
        assert_eq!(counts(line), Some((8, 1)));
        assert_eq!(counts("running 3 tests"), None);
        assert_eq!(sums("3 passed, 1 failed"), Some((3, 1)));
        assert_eq!(sums("and 3 more"), None);
    }
}
