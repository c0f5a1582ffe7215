//! What each member reads from the tail, and when it has to ask the store.

use bytes::Bytes;
use synod_machine::EventKind;
use synod_types::MessageId;

use super::*;

const LARGE: usize = 1 << 30;

fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("in range")
}

fn event(micros: i64, recipients: EventRecipients) -> Arc<EventRecord> {
    Arc::new(EventRecord {
        time: time(micros),
        kind: EventKind::Deliver,
        sender: None,
        message_id: MessageId::parse("m").expect("short"),
        recipients,
        groups: Vec::new(),
        batch: Some(Bytes::from_static(&[0; 100])),
        status: None,
        topology_timestamp: None,
        receipt: None,
    })
}

fn members(indices: &[u32]) -> EventRecipients {
    EventRecipients::Members(indices.iter().copied().map(MemberIndex).collect())
}

fn read(tail: &Tail, member: u32, after: i64) -> Option<Vec<i64>> {
    let events = tail.read(MemberIndex(member), time(after), LARGE)?;
    Some(events.iter().map(|event| event.time.as_micros()).collect())
}

#[test]
fn own_events_and_broadcasts_come_in_order() {
    let mut tail = Tail::new(time(10), LARGE);
    tail.push(event(11, members(&[1, 2])));
    tail.push(event(12, EventRecipients::All));
    tail.push(event(13, members(&[2])));
    tail.push(event(14, members(&[1])));
    assert_eq!(read(&tail, 1, 10), Some(vec![11, 12, 14]));
    assert_eq!(read(&tail, 1, 11), Some(vec![12, 14]));
    assert_eq!(read(&tail, 2, 12), Some(vec![13]));
    assert_eq!(read(&tail, 3, 10), Some(vec![12]));
    assert_eq!(read(&tail, 3, 9), None, "what was before the start is in the store");
}

#[test]
fn who_missed_nothing_needs_no_store_however_much_was_evicted() {
    let mut tail = Tail::new(time(0), 3 * cost(&event(0, EventRecipients::All)));
    for micros in 1..=50 {
        tail.push(event(micros, members(&[1])));
    }
    tail.push(event(51, members(&[2])));
    assert_eq!(read(&tail, 1, 10), None, "evicted events have to be read from the store");
    assert_eq!(read(&tail, 1, 49), Some(vec![50]));
    assert_eq!(read(&tail, 2, 0), Some(vec![51]), "nothing of this member was evicted");
    assert_eq!(read(&tail, 3, 0), Some(vec![]));
    assert!(tail.bytes <= tail.limit_bytes);
}

#[test]
fn an_evicted_broadcast_concerns_everybody() {
    let mut tail = Tail::new(time(0), cost(&event(0, EventRecipients::All)));
    tail.push(event(1, EventRecipients::All));
    tail.push(event(2, members(&[1])));
    assert_eq!(read(&tail, 3, 0), None);
    assert_eq!(read(&tail, 3, 1), Some(vec![]));
    assert_eq!(read(&tail, 1, 1), Some(vec![2]));
}

#[test]
fn a_read_is_bounded_but_never_empty_when_there_is_something() {
    let mut tail = Tail::new(time(0), LARGE);
    (1..=10).for_each(|micros| tail.push(event(micros, members(&[1]))));
    let events = tail.read(MemberIndex(1), time(0), 1).expect("all in memory");
    assert_eq!(events.len(), 1);
}
