//! `cargo xtask bench`: measures nodes of this checkout against the goals of the product (docs/performance.md).

mod bed;
mod figure;
mod history;
mod idle;
mod load;
mod mediator;
mod process;
mod validators;

use std::process::{Command, ExitCode};

use clap::{Args, Subcommand, ValueEnum};

use self::bed::{Bed, Database};
use self::figure::Figure;
use self::mediator::MediatorPart;
use crate::command::run as run_command;

/// What a run is: the database, and which parts.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// On a private PostgreSQL server with its default settings; last line `N passed, N failed`
    Postgres(Options),
    /// On SQLite, as `synod localnet` runs it; last line `N passed, N failed`
    Embedded(Options),
    /// A mediator and a sequencer, each in a process of its own; last line `N passed, N failed`
    Mediator(MediatorOptions),
}

/// Which parts of the measurement of a mediator, and how long.
#[derive(Args)]
pub(crate) struct MediatorOptions {
    /// Only these parts; may be given several times
    #[arg(long, value_enum)]
    only: Vec<MediatorPart>,
    /// How long each load lasts
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// On SQLite instead of a private PostgreSQL server
    #[arg(long)]
    sqlite: bool,
}

/// Which parts, and how long.
#[derive(Args)]
pub(crate) struct Options {
    /// Only these parts; may be given several times
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// How long each load lasts
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

/// A part of the measurement, each with a sequencer and a database of its own.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// As much as goes through, beside plain batches of the same load: throughput, memory, CPU, syncs
    Saturated,
    /// 80 submissions a second: latency, CPU
    Light,
    /// 12,000 submissions in flight: what is accepted comes back, the rest is refused at once
    Overload,
    /// Start with a million stored events
    Start,
    /// A member 100,000 events behind
    Behind,
    /// Four operators with CometBFT: throughput, latency at 20 submissions a second
    Validators,
    /// 10,000 subscriptions on which nothing happens
    Idle,
}

/// Runs the parts and prints their figures.
pub(crate) fn run(bench: &Bench) -> ExitCode {
    if cfg!(debug_assertions) {
        return optimized();
    }
    let measured = match bench {
        Bench::Postgres(options) => measure(Database::Postgres, options),
        Bench::Embedded(options) => measure(Database::Sqlite, options),
        Bench::Mediator(options) => {
            let database = if options.sqlite { Database::Sqlite } else { Database::Postgres };
            Bed::prepare(database).and_then(|bed| mediator::measure(&bed, &options.only, options.seconds))
        }
    };
    match measured {
        Ok(figures) => figure::finish(&figures),
        Err(reason) => {
            eprintln!("{reason}");
            println!("0 passed, 1 failed");
            ExitCode::FAILURE
        }
    }
}

/// Runs the same command in a build of this program with optimization: it is a client of what it measures.
fn optimized() -> ExitCode {
    let rerun = || {
        bed::build()?;
        let program = bed::released("xtask")?;
        run_command(Command::new(program).args(std::env::args_os().skip(1)))
    };
    match rerun() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Measures a part, with so many seconds for each load.
type Measure = fn(&Bed, u64) -> Result<Vec<Figure>, String>;

fn measure(database: Database, options: &Options) -> Result<Vec<Figure>, String> {
    let bed = Bed::prepare(database)?;
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let mut figures = Vec::new();
    let parts: [(Part, Measure); 5] = [
        (Part::Saturated, load::saturated),
        (Part::Light, load::light),
        (Part::Overload, load::overload),
        (Part::Validators, validators::measure),
        (Part::Idle, |bed, _| idle::measure(bed)),
    ];
    for (part, measure) in parts.into_iter().filter(|(part, _)| wanted(*part)) {
        announce(part);
        figures.extend(measure(&bed, options.seconds)?);
    }
    let (start, behind) = (wanted(Part::Start), wanted(Part::Behind));
    if start || behind {
        announce(if start { Part::Start } else { Part::Behind });
        figures.extend(history::measure(&bed, start, behind)?);
    }
    Ok(figures)
}

fn announce(part: Part) {
    let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    eprintln!("measuring: {name}");
}
