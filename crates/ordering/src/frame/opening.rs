//! Opening the frames of a block: which of them count, and when their events happen.

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_crypto::KeyUsages;
use synod_machine::{FrameStamp, OrderedBlock, OrderedEvent, State};
use synod_topology::Snapshot;
use synod_types::CantonTimestamp;

use super::{FrameRejection, MAX_FRAME_ENTRIES, OrderingFrame};

/// Most events of one block. Not below [`MAX_FRAME_ENTRIES`]: every frame fits an empty block.
pub const MAX_BLOCK_EVENTS: usize = 1_000;
/// How long after the base time of its block a frame may be valid, in microseconds. It has to be remembered until then.
pub const MAX_FRAME_VALIDITY_MICROS: i64 = 300 * 1_000_000;
/// Base times are at least this far apart.
const BASE_STEP_MICROS: i64 = 1_000;

const _: () = assert!(MAX_BLOCK_EVENTS >= MAX_FRAME_ENTRIES);

/// Base time of the block after `state` whose header has `header_time`: not before the header, at least a millisecond
/// after the previous base, and after every event so far (ch. 03 §8.4).
#[must_use]
pub fn next_base_time(state: &State, header_time: CantonTimestamp) -> CantonTimestamp {
    header_time
        .max(state.base_time().saturating_add_micros(BASE_STEP_MICROS))
        .max(state.last_time().immediate_successor())
}

/// Judges the frames of one block in their order, against the state after the previous block. CheckTx, PrepareProposal,
/// ProcessProposal and FinalizeBlock all come through here.
#[derive(Debug)]
pub struct Opening<'a> {
    state: &'a State,
    base_time: CantonTimestamp,
    snapshot: Snapshot,
    admitted: BTreeSet<[u8; 32]>,
    events: usize,
}

impl<'a> Opening<'a> {
    /// The block after `state` whose header has `header_time`.
    #[must_use]
    pub fn of_block(state: &'a State, header_time: CantonTimestamp) -> Self {
        let base_time = next_base_time(state, header_time);
        let snapshot = state.snapshot(base_time);
        Self { state, base_time, snapshot, admitted: BTreeSet::new(), events: 0 }
    }

    /// Some block after `state`. What is refused here, no block can have, as far as that is known yet.
    #[must_use]
    pub fn of_mempool(state: &'a State) -> Self {
        Self::of_block(state, CantonTimestamp::MIN)
    }

    /// Base time of the block.
    #[must_use]
    pub const fn base_time(&self) -> CantonTimestamp {
        self.base_time
    }

    /// Takes the next frame into the block.
    ///
    /// # Errors
    /// [`FrameRejection`]: the frame is not in the block, and the next one is judged as if it had not been there.
    pub fn admit(&mut self, bytes: &Bytes) -> Result<OrderingFrame, FrameRejection> {
        let frame = OrderingFrame::parse(bytes).map_err(FrameRejection::Malformed)?;
        self.judge(&frame)?;
        self.verify(&frame)?;
        self.admitted.insert(*frame.id());
        self.events += frame.content().entries.len();
        Ok(frame)
    }

    fn judge(&self, frame: &OrderingFrame) -> Result<(), FrameRejection> {
        let (base_time, valid_until) = (self.base_time, frame.content().valid_until);
        if frame.content().synchronizer != *self.state.psid() {
            return Err(FrameRejection::OtherSynchronizer);
        }
        if valid_until < base_time {
            return Err(FrameRejection::Expired { valid_until, base_time });
        }
        if valid_until > base_time.saturating_add_micros(MAX_FRAME_VALIDITY_MICROS) {
            return Err(FrameRejection::ValidTooLong { valid_until, base_time });
        }
        if self.state.has_frame(frame.id()) {
            return Err(FrameRejection::Repeated);
        }
        if self.admitted.contains(frame.id()) {
            return Err(FrameRejection::RepeatedInBlock);
        }
        if self.events + frame.content().entries.len() > MAX_BLOCK_EVENTS {
            return Err(FrameRejection::BlockFull);
        }
        Ok(())
    }

    /// The origin is a sequencer, active or passive, and one of its protocol keys signed, by the topology that the
    /// blocks so far have made for the base time.
    fn verify(&self, frame: &OrderingFrame) -> Result<(), FrameRejection> {
        let origin = &frame.content().origin;
        let group = self.snapshot.sequencer_group();
        if !group.is_some_and(|group| group.active.iter().chain(&group.passive).any(|member| member == origin)) {
            return Err(FrameRejection::NotASequencer { origin: origin.clone() });
        }
        let keys = self.snapshot.signing_keys(&origin.member());
        self.state
            .verifier()
            .verify(self.base_time, keys, frame.hash(), frame.signature(), KeyUsages::PROTOCOL)
            .map_err(FrameRejection::BadSignature)
    }
}

/// A block whose frames are opened.
#[derive(Debug)]
pub struct OpenedBlock {
    /// What the machine gets.
    pub block: OrderedBlock,
    /// For each transaction of the block, in order, whether it counts.
    pub verdicts: Vec<Result<FrameStamp, FrameRejection>>,
}

impl OpenedBlock {
    /// Opens `transactions`, which consensus decided to follow `state`, under a header with `header_time`. The i-th
    /// event of the block has the base time and i microseconds. Any bytes are tolerated.
    #[must_use]
    pub fn open(state: &State, header_time: CantonTimestamp, transactions: &[Bytes]) -> Self {
        let mut opening = Opening::of_block(state, header_time);
        let base_time = opening.base_time();
        let (mut frames, mut events, mut time) = (Vec::new(), Vec::new(), base_time);
        let verdicts = transactions
            .iter()
            .map(|bytes| {
                let frame = opening.admit(bytes)?;
                let stamp = frame.stamp();
                frames.push(stamp);
                let content = frame.into_content();
                for entry in content.entries {
                    events.push(OrderedEvent {
                        time,
                        origin: content.origin.clone(),
                        kind: entry.kind,
                        bytes: entry.bytes,
                    });
                    time = time.immediate_successor();
                }
                Ok(stamp)
            })
            .collect();
        let block = OrderedBlock { height: state.next_height(), base_time, tick_at: None, frames, events };
        Self { block, verdicts }
    }
}

#[cfg(test)]
mod tests;
