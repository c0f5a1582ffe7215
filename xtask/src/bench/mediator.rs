//! A mediator beside a sequencer, each in a process of its own: how fast verdicts are, and what they cost.

use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::Value;

use super::bed::{Bed, Node, NodePorts};
use super::figure::{Figure, Goal};
use super::load::number;
use super::process;

/// A part of the measurement.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum MediatorPart {
    /// The founding of a synchronizer by `synod bootstrap`
    Bootstrap,
    /// As many verdicts as go through, beside a member that only counts answers in place of the mediator
    Saturated,
    /// Ten requests a second: latency
    Light,
    /// 100,000 finished and 10,000 open requests: memory
    Memory,
}

/// Informee participants of the requests.
const INFORMEES: [u16; 3] = [1, 5, 12];
/// Requests a second of a light load.
const LIGHT: &str = "10";
/// How many requests are finished, and then how many are open with so many informees.
const FINISHED: &str = "100000";
const OPEN: (&str, &str) = ("10000", "5");
/// How long a node may take until its ports are open.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A synchronizer of two nodes.
struct Synchronizer {
    sequencer: Node,
    mediator: Node,
    founded_in: Duration,
}

/// What a load found, and the CPU of everybody.
struct Confirmed {
    report: Value,
    mediator_cpu_s: f64,
    sequencer_cpu_s: f64,
    server_cpu_s: Option<f64>,
    generator_cpu_s: f64,
}

/// Runs the parts.
pub(super) fn measure(bed: &Bed, parts: &[MediatorPart], seconds: u64) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    for part in [MediatorPart::Bootstrap, MediatorPart::Saturated, MediatorPart::Light, MediatorPart::Memory] {
        if !parts.is_empty() && !parts.contains(&part) {
            continue;
        }
        let name = part.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        eprintln!("measuring: {name}");
        let synchronizer = Synchronizer::found(bed, &name)?;
        match part {
            MediatorPart::Bootstrap => {
                let took = synchronizer.founded_in.as_secs_f64();
                figures.push(Figure::new("bootstrap by command line", "s", Goal::AtMost(3.0), took));
            }
            MediatorPart::Saturated => {
                for informees in INFORMEES {
                    figures.extend(synchronizer.saturated(bed, informees, seconds)?);
                }
            }
            MediatorPart::Light => {
                for informees in INFORMEES {
                    figures.extend(synchronizer.light(bed, informees, seconds)?);
                }
            }
            MediatorPart::Memory => figures.extend(synchronizer.memory(bed)?),
        }
        synchronizer.stop()?;
    }
    Ok(figures)
}

impl Synchronizer {
    /// Starts the nodes and founds the synchronizer.
    fn found(bed: &Bed, name: &str) -> Result<Self, String> {
        let sequencer_place = bed.place(&format!("{name}_sequencer"))?;
        let mediator_place = bed.place(&format!("{name}_mediator"))?;
        let base = sequencer_place.port_base;
        let (public, sequencer_admin, mediator_admin) = (base, base + 1, base + 4);
        let sequencer = bed.start(&sequencer_place)?;
        let ports =
            NodePorts { admin: mediator_admin, http_health: base + 5, metrics: base + 6, grpc_health: base + 10 };
        let mediator = bed.run_node(&mediator_place, "mediator", ports)?;
        [sequencer_admin, mediator_admin].into_iter().try_for_each(wait_for)?;
        let description = format!(
            "name = \"bench\"\n[[sequencers]]\nname = \"sequencer1\"\nadmin = \"http://127.0.0.1:{sequencer_admin}\"\n\
             public = \"http://127.0.0.1:{public}\"\n[[mediators]]\nname = \"mediator1\"\n\
             admin = \"http://127.0.0.1:{mediator_admin}\"\n"
        );
        let started = Instant::now();
        bed.bootstrap(&sequencer_place, &description)?;
        Ok(Self { sequencer, mediator, founded_in: started.elapsed() })
    }

    /// As much as goes through, with the stand-in and with the mediator.
    fn saturated(&self, bed: &Bed, informees: u16, seconds: u64) -> Result<Vec<Figure>, String> {
        let seconds = ["--seconds", &seconds.to_string()];
        let alone = self.confirm(bed, informees, &[&seconds[..], &["--stand-in"]].concat())?;
        let decided = self.confirm(bed, informees, &seconds)?;
        let (alone_rate, rate) = (number(&alone.report, "approved_per_s"), number(&decided.report, "approved_per_s"));
        let per_thousand = |seconds: f64| seconds * 1_000.0 / number(&decided.report, "approved");
        let (memory, _) = process::memory_mib(self.mediator.pid())?;
        let cost = |what: &str, seconds: f64| Figure::new(what, "s", Goal::None, per_thousand(seconds));
        let mut figures = vec![
            Figure::new(format!("{informees} informees: verdicts"), "/s", Goal::None, rate),
            Figure::new("  with a member that counts answers instead", "/s", Goal::None, alone_rate),
            Figure::new("  as part of that", "", Goal::AtLeast(1.0), rate / alone_rate),
            Figure::new("  lost, twice, rejected, broken off", "", Goal::Exactly(0.0), wrong(&decided.report)),
            Figure::new("  the same without the mediator", "", Goal::Exactly(0.0), wrong(&alone.report)),
            Figure::new("  most memory of the mediator so far", "MiB", Goal::AtMost(128.0), memory),
            cost("  CPU of the mediator for 1,000", decided.mediator_cpu_s),
            cost("    of the sequencer", decided.sequencer_cpu_s),
            cost("    of the load generator", decided.generator_cpu_s),
        ];
        figures.extend(decided.server_cpu_s.map(|seconds| cost("    of PostgreSQL", seconds)));
        Ok(figures)
    }

