//! Four operators on one machine: CometBFT orders, one of the sequencers is under load.

use serde_json::Value;

use super::bed::{Bed, Node};
use super::figure::{Figure, Goal};
use super::load::{TYPICAL, number, wrong};
use crate::tools;

/// One of four may be faulty.
const OPERATORS: u16 = 4;

/// As much as goes through, and 20 submissions a second.
pub(super) fn measure(bed: &Bed, seconds: u64) -> Result<Vec<Figure>, String> {
    tools::cometbft()?;
    let node = bed.found_consortium(&bed.place("validators")?, OPERATORS)?;
    let light = load(bed, &node, seconds, &["--rate", "20"])?;
    let saturated = load(bed, &node, seconds, &[])?;
    node.stop()?;
    Ok(vec![
        Figure::new(
            "four validators, delivered, 3 kB",
            "/s",
            Goal::AtLeast(1_000.0),
            number(&saturated, "delivered_per_s"),
        ),
        Figure::new("  lost, duplicated, broken off", "", Goal::Exactly(0.0), wrong(&light) + wrong(&saturated)),
        Figure::new("  submit to deliver at 20/s, p50", "ms", Goal::AtMost(60.0), number(&light, "deliver_p50_ms")),
        Figure::new("  p99", "ms", Goal::None, number(&light, "deliver_p99_ms")),
    ])
}

fn load(bed: &Bed, node: &Node, seconds: u64, more: &[&str]) -> Result<Value, String> {
    let seconds = seconds.to_string();
    let arguments: Vec<&str> = TYPICAL.iter().chain(&["--seconds", &seconds]).chain(more).copied().collect();
    bed.load(&node.url, &arguments)
}
