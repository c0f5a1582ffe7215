//! Rows of events, and who receives them.

use std::collections::BTreeMap;

use synod_machine::{EventRecipients, EventRecord};

use crate::codec::{Entry, kind_code, pack_entries, pack_groups, pack_members, pack_receipt};
use crate::sql::{Column, Insert};

/// Number of everybody in `member_events`.
pub(crate) const EVERYBODY: i64 = -1;

/// Entries of one row at most. Together they stay below the size at which PostgreSQL moves a value elsewhere.
const ENTRIES_PER_ROW: usize = 128;

/// What an event takes in memory besides its byte strings, about.
const FIXED_SIZE: usize = 256;

/// Who receives what, collected over the blocks of a commit.
#[derive(Default)]
pub(crate) struct Deliveries(BTreeMap<i64, Vec<Entry>>);

impl Deliveries {
    pub(crate) fn add(&mut self, event: &EventRecord) {
        let entry = Entry { time: event.time.as_micros(), size: size(event) };
        match &event.recipients {
            EventRecipients::All => self.0.entry(EVERYBODY).or_default().push(entry),
            EventRecipients::Members(members) => {
                for member in members {
                    self.0.entry(i64::from(member.0)).or_default().push(entry);
                }
            }
        }
    }

    pub(crate) fn insert(&self) -> Insert {
        let columns = &[Column::Int("member_index"), Column::Int("last_time"), Column::Bytes("entries")];
        let mut insert = Insert::new("member_events", columns, "");
        for (member, entries) in &self.0 {
            for chunk in entries.chunks(ENTRIES_PER_ROW) {
                let Some(last) = chunk.last() else { continue };
                insert.row([(*member).into(), last.time.into(), pack_entries(chunk).into()]);
            }
        }
        insert
    }
}

fn size(event: &EventRecord) -> u32 {
    let bytes = |part: &Option<bytes::Bytes>| part.as_ref().map_or(0, bytes::Bytes::len);
    let recipients = match &event.recipients {
        EventRecipients::All => 0,
        EventRecipients::Members(members) => members.len() * 4,
    };
    let size = FIXED_SIZE + bytes(&event.batch) + bytes(&event.status) + recipients;
    u32::try_from(size).unwrap_or(u32::MAX)
}

pub(crate) const fn events() -> Insert {
    let columns = &[
        Column::Int("time"),
        Column::Int("kind"),
        Column::Int("sender"),
        Column::Bytes("message_id"),
        Column::Bytes("recipients"),
        Column::Bytes("resolved_groups"),
        Column::Bytes("batch"),
        Column::Bytes("status"),
        Column::Int("topology_timestamp"),
        Column::Bytes("receipt"),
    ];
    Insert::new("events", columns, "")
}

pub(crate) fn add_event(insert: &mut Insert, event: &EventRecord) {
    let recipients = match &event.recipients {
        EventRecipients::All => None,
        EventRecipients::Members(members) => Some(pack_members(members)),
    };
    insert.row([
        event.time.as_micros().into(),
        kind_code(event.kind).into(),
        event.sender.map(|sender| i64::from(sender.0)).into(),
        event.message_id.as_str().as_bytes().into(),
        recipients.into(),
        pack_groups(&event.groups).into(),
        event.batch.as_ref().into(),
        event.status.as_ref().into(),
        event.topology_timestamp.map(|time| time.as_micros()).into(),
        event.receipt.as_ref().map(pack_receipt).into(),
    ]);
}
