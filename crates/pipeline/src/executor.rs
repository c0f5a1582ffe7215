//! Staging: ordered blocks in, outcomes out, all in memory.

use std::sync::Arc;

use synod_machine::{BlockOutcome, Fault, Machine, OrderedBlock, State};

/// A block that was applied in memory and waits for its commit.
#[derive(Debug)]
pub struct StagedBlock {
    /// What has to be stored.
    pub outcome: BlockOutcome,
    /// The state after the block.
    pub(crate) state: State,
}

/// Applies blocks one after the other. The state that it holds may be ahead of what is committed; there is no way
/// back from it, so a fault in staging or committing ends the process.
#[derive(Debug)]
pub struct BlockExecutor {
    machine: Arc<Machine>,
    state: State,
}

impl BlockExecutor {
    /// An executor that continues from the committed `state`.
    #[must_use]
    pub const fn new(machine: Arc<Machine>, state: State) -> Self {
        Self { machine, state }
    }

    /// Applies the next block. Takes time: call it where it may block.
    ///
    /// # Errors
    /// [`Fault`] when the block does not follow the state, or the state is not what it must be. Bad requests in the
    /// block are no errors: their fate is in the outcome.
    pub fn stage(&mut self, block: &OrderedBlock) -> Result<StagedBlock, Fault> {
        let outcome = self.machine.apply(&mut self.state, block)?;
        Ok(StagedBlock { outcome, state: self.state.clone() })
    }

    /// The state after the last staged block.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }
}
