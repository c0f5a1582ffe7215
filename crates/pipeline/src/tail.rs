//! The newest events in memory, by member.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use synod_machine::{EventRecipients, EventRecord};
use synod_types::{CantonTimestamp, MemberIndex};

/// What an event costs beyond its batch: the record itself and its places in the queues. An estimate, for the bound.
const RECORD_OVERHEAD_BYTES: usize = 512;

/// Events of one reader group (a member, or everybody) in order of time.
#[derive(Debug)]
struct Lane {
    events: VecDeque<Arc<EventRecord>>,
    /// Events of this lane at or before this time may be missing here; all later ones are here.
    floor: CantonTimestamp,
}

/// The newest events, at most `limit_bytes` of them, each held once and reachable by every member that it addresses.
#[derive(Debug)]
pub(crate) struct Tail {
    events: VecDeque<Arc<EventRecord>>,
    members: BTreeMap<MemberIndex, Lane>,
    broadcasts: Lane,
    start: CantonTimestamp,
    newest: Option<CantonTimestamp>,
    bytes: usize,
    limit_bytes: usize,
}

impl Tail {
    /// An empty tail: every event at or before `start` has to be read from the store.
    pub(crate) fn new(start: CantonTimestamp, limit_bytes: usize) -> Self {
        Self {
            events: VecDeque::new(),
            members: BTreeMap::new(),
            broadcasts: Lane { events: VecDeque::new(), floor: start },
            start,
            newest: None,
            bytes: 0,
            limit_bytes,
        }
    }

    /// Appends a committed event. Events come in strictly increasing order of time.
    pub(crate) fn push(&mut self, event: Arc<EventRecord>) {
        self.bytes += cost(&event);
        self.newest = Some(event.time);
        match &event.recipients {
            EventRecipients::All => self.broadcasts.events.push_back(Arc::clone(&event)),
            EventRecipients::Members(members) => {
                for member in members {
                    let start = self.start;
                    let lane =
                        self.members.entry(*member).or_insert_with(|| Lane { events: VecDeque::new(), floor: start });
                    lane.events.push_back(Arc::clone(&event));
                }
            }
        }
        self.events.push_back(event);
        while self.bytes > self.limit_bytes && self.evict() {}
    }

    /// Time of the event that was appended last.
    pub(crate) const fn newest(&self) -> Option<CantonTimestamp> {
        self.newest
    }

    fn evict(&mut self) -> bool {
        let Some(event) = self.events.pop_front() else { return false };
        self.bytes -= cost(&event);
        match &event.recipients {
            EventRecipients::All => drop_front(&mut self.broadcasts, &event),
            EventRecipients::Members(members) => {
                for member in members {
                    if let Some(lane) = self.members.get_mut(member) {
                        drop_front(lane, &event);
                    }
                }
            }
        }
        true
    }

    /// The events of `member` after `after`, in order, until `limit_bytes` are reached (at least one if there is any).
    /// `None` when some of them may no longer be here.
    pub(crate) fn read(
        &self,
        member: MemberIndex,
        after: CantonTimestamp,
        limit_bytes: usize,
    ) -> Option<Vec<Arc<EventRecord>>> {
        let own = self.members.get(&member);
        let own_floor = own.map_or(self.start, |lane| lane.floor);
        if after < own_floor || after < self.broadcasts.floor {
            return None;
        }
        let mut own = own.map(|lane| lane.after(after)).into_iter().flatten().peekable();
        let mut broadcasts = self.broadcasts.after(after).peekable();
        let (mut read, mut bytes) = (Vec::new(), 0);
        while bytes < limit_bytes {
            let next = match (own.peek(), broadcasts.peek()) {
                (Some(left), Some(right)) if left.time < right.time => own.next(),
                (_, Some(_)) => broadcasts.next(),
                (_, None) => own.next(),
            };
            let Some(event) = next else { break };
            bytes += cost(event);
            read.push(Arc::clone(event));
        }
        Some(read)
    }
}

impl Lane {
    fn after(&self, time: CantonTimestamp) -> impl Iterator<Item = &Arc<EventRecord>> {
        let first = self.events.partition_point(|event| event.time <= time);
        self.events.range(first..)
    }
}

fn drop_front(lane: &mut Lane, event: &EventRecord) {
    if lane.events.front().is_some_and(|front| front.time == event.time) {
        lane.events.pop_front();
    }
    lane.floor = event.time;
}

/// Bytes that an event holds, about.
pub(crate) fn cost(event: &EventRecord) -> usize {
    RECORD_OVERHEAD_BYTES + event.batch.as_ref().map_or(0, bytes::Bytes::len)
}

#[cfg(test)]
mod tests;
