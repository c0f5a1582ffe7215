//! The first state of a synchronizer.

use bytes::Bytes;
use synod_topology::genesis::{Genesis, InvalidGenesis};
use synod_types::CantonTimestamp;

use crate::members::Members;
use crate::{Checkpoint, app_hash};

/// The state before the first block, out of versioned `StaticSynchronizerParameters` and a topology in the second format
/// (ch. 02 §6.2). The same bytes give the same state on every node.
///
/// # Errors
/// [`InvalidGenesis`] when no synchronizer can begin with this topology.
pub fn genesis(static_parameters: &Bytes, topology: &Bytes) -> Result<Checkpoint, InvalidGenesis> {
    Genesis::from_v2(static_parameters, topology).map(|genesis| checkpoint(genesis, static_parameters.clone()))
}

/// The state before the first block of a topology that was judged already; `static_parameters` are the versioned ones of it.
#[must_use]
pub fn checkpoint(genesis: Genesis, static_parameters: Bytes) -> Checkpoint {
    let mut members = Members::default();
    for (member, registered_from) in genesis.registrations {
        members.register(member, registered_from);
    }
    let mut checkpoint = Checkpoint {
        psid: genesis.psid,
        static_parameters,
        height: None,
        base_time: CantonTimestamp::MIN,
        last_time: CantonTimestamp::EPOCH,
        latest_sequencer_event: None,
        latest_pending_topology: None,
        topology: genesis.rows,
        members: members.iter().cloned().collect(),
        traffic_consumed: Vec::new(),
        traffic_purchased: Vec::new(),
        aggregations: Vec::new(),
        acknowledgements: Vec::new(),
        frames: Vec::new(),
        app_hash: [0; 32],
    };
    checkpoint.app_hash = app_hash::of_checkpoint(&checkpoint);
    checkpoint
}
