//! Verdicts as the inspection service tells them (chapter 04 §5.5, §7).

use std::fmt::Debug;

use synod_crypto::Hash;
use synod_types::{CantonTimestamp, ParticipantId};
use tokio::sync::watch;
use tonic::async_trait;

use crate::NodeFault;

/// A verdict over a transaction, and what the mediator knows of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRecord {
    /// Sequencing time of the request.
    pub record_time: CantonTimestamp,
    /// When the verdict was certain: sequencing time of the last response that was needed, or the deadline and one
    /// microsecond.
    pub finalization_time: CantonTimestamp,
    /// In whose name it was submitted (`act_as`), in the order of the request.
    pub submitting_parties: Vec<String>,
    /// By which participant.
    pub submitting_participant: ParticipantId,
    /// Whether it was approved.
    pub accepted: bool,
    /// Number of the mediator group that judged.
    pub mediator_group: u32,
    /// The views in pre-order over all roots.
    pub views: Vec<VerdictView>,
    /// Root hash of the transaction, by which participants know the update.
    pub update_id: Hash,
}

/// What a mediator sees of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictView {
    /// Position in [`VerdictRecord::views`] of the view that this one is a direct child of; smaller than its own. `None` for
    /// a root.
    pub parent: Option<usize>,
    /// Who is told, in the order of the request.
    pub informees: Vec<String>,
    /// Who confirms, in the order of the request.
    pub quorums: Vec<VerdictQuorum>,
    /// Hash of the view.
    pub view_hash: Hash,
}

/// Parties that confirm together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictQuorum {
    /// The parties, without their weights, in the order of the request.
    pub parties: Vec<String>,
    /// Weight that approves; not negative.
    pub threshold: u32,
}

/// A part of the finalized requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictPage {
    /// Verdicts over transactions, in the order of their record times. Reassignments are left out.
    pub verdicts: Vec<VerdictRecord>,
    /// All requests up to this time are accounted for, those that were left out too. The next page begins after it.
    pub read_to: CantonTimestamp,
}

/// Where verdicts come from.
#[async_trait]
pub trait VerdictSource: Debug + Send + Sync {
    /// The finalized requests with a record time after `after` and up to `up_to`, the oldest `limit` of them. Fewer, or none,
    /// when there are no more: then [`VerdictPage::read_to`] is `up_to`; else it is the record time of the last one read. It
    /// is always later than `after`. Called with `after < up_to <=` watermark and `limit > 0`.
    ///
    /// # Errors
    /// [`NodeFault`].
    async fn verdicts(
        &self,
        after: CantonTimestamp,
        up_to: CantonTimestamp,
        limit: usize,
    ) -> Result<VerdictPage, NodeFault>;

    /// The newest time such that every request at or before it is finalized and stored (the clean prehead); `None` before the
    /// first one. It never goes back. The sender is dropped when the mediator stops, which ends the streams.
    fn watermark(&self) -> watch::Receiver<Option<CantonTimestamp>>;
}
