//! Commit: makes the applied block durable, then visible.

use tendermint_proto::v0_38::abci::ResponseCommit;

use crate::AbciFault;
use crate::app::{Consensus, Shared};

/// Commits the staged block in one transaction and wakes its readers. CometBFT keeps all blocks: a new operator replays
/// them from the first one.
pub(crate) fn commit(shared: &Shared, consensus: &mut Consensus) -> Result<ResponseCommit, AbciFault> {
    let staged = consensus.staged.take().ok_or(AbciFault::NothingStaged)?;
    let events = staged.block.outcome.events.len();
    shared.runtime.block_on(consensus.committer.commit(vec![staged.block])).map_err(AbciFault::Commit)?;
    shared.metrics.committed(staged.height, events);
    Ok(ResponseCommit { retain_height: 0 })
}
