//! Applying blocks.

use std::num::NonZeroUsize;

use synod_types::ProtocolVersion;

use crate::draft::Draft;
use crate::ordered::{Ordered, chunks, in_processing_order};
use crate::{Alarm, BlockOutcome, Fault, OrderedBlock, OrderedEvent, State, parallel};

/// Applies ordered blocks to the state. What it does is a function of the block and the state: there is no clock, no randomness and
/// no input or output, and the number of threads changes nothing but the time it takes.
#[derive(Debug, Clone)]
pub struct Machine {
    pub(crate) threads: NonZeroUsize,
    post_ordering_ticks: bool,
}

impl Machine {
    /// A machine that verifies signatures with so many threads.
    #[must_use]
    pub const fn new(threads: NonZeroUsize) -> Self {
        Self { threads, post_ordering_ticks: true }
    }

    /// Leaves out the ticks that make topology changes observable (Canton's option `producePostOrderingTopologyTicks`). All nodes
    /// of a synchronizer have to agree in this; members hang on a quiet synchronizer without such ticks.
    #[must_use]
    pub const fn without_post_ordering_ticks(mut self) -> Self {
        self.post_ordering_ticks = false;
        self
    }

    pub(crate) fn ticks(&self, state: &State) -> bool {
        self.post_ordering_ticks && state.rules().post_ordering_ticks
    }

    /// The calls of a block that the machine would process after `state`: their places in the block, in the order of processing, cut
    /// into chunks. Those that do not parse are left out. Applies nothing.
    #[must_use]
    pub fn chunks(&self, state: &State, block: &OrderedBlock) -> Vec<Vec<usize>> {
        let events = self.parse(block, state.protocol_version()).into_iter().flatten().collect();
        let events = in_processing_order(events, state.rules());
        chunks(&events).map(|chunk| chunk.iter().map(|event| event.index).collect()).collect()
    }

    pub(crate) fn parse(&self, block: &OrderedBlock, version: ProtocolVersion) -> Vec<Result<Ordered, Alarm>> {
        let events: Vec<(usize, &OrderedEvent)> = block.events.iter().enumerate().collect();
        parallel::map(self.threads, &events, |(index, event)| Ordered::parse(*index, event, version))
    }

    /// Applies the block that follows `state`, and says what it changed. Any bytes may be in the block: what is no valid request is
    /// dropped or rejected as Canton does.
    ///
    /// # Errors
    /// [`Fault`] when the block does not follow the state; the state is unchanged then.
    pub fn apply(&self, state: &mut State, block: &OrderedBlock) -> Result<BlockOutcome, Fault> {
        if block.height != state.next_height() {
            return Err(Fault::Height { expected: state.next_height(), found: block.height });
        }
        let mut draft = Draft::new(self, state.clone(), block);
        draft.frames();
        let events = in_processing_order(draft.parse(), state.rules());
        for chunk in chunks(&events) {
            draft.chunk(chunk);
        }
        draft.tick();
        let (after, outcome) = draft.finish();
        *state = after;
        Ok(outcome)
    }
}
