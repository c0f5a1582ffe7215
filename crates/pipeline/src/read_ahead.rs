//! How much all readers together have read ahead of what their members have taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most bytes that one read returns (one event may be larger).
const READ_BYTES: usize = 1024 * 1024;
/// The same when others have read ahead as far as is allowed. Not counted: it is what a cursor may cost.
const SMALL_READ_BYTES: usize = 16 * 1024;
/// What all reads together may hold that are larger than that.
const LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// The bytes that readers hold. Readers that stall keep what they have read, so the sum is bounded: beyond it reads are
/// small.
#[derive(Debug, Default)]
pub(crate) struct ReadAhead {
    held_bytes: AtomicUsize,
}

/// The part of one read. Given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<ReadAhead>,
    bytes: usize,
}

impl ReadAhead {
    /// The right to one read.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        let taken = self.held_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            held.checked_add(READ_BYTES).filter(|held| *held <= LIMIT_BYTES)
        });
        Share { of: Arc::clone(self), bytes: if taken.is_ok() { READ_BYTES } else { 0 } }
    }
}

impl Share {
    /// How many bytes may be read.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.bytes.max(SMALL_READ_BYTES)
    }

    /// Gives back what was not needed.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let kept = if bytes <= SMALL_READ_BYTES { 0 } else { bytes.min(self.bytes) };
        self.of.held_bytes.fetch_sub(self.bytes - kept, Ordering::Relaxed);
        self.bytes = kept;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_small_when_others_hold_all() {
        let all = Arc::new(ReadAhead::default());
        let mut shares: Vec<Share> = (0..LIMIT_BYTES / READ_BYTES).map(|_| all.share()).collect();
        assert!(shares.iter().all(|share| share.limit_bytes() == READ_BYTES));
        assert_eq!(all.share().limit_bytes(), SMALL_READ_BYTES);
        shares.pop();
        assert_eq!(all.share().limit_bytes(), READ_BYTES, "what was dropped is free");
        for share in &mut shares {
            share.shrink_to(READ_BYTES / 2);
        }
        assert_eq!(all.held_bytes.load(Ordering::Relaxed), shares.len() * READ_BYTES / 2);
        drop(shares);
        assert_eq!(all.held_bytes.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn few_bytes_are_not_counted() {
        let all = Arc::new(ReadAhead::default());
        let mut share = all.share();
        share.shrink_to(SMALL_READ_BYTES);
        assert_eq!(all.held_bytes.load(Ordering::Relaxed), 0);
    }
}
