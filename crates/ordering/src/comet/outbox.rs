//! The frames on their way, in memory: when each is to be sent next, and which of them a head settles.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use synod_store::OutboxFrame;
use synod_types::CantonTimestamp;
use tokio::time::Instant;

use super::OutboxLoad;

/// A frame that CometBFT took is sent again after this time, then after twice that, and so on.
const FIRST_RESEND: Duration = Duration::from_secs(2);
const LAST_RESEND: Duration = Duration::from_secs(10);
/// A frame that CometBFT did not take is sent again after this time, then after twice that, and so on.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(2);
/// While so many frames wait to be handed over, no new ones are made: what waits joins fewer, larger ones.
const MAX_FRESH_FRAMES: usize = 8;

/// How much may be handed to CometBFT and not in a block yet. What is above waits before it, so that the mempools do
/// not take from the blocks the network that they need.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// Most frames.
    pub frames: usize,
    /// Most bytes (one frame may be larger).
    pub bytes: usize,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        // Some blocks of full load. Measured with four operators on two cores: more makes blocks larger and slower, and
        // everybody wait longer.
        Self { frames: 256, bytes: 384 * 1024 }
    }
}

/// What came of sending a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// CometBFT has it.
    Taken,
    /// It does not, or nobody knows.
    Refused,
}

#[derive(Debug)]
struct Waiting {
    id: [u8; 32],
    bytes: Bytes,
    valid_until: CantonTimestamp,
    /// When it is sent next; none while it is being sent.
    due: Option<Instant>,
    /// CometBFT has it, or is being given it.
    is_handed: bool,
    last: Option<Sent>,
    /// How long to wait after the next time with the same outcome.
    wait: Duration,
}

/// Frames by the order in which they were added.
#[derive(Debug)]
pub(super) struct Outbox {
    limits: OutboxLimits,
    frames: BTreeMap<u64, Waiting>,
    /// Those that CometBFT has not, by the time when they are due.
    fresh: BTreeSet<(Instant, u64)>,
    /// Those that CometBFT took, by the time when they are due again.
    handed: BTreeSet<(Instant, u64)>,
    next: u64,
    bytes: usize,
    handed_bytes: usize,
    handed_frames: usize,
}

impl Outbox {
    pub(super) const fn new(limits: OutboxLimits) -> Self {
        Self {
            limits,
            frames: BTreeMap::new(),
            fresh: BTreeSet::new(),
            handed: BTreeSet::new(),
            next: 0,
            bytes: 0,
            handed_bytes: 0,
            handed_frames: 0,
        }
    }

    /// Frames and bytes on their way.
    pub(super) fn load(&self) -> OutboxLoad {
        OutboxLoad { frames: self.frames.len(), bytes: self.bytes }
    }

    /// Whether more frames may be made.
    pub(super) fn has_room(&self) -> bool {
        self.fresh.len() < MAX_FRESH_FRAMES
    }

    /// Adds a durable frame, to be sent at once.
    pub(super) fn add(&mut self, frame: OutboxFrame, now: Instant) {
        let OutboxFrame { id, frame: bytes, valid_until } = frame;
        self.bytes += bytes.len();
        self.fresh.insert((now, self.next));
        let waiting =
            Waiting { id, bytes, valid_until, due: Some(now), is_handed: false, last: None, wait: FIRST_RETRY };
        self.frames.insert(self.next, waiting);
        self.next += 1;
    }

