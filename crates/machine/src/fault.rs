//! Why a block cannot be applied: never the fault of a request in it.

use thiserror::Error;

/// The node cannot continue. Bad requests are no faults: they are dropped or rejected, and say so in the outcome.
#[derive(Debug, Error)]
pub enum Fault {
    /// The block does not follow the state.
    #[error("block {found} cannot follow {}", previous(*.expected))]
    Height {
        /// The only height that can follow.
        expected: u64,
        /// Height of the block.
        found: u64,
    },
    /// The checkpoint contradicts itself.
    #[error("the stored state is inconsistent: {reason}")]
    Checkpoint {
        /// What is wrong with it.
        reason: String,
    },
    /// The rows of the topology cannot be loaded.
    #[error("the stored topology cannot be loaded")]
    Topology(#[source] synod_topology::LoadFault),
}

fn previous(expected: u64) -> String {
    expected.checked_sub(1).map_or_else(|| "nothing".to_owned(), |height| format!("block {height}"))
}
