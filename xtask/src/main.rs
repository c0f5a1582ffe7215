//! Developer commands of the workspace: `cargo xtask --help`.

#[cfg(feature = "bench")]
mod bench;
mod command;
#[cfg(feature = "compose")]
mod compose;
mod deny;
mod docs;
mod layers;
#[cfg(test)]
mod mutate;
#[cfg(feature = "machine")]
mod replay;
mod report;
mod test;
mod tidy;
mod tools;
mod vectors;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use synod_testkit::Tally;

/// Developer commands of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs every gate and every test, vectors and recordings included; last line `N passed, N failed`
    Test {
        /// Only these steps (see the summary for their names); may be given several times
        #[arg(long, value_parser = test::names())]
        only: Vec<String>,
        /// Not these steps; may be given several times
        #[arg(long, value_parser = test::names())]
        skip: Vec<String>,
    },
    /// Compares the product with golden vectors; last line `N passed, N failed`
    Vectors(Compare),
    /// Replays recordings through the machine and compares every outcome; last line `N passed, N failed`
    Replay(Compare),
    /// Measures nodes against the goals of the product; builds with optimization
    #[cfg(feature = "bench")]
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Tries `compose/`: as processes, and in containers where that is possible; last line `N passed, N failed`
    #[cfg(feature = "compose")]
    Compose(compose::Options),
    /// Checks sizes, leftovers and READMEs
    Tidy {
        /// Takes what became shorter over into the ratchet
        #[arg(long)]
        lower: bool,
    },
    /// Checks which crate depends on which
    CheckLayers,
    /// Checks that what the documents point to exists, and that they name each dependency, decision and error code
    CheckDocs,
    /// Checks bans, licences and sources of dependencies
    Deny,
    /// Finds or installs the programs that the tests need
    Tools,
}

#[derive(clap::Args)]
struct Compare {
    /// Folders, or single files, in the format of the README of tests/vectors or tests/recordings
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// How many differences to print per file
    #[arg(long, default_value_t = 20)]
    show: usize,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Test { only, skip } => test::all(&only, &skip),
        Command::Vectors(compare) => report::finish(&vectors::compare(&compare.paths, compare.show)),
        Command::Replay(compare) => report::finish(&compare_recordings(&compare.paths, compare.show)),
        #[cfg(feature = "bench")]
        Command::Bench(which) => bench::run(&which),
        #[cfg(feature = "compose")]
        Command::Compose(options) => compose::run(&options),
        Command::Tidy { lower: true } => finish(tidy::lower_ratchet().map(|done| println!("{done}"))),
        Command::Tidy { lower: false } => finish(test::print_faults(tidy::faults())),
        Command::CheckLayers => finish(test::print_faults(layers::faults())),
        Command::CheckDocs => finish(test::print_faults(docs::faults())),
        Command::Deny => finish(deny::check()),
        Command::Tools => finish(tools::install()),
    }
}

/// The comparison of recordings needs all of the core.
#[cfg(feature = "machine")]
fn compare_recordings(paths: &[PathBuf], show: usize) -> Tally {
    replay::compare(paths, show)
}

/// A build without it compares nothing, and says so.
#[cfg(not(feature = "machine"))]
fn compare_recordings(paths: &[PathBuf], _show: usize) -> Tally {
    let mut tally = Tally::new();
    for path in paths {
        let reason = "not compared: this xtask was built without its feature `machine`".to_owned();
        println!("{}: {reason}", path.display());
        tally.case("recordings", path.display().to_string(), Err(reason));
    }
    tally
}

fn finish(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
