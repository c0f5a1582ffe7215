//! Taking up the rows of a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::OrdSet;
use synod_crypto::Hash;
use synod_types::{CantonTimestamp, Member};

use super::head::{Head, named_members, names_members};
use super::lane::Lane;
use super::stored::{StoredRow, parse};
use crate::{LoadFault, Mapping, Operation, TopologyRow};

/// Takes up rows, by ascending id.
pub(crate) fn load(head: &mut Head, rows: Vec<TopologyRow>) -> Result<(), LoadFault> {
    let mut members = MemberHistory::default();
    for row in rows {
        if row.id < head.next_id {
            return Err(LoadFault::Order { id: row.id });
        }
        head.next_id = row.id + 1;
        if row.rejection.is_none() && (!row.is_proposal || row.valid_until.is_none()) {
            take_up(head, &row, &mut members)?;
        }
    }
    let ended: Vec<Hash> = head.ended.iter().map(|(_, key)| *key).collect();
    for key in ended {
        if let Some(lane) = head.lanes.get_mut(&key) {
            lane.sort_closed();
        }
    }
    members.finish(head);
    Ok(())
}

fn take_up(head: &mut Head, row: &TopologyRow, members: &mut MemberHistory) -> Result<(), LoadFault> {
    let transaction = parse(&row.signed).map_err(|source| LoadFault::Row { id: row.id, source })?;
    let mapping = transaction.transaction().mapping();
    let stored = Arc::new(StoredRow::new(row, &transaction));
    match row.valid_until {
        Some(until) => {
            let mut lane = head.lanes.get(&row.unique_key).cloned().unwrap_or_else(Lane::empty);
            lane.restore_closed(stored.clone(), until);
            head.lanes.insert(row.unique_key, lane);
            head.ended.insert((until, row.unique_key));
        }
        None if !row.is_proposal && head.open(&row.unique_key).is_some() => {
            return Err(LoadFault::Open { id: row.id });
        }
        None => {
            // Nothing can be ended by it: a row that it would end has an end.
            head.insert(row.unique_key, &stored);
        }
    }
    if !row.is_proposal {
        let signers: Vec<_> = transaction.signing_fingerprints().cloned().collect();
        head.note(row.unique_key, &stored, mapping, &signers);
        members.add(head, row, mapping);
    }
    Ok(())
}

/// The members over time, rebuilt row by row.
#[derive(Default)]
struct MemberHistory {
    effective: Option<CantonTimestamp>,
    /// The members that each unique key names.
    named: BTreeMap<Hash, Vec<Member>>,
}

impl MemberHistory {
    fn add(&mut self, head: &mut Head, row: &TopologyRow, mapping: &Mapping) {
        if !names_members(row.code) {
            return;
        }
        if self.effective != Some(row.valid_from) {
            self.write(head);
            self.effective = Some(row.valid_from);
        }
        match row.operation {
            Operation::Replace => self.named.insert(row.unique_key, named_members(mapping)),
            Operation::Remove => self.named.remove(&row.unique_key),
        };
    }

    fn write(&self, head: &mut Head) {
        if let Some(effective) = self.effective {
            let members: OrdSet<Member> = self.named.values().flatten().cloned().collect();
            head.membership.set(effective, members);
        }
    }

    fn finish(&self, head: &mut Head) {
        self.write(head);
    }
}
