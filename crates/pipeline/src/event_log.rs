//! The events of each member, from memory or from the store.

use std::sync::{Arc, PoisonError, RwLock};

use synod_machine::EventRecord;
use synod_store::{EventsError, Store, StoreFault, to_its_end};
use synod_types::{CantonTimestamp, MemberIndex};
use tokio::sync::Notify;

use crate::read_ahead::{ReadAhead, Share};
use crate::tail::{Tail, cost};
use crate::wakeups::Wakeups;

/// Most events that one page from the store holds.
const PAGE_EVENTS: usize = 500;

/// All committed events: the newest in memory, the others in the store.
#[derive(Debug)]
pub struct EventLog {
    store: Store,
    tail: RwLock<(Tail, CantonTimestamp)>,
    wakeups: Wakeups,
    read_ahead: Arc<ReadAhead>,
}

impl EventLog {
    /// A log whose events up to `head_time` are in `store` only. At most `tail_bytes` of newer ones are kept in memory.
    #[must_use]
    pub fn new(store: Store, head_time: CantonTimestamp, tail_bytes: usize) -> Self {
        let tail = RwLock::new((Tail::new(head_time, tail_bytes), head_time));
        Self { store, tail, wakeups: Wakeups::default(), read_ahead: Arc::default() }
    }

    /// Makes committed events visible and wakes their readers. `head_time` is the last time of the committed block.
    pub(crate) fn publish(&self, events: Vec<Arc<EventRecord>>, head_time: CantonTimestamp) {
        {
            let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
            for event in &events {
                tail.0.push(Arc::clone(event));
            }
            tail.1 = tail.1.max(head_time);
        }
        self.wakeups.wake(&events);
    }

    /// A reader of the events of `member` after `after`. `registered_from` is the time from which the member is
    /// registered: it gets only later events, broadcasts included.
    #[must_use]
    pub fn reader(
        self: &Arc<Self>,
        member: MemberIndex,
        registered_from: CantonTimestamp,
        after: CantonTimestamp,
    ) -> MemberReader {
        MemberReader {
            wakeup: self.wakeups.register(member),
            log: Arc::clone(self),
            member,
            registered_from,
            scanned: after.max(registered_from),
            share: None,
        }
    }

    /// Time of the newest event of all members since the node started.
    #[must_use]
    pub fn newest_event_time(&self) -> Option<CantonTimestamp> {
        self.tail.read().unwrap_or_else(PoisonError::into_inner).0.newest()
    }

    /// Time of the newest event of `member` strictly before `time`, `None` when there is none.
    ///
    /// # Errors
    /// [`StoreFault`] when the store cannot be read.
    pub async fn latest_event_before(
        &self,
        member: MemberIndex,
        registered_from: CantonTimestamp,
        time: CantonTimestamp,
    ) -> Result<Option<CantonTimestamp>, StoreFault> {
        self.store.latest_event_before(member, registered_from, time).await
    }
}

/// One reader's place in the events of one member. Costs a cursor, and its share of what readers hold, however far behind it
/// is.
#[derive(Debug)]
pub struct MemberReader {
    log: Arc<EventLog>,
    member: MemberIndex,
    registered_from: CantonTimestamp,
    /// Every event of the member at or before this time was returned.
    scanned: CantonTimestamp,
    wakeup: Arc<Notify>,
    /// Of the events that were returned last.
    share: Option<Share>,
}

impl MemberReader {
    /// The next events in order, at least one; waits for one as long as there is none. Safe to cancel: an event that
    /// was not returned is returned by the next call. Call it when the events of the last call are gone.
    ///
    /// # Errors
    /// [`EventsError::Pruned`] when the reader is so far behind that events it has not seen are gone, otherwise a fault
    /// of the store.
    pub async fn next(&mut self) -> Result<Vec<Arc<EventRecord>>, EventsError> {
        loop {
            self.share = None;
            let mut share = self.log.read_ahead.share();
            let events = self.read(share.limit_bytes()).await?;
            share.shrink_to(events.iter().map(|event| cost(event)).sum());
            if let Some(last) = events.last() {
                self.scanned = last.time;
                self.share = Some(share);
                return Ok(events);
            }
            drop(share);
            self.wakeup.notified().await;
        }
    }

    async fn read(&mut self, limit_bytes: usize) -> Result<Vec<Arc<EventRecord>>, EventsError> {
        let (in_memory, head_time) = {
            let tail = self.log.tail.read().unwrap_or_else(PoisonError::into_inner);
            (tail.0.read(self.member, self.scanned, limit_bytes), tail.1)
        };
        if let Some(events) = in_memory {
            return Ok(events);
        }
        let (store, member, from, scanned) = (self.log.store.clone(), self.member, self.registered_from, self.scanned);
        let page =
            to_its_end(async move { store.events(member, from, scanned, PAGE_EVENTS, limit_bytes).await }).await?;
        if page.is_empty() {
            // The store has been read after `head_time` was published: nothing of this member is missing up to it.
            self.scanned = self.scanned.max(head_time);
            let tail = self.log.tail.read().unwrap_or_else(PoisonError::into_inner);
            return Ok(tail.0.read(self.member, self.scanned, limit_bytes).unwrap_or_default());
        }
        Ok(page.into_iter().map(Arc::new).collect())
    }
}

impl Drop for MemberReader {
    fn drop(&mut self) {
        self.log.wakeups.unregister(self.member, &self.wakeup);
    }
}
