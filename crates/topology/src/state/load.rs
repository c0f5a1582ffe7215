//! Taking up the rows of a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use synod_types::CantonTimestamp;

use super::head::{Head, MemberChanges};
use super::stored::{StoredRow, parse};
use crate::{LoadFault, TopologyRow};

/// Takes up rows, by ascending id: each as when it was accepted, so that it ends the ones before it once more.
pub(crate) fn load(head: &mut Head, rows: Vec<TopologyRow>) -> Result<(), LoadFault> {
    let mut ends: BTreeMap<u64, Option<CantonTimestamp>> = BTreeMap::new();
    let mut batch: Option<(CantonTimestamp, MemberChanges)> = None;
    for row in rows {
        if row.id < head.next_id {
            return Err(LoadFault::Order { id: row.id });
        }
        head.next_id = row.id + 1;
        if row.rejection.is_some() || (row.is_proposal && row.valid_until.is_some()) {
            continue;
        }
        if let Some((effective, changes)) = batch.take_if(|(effective, _)| *effective != row.valid_from) {
            changes.apply(head, effective);
        }
        ends.insert(row.id, row.valid_until);
        let (_, changes) = batch.get_or_insert_with(|| (row.valid_from, MemberChanges::default()));
        take_up(head, &row, &ends, changes)?;
    }
    if let Some((effective, changes)) = batch {
        changes.apply(head, effective);
    }
    Ok(())
}

fn take_up(
    head: &mut Head,
    row: &TopologyRow,
    ends: &BTreeMap<u64, Option<CantonTimestamp>>,
    changes: &mut MemberChanges,
) -> Result<(), LoadFault> {
    let transaction = parse(&row.signed).map_err(|source| LoadFault::Row { id: row.id, source })?;
    let stored = Arc::new(StoredRow::new(row, &transaction));
    for ended in head.insert(row.unique_key, &stored) {
        if ends.get(&ended).is_some_and(|end| *end != Some(row.valid_from)) {
            return Err(LoadFault::End { id: ended, by: row.id });
        }
    }
    if !row.is_proposal {
        let mapping = transaction.transaction().mapping();
        let signers: Vec<_> = transaction.signing_fingerprints().cloned().collect();
        head.note(row.unique_key, &stored, mapping, &signers);
        changes.add(mapping);
    }
    Ok(())
}
