//! What a run found.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Figures of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// Submissions that the sequencer took.
    pub(crate) accepted: u64,
    /// Submissions whose event came back to their sender, those of unknown fate among them.
    pub(crate) delivered: u64,
    /// Submissions that were taken and never came back.
    pub(crate) lost: u64,
    /// Events beyond the first of a submission.
    pub(crate) duplicated: u64,
    /// Submissions that may have been taken, by the error of the call.
    pub(crate) unknown: BTreeMap<String, u64>,
    /// Refused submissions by error.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Subscriptions that ended before the run did, by reason: what their members were sent is not known.
    pub(crate) ended_subscriptions: BTreeMap<String, u64>,
    /// From the first submission to the last event.
    pub(crate) seconds: f64,
    /// Delivered submissions per second.
    pub(crate) delivered_per_s: f64,
    /// Half of the events came back within this time after the call began.
    pub(crate) deliver_p50_ms: f64,
    /// 99 of 100 events came back within this time.
    pub(crate) deliver_p99_ms: f64,
    /// Half of the calls were answered within this time.
    pub(crate) send_p50_ms: f64,
    /// 99 of 100 refusals came within this time.
    pub(crate) refused_p99_ms: f64,
}

impl Report {
    /// Whether something was delivered, and nothing was lost, delivered twice or cut off.
    pub(crate) fn is_fit(&self) -> bool {
        self.delivered > 0 && self.lost == 0 && self.duplicated == 0 && self.ended_subscriptions.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "accepted            {}", self.accepted)?;
        writeln!(f, "delivered           {}", self.delivered)?;
        writeln!(f, "lost                {}", self.lost)?;
        writeln!(f, "duplicated          {}", self.duplicated)?;
        for (error, count) in &self.unknown {
            writeln!(f, "unknown             {count} {error}")?;
        }
        for (error, count) in &self.refused {
            writeln!(f, "refused             {count} {error}")?;
        }
        for (reason, count) in &self.ended_subscriptions {
            writeln!(f, "subscriptions ended {count} {reason}")?;
        }
        writeln!(f, "seconds             {:.2}", self.seconds)?;
        writeln!(f, "delivered/s         {:.0}", self.delivered_per_s)?;
        writeln!(f, "deliver p50, p99    {:.1} ms, {:.1} ms", self.deliver_p50_ms, self.deliver_p99_ms)?;
        write!(f, "send p50            {:.1} ms", self.send_p50_ms)
    }
}
