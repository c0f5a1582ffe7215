//! Judging a topology again, batch by batch, as every node does that takes one over from another
//! (`InitialTopologySnapshotValidator`).

use std::collections::BTreeMap;

use synod_types::{CantonTimestamp, Member};
use thiserror::Error;

use super::StoredTransaction;
use crate::{TopologyRow, TopologyState};

/// A transaction is judged otherwise than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("transaction {index} is judged otherwise than before: {what}")]
pub struct Mismatch {
    /// Its place, from 0.
    pub index: usize,
    /// What differs.
    pub what: &'static str,
}

/// A topology that was judged again.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The state.
    pub state: TopologyState,
    /// Its rows, by id.
    pub rows: Vec<TopologyRow>,
    /// Everybody who was registered, in order, and from when on; each once.
    pub registrations: Vec<(Member, CantonTimestamp)>,
}

/// Applies transactions to an empty state again, those together that were sequenced together, and compares each with what
/// it was. Signatures and reasons are not compared. The relaxed rules hold for those of the time of genesis.
///
/// # Errors
/// [`Mismatch`], the first one.
///
/// # Panics
/// When the state is not empty, which is a mistake of the caller.
pub fn replay(mut state: TopologyState, transactions: Vec<StoredTransaction>) -> Result<Replayed, Mismatch> {
    assert_eq!(state.next_row_id(), 0, "the state has to be empty");
    let mut batches: BTreeMap<(CantonTimestamp, CantonTimestamp), Vec<_>> = BTreeMap::new();
    for stored in &transactions {
        batches.entry((stored.sequenced, stored.valid_from)).or_default().push(stored.transaction.clone());
    }
    let mut rows: Vec<TopologyRow> = Vec::with_capacity(transactions.len());
    let mut registrations: Vec<(Member, CantonTimestamp)> = Vec::new();
    for ((sequenced, effective), batch) in batches {
        let relaxed = sequenced == CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        let changes = state.apply(sequenced, effective, batch, relaxed);
        rows.extend(changes.inserted);
        for (id, until) in changes.closed {
            // Ids count from 0 without gaps, in the order of the rows.
            let row = usize::try_from(id).ok().and_then(|place| rows.get_mut(place));
            row.expect("only rows that were inserted are closed").valid_until = Some(until);
        }
        let new = changes.registrations.into_iter();
        let new: Vec<_> = new.filter(|(member, _)| registrations.iter().all(|(known, _)| known != member)).collect();
        registrations.extend(new);
    }
    for (index, (stored, row)) in transactions.iter().zip(&rows).enumerate() {
        if let Some(what) = difference(stored, row) {
            return Err(Mismatch { index, what });
        }
    }
    Ok(Replayed { state, rows, registrations })
}

fn difference(stored: &StoredTransaction, row: &TopologyRow) -> Option<&'static str> {
    if row.tx_hash != *stored.transaction.transaction().hash() {
        Some("another transaction is in its place")
    } else if (row.sequenced, row.valid_from) != (stored.sequenced, stored.valid_from) {
        Some("the times differ")
    } else if row.rejection.is_some() != stored.rejection.is_some() {
        Some("whether it is rejected")
    } else if row.is_proposal != stored.transaction.is_proposal() {
        Some("whether it is a proposal")
    } else if row.valid_until != stored.valid_until {
        Some("when it ended")
    } else {
        None
    }
}
