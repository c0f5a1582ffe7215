//! Metrics of the edge to CometBFT. Names are part of the interface.

use prometheus::{HistogramOpts, HistogramTimer, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use synod_ordering::comet::OutboxLoad;
use synod_ordering::frame::FrameRejection;

/// Frames judged, by call and verdict.
pub const FRAMES_TOTAL: &str = "synod_abci_frames_total";
/// Duration of calls in seconds, by call.
pub const CALL_SECONDS: &str = "synod_abci_call_seconds";
/// Height of the last committed block, in CometBFT's count.
pub const HEIGHT: &str = "synod_abci_height";
/// Events committed.
pub const EVENTS_TOTAL: &str = "synod_abci_events_total";
/// Frames on their way into a block.
pub const OUTBOX_FRAMES: &str = "synod_ordering_outbox_frames";
/// Bytes of the frames on their way into a block.
pub const OUTBOX_BYTES: &str = "synod_ordering_outbox_bytes";

const BUCKETS_SECONDS: [f64; 10] = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

/// A call of CometBFT, as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Info,
    InitChain,
    CheckTx,
    PrepareProposal,
    ProcessProposal,
    FinalizeBlock,
    Commit,
    VoteExtension,
}

impl Call {
    const fn label(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::InitChain => "init_chain",
            Self::CheckTx => "check_tx",
            Self::PrepareProposal => "prepare_proposal",
            Self::ProcessProposal => "process_proposal",
            Self::FinalizeBlock => "finalize_block",
            Self::Commit => "commit",
            Self::VoteExtension => "vote_extension",
        }
    }
}

/// The metrics of one node. Clones count together.
#[derive(Debug, Clone)]
pub struct AbciMetrics {
    frames: IntCounterVec,
    calls: HistogramVec,
    height: IntGauge,
    events: IntCounter,
    outbox_frames: IntGauge,
    outbox_bytes: IntGauge,
}

impl AbciMetrics {
    /// Metrics that `registry` collects.
    ///
    /// # Errors
    /// When the registry has one of the names already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            frames: IntCounterVec::new(Opts::new(FRAMES_TOTAL, "Ordering frames judged"), &["call", "verdict"])?,
            calls: HistogramVec::new(
                HistogramOpts::new(CALL_SECONDS, "Duration of calls of CometBFT in seconds")
                    .buckets(BUCKETS_SECONDS.to_vec()),
                &["call"],
            )?,
            height: IntGauge::new(HEIGHT, "Height of the last committed block in CometBFT's count")?,
            events: IntCounter::new(EVENTS_TOTAL, "Events committed")?,
            outbox_frames: IntGauge::new(OUTBOX_FRAMES, "Frames on their way into a block")?,
            outbox_bytes: IntGauge::new(OUTBOX_BYTES, "Bytes of the frames on their way into a block")?,
        };
        registry.register(Box::new(metrics.frames.clone()))?;
        registry.register(Box::new(metrics.calls.clone()))?;
        registry.register(Box::new(metrics.height.clone()))?;
        registry.register(Box::new(metrics.events.clone()))?;
        registry.register(Box::new(metrics.outbox_frames.clone()))?;
        registry.register(Box::new(metrics.outbox_bytes.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn start(&self, call: Call) -> HistogramTimer {
        self.calls.with_label_values(&[call.label()]).start_timer()
    }

    pub(crate) fn accepted(&self, call: Call) {
        self.count(call, "accepted");
    }

    pub(crate) fn rejected(&self, call: Call, rejection: &FrameRejection) {
        self.count(call, rejection.label());
    }

    pub(crate) fn unavailable(&self, call: Call) {
        self.count(call, "unavailable");
    }

    fn count(&self, call: Call, verdict: &str) {
        self.frames.with_label_values(&[call.label(), verdict]).inc();
    }

    pub(crate) fn committed(&self, height: i64, events: usize) {
        self.height.set(height);
        self.events.inc_by(events as u64);
    }

    pub(crate) fn outbox(&self, load: OutboxLoad) {
        self.outbox_frames.set(i64::try_from(load.frames).unwrap_or(i64::MAX));
        self.outbox_bytes.set(i64::try_from(load.bytes).unwrap_or(i64::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_dashboards_know() {
        let registry = Registry::new();
        let metrics = AbciMetrics::new(&registry).expect("a fresh registry");
        metrics.accepted(Call::CheckTx);
        metrics.rejected(Call::FinalizeBlock, &FrameRejection::Repeated);
        metrics.start(Call::Commit).observe_duration();
        metrics.committed(7, 3);
        metrics.outbox(OutboxLoad { frames: 2, bytes: 300 });
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("text");
        for line in [
            r#"synod_abci_frames_total{call="check_tx",verdict="accepted"} 1"#,
            r#"synod_abci_frames_total{call="finalize_block",verdict="repeated"} 1"#,
            r#"synod_abci_call_seconds_count{call="commit"} 1"#,
            "synod_abci_height 7",
            "synod_abci_events_total 3",
            "synod_ordering_outbox_frames 2",
            "synod_ordering_outbox_bytes 300",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(AbciMetrics::new(&registry).is_err(), "two nodes need two registries");
    }
}
