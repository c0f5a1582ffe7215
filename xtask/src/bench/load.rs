//! Loads: as much as goes through, little, and more than goes through.

use serde_json::Value;

use super::bed::{Bed, Node, Place};
use super::figure::{Figure, Goal};
use super::process;

/// Submissions of 3,000 bytes: what a typical confirmation request is.
pub(super) const TYPICAL: [&str; 4] = ["--payload", "3k", "--members", "4"];

/// What a load did, and what it cost.
struct Loaded {
    report: Value,
    node_cpu_s: f64,
    generator_cpu_s: f64,
    server_cpu_s: Option<f64>,
}

impl Loaded {
    fn number(&self, name: &str) -> f64 {
        number(&self.report, name)
    }

    fn per_thousand(&self, seconds: f64) -> f64 {
        seconds * 1_000.0 / self.number("delivered")
    }

    fn wrong(&self) -> f64 {
        wrong(&self.report)
    }

    /// What the submissions cost, beside those who cost it.
    fn costs(&self, what: [&'static str; 3], goal: Goal) -> Vec<Figure> {
        let [node, server, generator] = what;
        let mut figures = vec![Figure::new(node, "s", goal, self.per_thousand(self.node_cpu_s))];
        figures.extend(self.server_cpu_s.map(|cpu| Figure::new(server, "s", Goal::None, self.per_thousand(cpu))));
        figures.push(Figure::new(generator, "s", Goal::None, self.per_thousand(self.generator_cpu_s)));
        figures
    }
}

/// A figure of a report.
pub(super) fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or(f64::NAN)
}

/// Submissions that were lost or delivered twice, and subscriptions that broke.
pub(super) fn wrong(report: &Value) -> f64 {
    let ended = report["ended_subscriptions"].as_object().map_or(f64::NAN, |ended| ended.len() as f64);
    number(report, "lost") + number(report, "duplicated") + ended
}

fn load(bed: &Bed, node: &Node, seconds: u64, more: &[&str]) -> Result<Loaded, String> {
    let seconds = seconds.to_string();
    let arguments: Vec<&str> = TYPICAL.iter().chain(&["--seconds", &seconds]).chain(more).copied().collect();
    let used = || -> Result<_, String> {
        Ok((process::cpu_seconds(node.pid())?, bed.server_cpu_seconds(), process::ended_children_cpu_seconds()))
    };
    let before = used()?;
    let report = bed.load(&node.url, &arguments)?;
    let after = used()?;
    Ok(Loaded {
        report,
        node_cpu_s: after.0 - before.0,
        server_cpu_s: after.1.zip(before.1).map(|(after, before)| after - before),
        generator_cpu_s: after.2 - before.2,
    })
}

/// As much as goes through, beside plain batches of the same load.
pub(super) fn saturated(bed: &Bed, seconds: u64) -> Result<Vec<Figure>, String> {
    let plain = plain(bed, seconds)?;
    let place = bed.place("saturated")?;
    let syncs = bed.syncs()?;
    let node = bed.found(&place)?;
    let loaded = load(bed, &node, seconds, &[])?;
    let (peak, _) = process::memory_mib(node.pid())?;
    node.stop()?;
    let rate = loaded.number("delivered_per_s");
    let mut figures = vec![
        Figure::new("plain batch insert rate, 3 kB", "/s", Goal::None, plain),
        Figure::new("delivered submissions, 3 kB", "/s", Goal::AtLeast(6_000.0), rate),
        Figure::new("  as part of the plain rate", "", Goal::AtLeast(0.4), rate / plain),
        Figure::new("  submit to deliver, p50", "ms", Goal::None, loaded.number("deliver_p50_ms")),
        Figure::new("  lost, duplicated, broken off", "", Goal::Exactly(0.0), loaded.wrong()),
        Figure::new("  most memory", "MiB", Goal::AtMost(256.0), peak),
    ];
    let costs = ["  CPU for 1,000 of them", "    of PostgreSQL", "    of the load generator"];
    figures.extend(loaded.costs(costs, Goal::AtMost(0.25)));
    figures.extend(syncs_per_block(bed, &place, syncs)?);
    Ok(figures)
}

/// The same submissions as plain rows, in rows per second.
fn plain(bed: &Bed, seconds: u64) -> Result<f64, String> {
    let place = bed.place("plain")?;
    let seconds = seconds.to_string();
    let arguments: Vec<&str> = TYPICAL.iter().chain(&["--seconds", &seconds]).copied().collect();
    let report = bed.load(&place.database_url, &arguments)?;
    report["delivered_per_s"].as_f64().ok_or_else(|| "synod bench tells no rate".to_owned())
}

/// Counted over the whole life of a sequencer that has ended: PostgreSQL counts a connection's syncs late, but before the
/// connection ends.
fn syncs_per_block(bed: &Bed, place: &Place, before: Option<f64>) -> Result<Option<Figure>, String> {
    let (Some(before), Some(after), Some(blocks)) = (before, bed.syncs()?, bed.blocks(place)?) else {
        return Ok(None);
    };
    Ok(Some(Figure::new("  syncs of the log per block", "", Goal::AtMost(1.2), (after - before) / blocks)))
}

/// 80 submissions a second.
pub(super) fn light(bed: &Bed, seconds: u64) -> Result<Vec<Figure>, String> {
    let node = bed.found(&bed.place("light")?)?;
    let loaded = load(bed, &node, seconds, &["--rate", "80"])?;
    node.stop()?;
    let mut figures = vec![
        Figure::new("submit to deliver at 80/s, p50", "ms", Goal::AtMost(5.0), loaded.number("deliver_p50_ms")),
        Figure::new("  p99", "ms", Goal::AtMost(20.0), loaded.number("deliver_p99_ms")),
        Figure::new("  lost, duplicated, broken off", "", Goal::Exactly(0.0), loaded.wrong()),
    ];
    let costs = ["  CPU for 1,000 of them", "    of PostgreSQL", "    of the load generator"];
    figures.extend(loaded.costs(costs, Goal::AtMost(0.4)));
    Ok(figures)
}

/// More in flight than the intake holds.
pub(super) fn overload(bed: &Bed, seconds: u64) -> Result<Vec<Figure>, String> {
    let node = bed.found(&bed.place("overload")?)?;
    let loaded = load(bed, &node, seconds, &["--in-flight", "12000"])?;
    let (peak, _) = process::memory_mib(node.pid())?;
    node.stop()?;
    let refused = |is_wanted: &dyn Fn(&str) -> bool| {
        let refused = loaded.report["refused"].as_object().into_iter().flatten();
        refused.filter(|(name, _)| is_wanted(name)).filter_map(|(_, count)| count.as_f64()).sum::<f64>()
    };
    let overloaded = refused(&|name| name == "SEQUENCER_OVERLOADED");
    let others = refused(&|name| name != "SEQUENCER_OVERLOADED");
    Ok(vec![
        Figure::new("delivered with 12,000 in flight", "/s", Goal::None, loaded.number("delivered_per_s")),
        Figure::new("  accepted, but lost, duplicated, broken off", "", Goal::Exactly(0.0), loaded.wrong()),
        Figure::new("  refused as overload", "", Goal::None, overloaded),
        Figure::new("  refused with another error", "", Goal::Exactly(0.0), others),
        Figure::new("  a refusal, p99", "ms", Goal::AtMost(1_000.0), loaded.number("refused_p99_ms")),
        Figure::new("  most memory", "MiB", Goal::AtMost(256.0), peak),
    ])
}