    /// Ten requests a second. From the last answer to the verdict there are two passes of the sequencer: that of the answer
    /// and that of the verdict.
    fn light(&self, bed: &Bed, informees: u16, seconds: u64) -> Result<Vec<Figure>, String> {
        let load = ["--seconds", &seconds.to_string(), "--rate", LIGHT];
        let alone = self.confirm(bed, informees, &[&load[..], &["--stand-in"]].concat())?;
        let decided = self.confirm(bed, informees, &load)?;
        let of = |confirmed: &Confirmed, name| number(&confirmed.report, name);
        let pass = of(&decided, "deliver_p50_ms");
        let added = of(&decided, "decision_p50_ms") - 2.0 * pass;
        let beyond = of(&decided, "decision_p50_ms") - of(&alone, "decision_p50_ms");
        Ok(vec![
            Figure::new(
                format!("{informees} informees, 10/s: request to verdict, p50"),
                "ms",
                Goal::None,
                of(&decided, "verdict_p50_ms"),
            ),
            Figure::new("  p99", "ms", Goal::None, of(&decided, "verdict_p99_ms")),
            Figure::new("  submit to deliver, p50", "ms", Goal::None, pass),
            Figure::new("  last answer to verdict, p50", "ms", Goal::None, of(&decided, "decision_p50_ms")),
            Figure::new("    beyond twice submit to deliver", "ms", Goal::AtMost(2.0), added),
            Figure::new("    beyond the same of a member that counts", "ms", Goal::None, beyond),
            Figure::new("  lost, twice, rejected, broken off", "", Goal::Exactly(0.0), wrong(&decided.report)),
        ])
    }

    /// Many finished and open requests.
    fn memory(&self, bed: &Bed) -> Result<Vec<Figure>, String> {
        let (_, before) = process::memory_mib(self.mediator.pid())?;
        let all = ["--requests", FINISHED, "--seconds", "600", "--payload", "256"];
        let finished = self.confirm(bed, 1, &all)?;
        let (peak_finished, after_finished) = process::memory_mib(self.mediator.pid())?;
        let (open, informees) = OPEN;
        let some = ["--requests", "1", "--unanswered", open, "--payload", "256"];
        let opened = self.confirm(bed, informees.parse().unwrap_or(1), &some)?;
        let (peak, after) = process::memory_mib(self.mediator.pid())?;
        let open = number(&opened.report["unanswered"], "rejected");
        Ok(vec![
            Figure::new("memory of the mediator in the beginning", "MiB", Goal::None, before),
            Figure::new("  finished requests", "", Goal::AtLeast(100_000.0), number(&finished.report, "approved")),
            Figure::new("  verdicts", "/s", Goal::None, number(&finished.report, "approved_per_s")),
            Figure::new("  memory then", "MiB", Goal::None, after_finished),
            Figure::new("  most until then", "MiB", Goal::AtMost(128.0), peak_finished),
            Figure::new("  open requests, all rejected in the end", "", Goal::AtLeast(10_000.0), open),
            Figure::new("  most memory with them", "MiB", Goal::AtMost(128.0), peak),
            Figure::new("  memory after them", "MiB", Goal::None, after),
            Figure::new(
                "  lost, twice, rejected, broken off",
                "",
                Goal::Exactly(0.0),
                wrong(&finished.report) + wrong(&opened.report),
            ),
        ])
    }

    fn confirm(&self, bed: &Bed, informees: u16, more: &[&str]) -> Result<Confirmed, String> {
        let informees = informees.to_string();
        let used = || -> Result<_, String> {
            let nodes = (process::cpu_seconds(self.mediator.pid())?, process::cpu_seconds(self.sequencer.pid())?);
            Ok((nodes, bed.server_cpu_seconds(), process::ended_children_cpu_seconds()))
        };
        let before = used()?;
        let report = bed.load(&self.sequencer.url, &[&["--confirm", &informees], more].concat())?;
        let after = used()?;
        Ok(Confirmed {
            report,
            mediator_cpu_s: after.0.0 - before.0.0,
            sequencer_cpu_s: after.0.1 - before.0.1,
            server_cpu_s: after.1.zip(before.1).map(|(after, before)| after - before),
            generator_cpu_s: after.2 - before.2,
        })
    }

    fn stop(self) -> Result<(), String> {
        self.mediator.stop()?;
        self.sequencer.stop()
    }
}

/// Requests that were lost, decided twice or wrongly, and subscriptions that broke.
fn wrong(report: &Value) -> f64 {
    let sum = |name: &str| {
        let counts = report[name].as_object();
        counts.map_or(f64::NAN, |counts| counts.values().filter_map(Value::as_f64).sum())
    };
    number(report, "lost") + number(report, "duplicated") + sum("rejected") + sum("ended_subscriptions")
}

fn wait_for(port: u16) -> Result<(), String> {
    let deadline = Instant::now() + START_LIMIT;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            return Err(format!("nothing listens at port {port} within {START_LIMIT:?}"));
        }
        sleep(Duration::from_millis(10));
    }
    Ok(())
}
