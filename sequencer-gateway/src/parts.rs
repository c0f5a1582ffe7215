//! What a gateway is made of.

use std::sync::Arc;

use synod_ordering::{Clock, Orderer};
use synod_pipeline::{EventLog, HeadReceiver};
use synod_store::Store;
use synod_types::SequencerId;

use crate::{GatewayMetrics, GatewaySettings, PrivateKeys};

/// The parts of a running sequencer that a gateway needs. The synchronizer and its parameters are in the head.
#[derive(Debug)]
pub struct GatewayParts {
    /// The sequencer that this is.
    pub sequencer: SequencerId,
    /// Follows the committed states.
    pub head: HeadReceiver,
    /// Takes what members send.
    pub orderer: Arc<dyn Orderer>,
    /// The committed events.
    pub events: Arc<EventLog>,
    /// What is not in memory.
    pub store: Store,
    /// The private keys of this sequencer.
    pub keys: PrivateKeys,
    /// The clock of this node.
    pub clock: Arc<dyn Clock>,
    /// What can be set.
    pub settings: GatewaySettings,
    /// What is counted.
    pub metrics: GatewayMetrics,
}
