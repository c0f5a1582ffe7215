//! What a run found.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// Figures of a run of requests that are confirmed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ConfirmReport {
    /// Requests that the sequencer took.
    pub(crate) accepted: u64,
    /// Requests whose approval came to their submitter.
    pub(crate) approved: u64,
    /// Answered requests that were rejected, by reason.
    pub(crate) rejected: BTreeMap<String, u64>,
    /// Requests that were not refused, and of which no verdict came.
    pub(crate) lost: u64,
    /// Verdicts beyond the first of a request.
    pub(crate) duplicated: u64,
    /// Requests that nobody was to answer.
    pub(crate) unanswered: Unanswered,
    /// Requests that may have been taken, by the error of the call.
    pub(crate) unknown: BTreeMap<String, u64>,
    /// Refused requests by error.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Refused answers by error. None is sent again.
    pub(crate) refused_answers: BTreeMap<String, u64>,
    /// Subscriptions that ended before the run did, by reason.
    pub(crate) ended_subscriptions: BTreeMap<String, u64>,
    /// From the first request to the last approval.
    pub(crate) seconds: f64,
    /// Approved requests per second.
    pub(crate) approved_per_s: f64,
    /// Half of the approvals came within this time after the call with the request began.
    pub(crate) verdict_p50_ms: f64,
    /// 99 of 100 did.
    pub(crate) verdict_p99_ms: f64,
    /// Half of the approvals came within this time after the call with the last answer began.
    pub(crate) decision_p50_ms: f64,
    /// 99 of 100 did.
    pub(crate) decision_p99_ms: f64,
    /// Half of the requests and answers came back to their senders within this time after their call began.
    pub(crate) deliver_p50_ms: f64,
    /// 99 of 100 did.
    pub(crate) deliver_p99_ms: f64,
}

/// Requests that nobody was to answer.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Unanswered {
    /// Those that were sent.
    pub(crate) sent: u64,
    /// Those that were rejected, as they have to be.
    pub(crate) rejected: u64,
}

impl ConfirmReport {
    /// Whether something was approved, all that nobody answered was rejected, and nothing else went wrong.
    pub(crate) fn is_fit(&self) -> bool {
        let is_right = self.lost == 0 && self.duplicated == 0 && self.unanswered.sent == self.unanswered.rejected;
        let is_whole = self.rejected.is_empty() && self.ended_subscriptions.is_empty();
        self.approved > 0 && is_right && is_whole
    }
}

impl fmt::Display for ConfirmReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "accepted            {}", self.accepted)?;
        writeln!(f, "approved            {}", self.approved)?;
        writeln!(f, "lost                {}", self.lost)?;
        writeln!(f, "duplicated          {}", self.duplicated)?;
        if self.unanswered.sent > 0 {
            writeln!(f, "not answered        {}, rejected {}", self.unanswered.sent, self.unanswered.rejected)?;
        }
        let counted = [
            ("rejected", &self.rejected),
            ("unknown", &self.unknown),
            ("refused", &self.refused),
            ("answers refused", &self.refused_answers),
            ("subscriptions ended", &self.ended_subscriptions),
        ];
        for (what, counts) in counted {
            for (why, count) in counts {
                writeln!(f, "{what:<19} {count} {why}")?;
            }
        }
        writeln!(f, "seconds             {:.2}", self.seconds)?;
        writeln!(f, "approved/s          {:.0}", self.approved_per_s)?;
        writeln!(f, "verdict p50, p99    {:.1} ms, {:.1} ms", self.verdict_p50_ms, self.verdict_p99_ms)?;
        writeln!(f, "  from last answer  {:.1} ms, {:.1} ms", self.decision_p50_ms, self.decision_p99_ms)?;
        write!(f, "deliver p50, p99    {:.1} ms, {:.1} ms", self.deliver_p50_ms, self.deliver_p99_ms)
    }
}
