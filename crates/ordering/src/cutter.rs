//! Cuts blocks out of what waits, and gives them their times (blueprint §3.3).

use std::time::Duration;

use synod_machine::{OrderedBlock, OrderedEvent, State};
use synod_types::{CantonTimestamp, SequencerId};
use thiserror::Error;

use crate::Clock;
use crate::intake::{Receipt, Waiting};

/// How far the last block may be ahead of the clock before a leader refuses to lead.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);
/// Distance from the last event to the next base time: one microsecond is left free for a tick.
const BASE_STEP_MICROS: i64 = 2;

/// How much goes into one block.
#[derive(Debug, Clone, Copy)]
pub struct BlockLimits {
    /// Most events.
    pub events: usize,
    /// Most bytes (one event may be larger).
    pub bytes: usize,
}

impl Default for BlockLimits {
    fn default() -> Self {
        Self { events: 1_000, bytes: 4 * 1024 * 1024 }
    }
}

/// The clock is so far behind the last block that new blocks would have times out of the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the clock shows {now}, over 30 s before the last block at {last}: set the clock, then start again")]
pub struct ClockBehind {
    /// What the clock shows.
    pub now: CantonTimestamp,
    /// Time of the last block.
    pub last: CantonTimestamp,
}

/// Gives consecutive blocks strictly increasing times.
#[derive(Debug)]
pub(crate) struct Cutter {
    origin: SequencerId,
    next_height: u64,
    /// Last time that was given to an event or block.
    last: CantonTimestamp,
}

impl Cutter {
    /// Continues after `state`.
    pub(crate) fn new(origin: SequencerId, state: &State) -> Self {
        let last = state.last_time().max(state.base_time());
        Self { origin, next_height: state.next_height(), last }
    }

    /// The next block, out of `waiting`, which may be empty. The receipts come back in the order of the events.
    pub(crate) fn cut(
        &mut self,
        waiting: Vec<Waiting>,
        state: &State,
        clock: &dyn Clock,
    ) -> Result<(OrderedBlock, Vec<Receipt>), ClockBehind> {
        let (now, last) = (clock.now(), self.last.max(state.last_time()));
        if last > now.saturating_add(CLOCK_TOLERANCE) {
            return Err(ClockBehind { now, last });
        }
        let base_time = now.max(last.saturating_add_micros(BASE_STEP_MICROS));
        let mut time = base_time;
        let mut events = Vec::with_capacity(waiting.len());
        let mut receipts = Vec::with_capacity(waiting.len());
        for Waiting { kind, bytes, receipt } in waiting {
            events.push(OrderedEvent { time, origin: self.origin.clone(), kind, bytes });
            receipts.push(receipt);
            time = time.immediate_successor();
        }
        self.last = time;
        let height = self.next_height;
        self.next_height += 1;
        Ok((OrderedBlock { height, base_time, tick_at: None, frames: Vec::new(), events }, receipts))
    }
}
