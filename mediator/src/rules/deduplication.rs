//! Requests that come a second time (chapter 04 §3.2, `MediatorEventDeduplicator`).

use std::collections::{BTreeMap, BTreeSet};

use synod_types::CantonTimestamp;

use crate::messages::RequestUuid;

/// That a request was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeduplicationEntry {
    /// Which.
    pub uuid: RequestUuid,
    /// When it was sequenced.
    pub request_time: CantonTimestamp,
    /// Until when, inclusive, the same id is refused.
    pub expire_after: CantonTimestamp,
}

/// The requests of the window.
#[derive(Debug, Clone, Default)]
pub(super) struct Deduplication {
    expires: BTreeMap<RequestUuid, CantonTimestamp>,
    by_expiry: BTreeSet<(CantonTimestamp, RequestUuid)>,
}

impl Deduplication {
    /// Takes up an entry. Of several with the same id the last to expire counts.
    pub(super) fn restore(&mut self, entry: &DeduplicationEntry) {
        let known = self.expires.get(&entry.uuid).copied();
        if known.is_none_or(|known| known < entry.expire_after) {
            if let Some(known) = known {
                self.by_expiry.remove(&(known, entry.uuid));
            }
            self.expires.insert(entry.uuid, entry.expire_after);
            self.by_expiry.insert((entry.expire_after, entry.uuid));
        }
    }

    /// Takes up a request that comes at `entry.request_time`.
    ///
    /// # Errors
    /// The time until which the id is refused, when it is one of the window. Nothing is taken up then.
    pub(super) fn add(&mut self, entry: &DeduplicationEntry) -> Result<(), CantonTimestamp> {
        match self.expires.get(&entry.uuid) {
            Some(expires) if *expires >= entry.request_time => Err(*expires),
            _ => {
                self.restore(entry);
                Ok(())
            }
        }
    }

    /// Forgets what no request at `now` or later can meet.
    pub(super) fn forget_before(&mut self, now: CantonTimestamp) {
        while let Some((expires, uuid)) = self.by_expiry.first().copied().filter(|(expires, _)| *expires < now) {
            self.by_expiry.remove(&(expires, uuid));
            self.expires.remove(&uuid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(micros).expect("a time")
    }

    fn entry(uuid: &str, request_time: i64) -> DeduplicationEntry {
        let uuid = RequestUuid::parse(uuid).expect("an id");
        DeduplicationEntry { uuid, request_time: at(request_time), expire_after: at(request_time + 10) }
    }

    #[test]
    fn the_end_of_the_window_is_part_of_it() {
        let mut window = Deduplication::default();
        assert_eq!(window.add(&entry("0-0-0-0-1", 1)), Ok(()));
        assert_eq!(window.add(&entry("0-0-0-0-1", 2)), Err(at(11)));
        assert_eq!(window.add(&entry("0-0-0-0-2", 2)), Ok(()));
        assert_eq!(window.add(&entry("0-0-0-0-1", 11)), Err(at(11)), "a duplicate does not move the end");
        assert_eq!(window.add(&entry("0-0-0-0-1", 12)), Ok(()));
        assert_eq!(window.add(&entry("0-0-0-0-1", 13)), Err(at(22)));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut window = Deduplication::default();
        assert_eq!(window.add(&entry("0-0-0-0-1", 1)), Ok(()));
        assert_eq!(window.add(&entry("0-0-0-0-2", 2)), Ok(()));
        window.forget_before(at(11));
        assert_eq!(window.expires.len(), 2);
        window.forget_before(at(12));
        assert_eq!((window.expires.len(), window.by_expiry.len()), (1, 1));
    }
}