    /// When the next frame is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_key().map(|(due, _)| due)
    }

    fn next_key(&self) -> Option<(Instant, u64)> {
        let is_open = self.handed_frames < self.limits.frames && self.handed_bytes < self.limits.bytes;
        let fresh = self.fresh.first().filter(|_| is_open);
        self.handed.first().into_iter().chain(fresh).min().copied()
    }

    /// The next frame that is due. It has to be given back to [`Self::sent`].
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(u64, Bytes)> {
        let (due, key) = self.next_key().filter(|(due, _)| *due <= now)?;
        let frame = self.frames.get_mut(&key)?;
        frame.due = None;
        if !self.handed.remove(&(due, key)) {
            self.fresh.remove(&(due, key));
            frame.is_handed = true;
            self.handed_frames += 1;
            self.handed_bytes += frame.bytes.len();
        }
        Some((key, frame.bytes.clone()))
    }

    /// Learns what came of sending a frame. It may be settled already.
    pub(super) fn sent(&mut self, key: u64, sent: Sent, now: Instant) {
        let Some(frame) = self.frames.get_mut(&key) else { return };
        let (first, longest) = match sent {
            Sent::Taken => (FIRST_RESEND, LAST_RESEND),
            Sent::Refused => (FIRST_RETRY, LAST_RETRY),
        };
        let wait = if frame.last == Some(sent) { frame.wait } else { first };
        (frame.last, frame.wait) = (Some(sent), (wait * 2).min(longest));
        let due = now + wait;
        frame.due = Some(due);
        match sent {
            Sent::Taken => self.handed.insert((due, key)),
            Sent::Refused => {
                frame.is_handed = false;
                self.handed_frames -= 1;
                self.handed_bytes -= frame.bytes.len();
                self.fresh.insert((due, key))
            }
        };
    }

    /// Forgets the frames that a committed block holds, and gives those that no block can hold any more unless one did
    /// and was forgotten since. `base_time` is that of the last committed block.
    pub(super) fn settle(
        &mut self,
        base_time: CantonTimestamp,
        is_ordered: impl Fn(&[u8; 32]) -> bool,
    ) -> Vec<[u8; 32]> {
        let ordered: Vec<u64> =
            self.frames.iter().filter(|(_, frame)| is_ordered(&frame.id)).map(|(key, _)| *key).collect();
        for key in ordered {
            self.remove(key);
        }
        self.frames.values().filter(|frame| frame.valid_until < base_time).map(|frame| frame.id).collect()
    }

    /// Forgets frames.
    pub(super) fn forget(&mut self, ids: &BTreeSet<[u8; 32]>) {
        let keys: Vec<u64> =
            self.frames.iter().filter(|(_, frame)| ids.contains(&frame.id)).map(|(key, _)| *key).collect();
        for key in keys {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: u64) {
        let Some(frame) = self.frames.remove(&key) else { return };
        self.bytes -= frame.bytes.len();
        if frame.is_handed {
            self.handed_frames -= 1;
            self.handed_bytes -= frame.bytes.len();
        }
        if let Some(due) = frame.due {
            self.fresh.remove(&(due, key));
            self.handed.remove(&(due, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(micros: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(micros).expect("in range")
    }

    fn frame(id: u8, valid_until: i64) -> OutboxFrame {
        OutboxFrame { id: [id; 32], frame: vec![id; 10].into(), valid_until: time(valid_until) }
    }

    fn outbox(frames: impl IntoIterator<Item = OutboxFrame>, now: Instant) -> Outbox {
        let mut outbox = Outbox::new(OutboxLimits::default());
        frames.into_iter().for_each(|frame| outbox.add(frame, now));
        outbox
    }

    #[test]
    fn the_same_bytes_are_sent_until_they_are_settled() {
        let start = Instant::now();
        let mut outbox = outbox([frame(1, 100), frame(2, 100)], start);
        let (first, bytes) = outbox.take_due(start).expect("due");
        assert_eq!(bytes, vec![1; 10]);
        let (second, _) = outbox.take_due(start).expect("due");
        assert_eq!(outbox.take_due(start), None, "both are being sent");
        outbox.sent(first, Sent::Taken, start);
        outbox.sent(second, Sent::Refused, start);
        assert_eq!(outbox.next_due(), Some(start + FIRST_RETRY));
        assert_eq!(outbox.take_due(start + FIRST_RETRY).expect("due").0, second);
        assert_eq!(outbox.take_due(start + FIRST_RESEND), Some((first, vec![1; 10].into())));
        assert_eq!(outbox.settle(time(50), |id| *id == [1; 32]), Vec::<[u8; 32]>::new());
        outbox.sent(first, Sent::Taken, start);
        assert_eq!(
            (outbox.load().frames, outbox.load().bytes, outbox.next_due()),
            (1, 10, None),
            "the other is being sent"
        );
    }

    #[test]
    fn waits_double_up_to_their_limit_and_begin_anew_after_a_change() {
        let now = Instant::now();
        let mut outbox = outbox([frame(1, 100)], now);
        let mut waits = Vec::new();
        for sent in [Sent::Refused; 8].into_iter().chain([Sent::Taken; 4]).chain([Sent::Refused]) {
            let due = outbox.next_due().expect("waiting");
            let (key, _) = outbox.take_due(due).expect("due");
            outbox.sent(key, sent, now);
            waits.push((outbox.next_due().expect("waiting") - now).as_millis());
        }
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000, 4_000, 8_000, 10_000, 50]);
    }

    #[test]
    fn only_what_is_past_its_validity_is_given_up() {
        let mut outbox = outbox([frame(1, 100), frame(2, 101)], Instant::now());
        assert!(outbox.settle(time(100), |_| false).is_empty(), "valid until is inclusive");
        assert_eq!(outbox.settle(time(101), |_| false), [[1; 32]]);
        outbox.forget(&BTreeSet::from([[1; 32]]));
        assert_eq!((outbox.load(), outbox.fresh.len()), (OutboxLoad { frames: 1, bytes: 10 }, 1));
    }

    #[test]
    fn what_is_handed_over_is_bounded_and_what_is_refused_does_not_count() {
        let now = Instant::now();
        let mut outbox = Outbox::new(OutboxLimits { frames: 5, bytes: 25 });
        for id in 0..8 {
            assert!(outbox.has_room());
            outbox.add(frame(id, 1), now);
        }
        assert!(!outbox.has_room(), "eight were not sent");
        let keys: Vec<u64> = std::iter::from_fn(|| outbox.take_due(now)).map(|(key, _)| key).collect();
        assert_eq!((keys.as_slice(), outbox.next_due()), (&[0, 1, 2][..], None), "25 bytes are full with the third");
        assert!(outbox.has_room());
        outbox.sent(0, Sent::Refused, now);
        assert_eq!(outbox.take_due(now).expect("the next one").0, 3);
        outbox.sent(1, Sent::Taken, now);
        assert_eq!(outbox.next_due(), Some(now + FIRST_RESEND), "only what was taken is sent again");
        outbox.settle(time(0), |id| matches!(id[0], 1..=3));
        assert_eq!((outbox.handed_frames, outbox.handed_bytes, outbox.load().frames), (0, 0, 5));
        // It is settled: late news of it change nothing.
        outbox.sent(2, Sent::Refused, now);
        assert_eq!((outbox.handed_frames, outbox.fresh.len()), (0, 5));
    }
}
