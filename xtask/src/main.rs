//! Developer commands of the workspace: `cargo xtask --help`.

#[cfg(test)]
mod mutate;
mod replay;
mod report;
mod vectors;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of the workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compares the product with golden vectors; last line `N passed, N failed`
    Vectors(Compare),
    /// Replays recordings through the machine and compares every outcome; last line `N passed, N failed`
    Replay(Compare),
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
        Command::Vectors(compare) => report::finish(&vectors::compare(&compare.paths, compare.show)),
        Command::Replay(compare) => report::finish(&replay::compare(&compare.paths, compare.show)),
    }
}
