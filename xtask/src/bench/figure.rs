//! What was measured, and what it should have been.

use std::process::ExitCode;

/// The part of a goal that has to be reached; below it the run fails.
const FAILS_BELOW: f64 = 0.5;

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// Nothing else will do.
    Exactly(f64),
    /// For information.
    None,
}

/// One figure.
#[derive(Debug)]
pub(super) struct Figure {
    what: String,
    unit: &'static str,
    goal: Goal,
    measured: f64,
}

impl Figure {
    pub(super) fn new(what: impl Into<String>, unit: &'static str, goal: Goal, measured: f64) -> Self {
        Self { what: what.into(), unit, goal, measured }
    }

    /// How good the figure is: 1 when the goal is just reached, more when it is better. None without a goal.
    fn ratio(&self) -> Option<f64> {
        // A figure of nothing is infinitely better than any limit.
        let of = |good: f64, bad: f64| if bad > 0.0 { good / bad } else { f64::INFINITY };
        match self.goal {
            Goal::AtLeast(goal) => Some(self.measured / goal),
            Goal::AtMost(goal) => Some(of(goal, self.measured)),
            Goal::Exactly(goal) => Some(if self.measured == goal { 1.0 } else { 0.0 }),
            Goal::None => None,
        }
    }

    fn verdict(&self) -> &'static str {
        match self.ratio() {
            None => "",
            Some(ratio) if ratio >= 1.0 => "yes",
            Some(ratio) if ratio >= FAILS_BELOW => "not yet",
            Some(_) => "FAILED",
        }
    }

    fn line(&self) -> String {
        let number = |value: f64| {
            if value >= 100.0 || value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.3}") }
        };
        let goal = match self.goal {
            Goal::AtLeast(goal) => format!(">= {}", number(goal)),
            Goal::AtMost(goal) => format!("<= {}", number(goal)),
            Goal::Exactly(goal) => number(goal),
            Goal::None => String::new(),
        };
        let ratio = match self.ratio() {
            Some(ratio) if ratio.is_finite() => format!("{ratio:.2}"),
            _ => String::new(),
        };
        let (what, unit, measured, verdict) = (&self.what, self.unit, number(self.measured), self.verdict());
        format!("{what:<46} {goal:>9} {measured:>10} {unit:<8} {ratio:>6}  {verdict}").trim_end().to_owned()
    }
}

/// Prints the table. The last line is `N passed, N failed`, counted over the figures that have a goal; one that is above
/// half of its goal passes.
pub(super) fn finish(figures: &[Figure]) -> ExitCode {
    println!("{:<46} {:>9} {:>10} {:<8} {:>6}  reached", "what", "goal", "measured", "unit", "ratio");
    for figure in figures {
        println!("{}", figure.line());
    }
    let ratios: Vec<f64> = figures.iter().filter_map(Figure::ratio).collect();
    let failed = ratios.iter().filter(|ratio| **ratio < FAILS_BELOW).count();
    println!("{} passed, {failed} failed", ratios.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_above_one_is_better_than_the_goal() {
        let figure = |goal, measured| Figure::new("what", "unit", goal, measured);
        assert_eq!(figure(Goal::AtLeast(100.0), 50.0).ratio(), Some(0.5));
        assert_eq!(figure(Goal::AtMost(100.0), 50.0).ratio(), Some(2.0));
        assert_eq!(figure(Goal::None, 50.0).ratio(), None);
        assert_eq!(figure(Goal::Exactly(0.0), 0.0).verdict(), "yes");
        assert_eq!(figure(Goal::Exactly(0.0), 1.0).verdict(), "FAILED");
        assert_eq!(figure(Goal::AtMost(0.0), 0.0).verdict(), "yes");
        assert_eq!(figure(Goal::AtLeast(100.0), 49.0).verdict(), "FAILED");
        assert_eq!(figure(Goal::AtLeast(100.0), 99.0).verdict(), "not yet");
    }
}
