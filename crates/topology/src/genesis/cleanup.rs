//! Making a topology that has a history one that has none (`InitialTopologySnapshotValidator.preprocessInitialSnapshot`).

use std::collections::{BTreeMap, BTreeSet};

use synod_crypto::Hash;
use synod_types::{CantonTimestamp, Fingerprint};

use super::{InvalidGenesis, StoredTransaction};
use crate::SignedTopologyTransaction;

/// Sets all times to that of genesis, and drops proposals that ended.
pub(super) fn reset_times(transactions: Vec<StoredTransaction>) -> Vec<StoredTransaction> {
    let time = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
    transactions
        .into_iter()
        .filter(|stored| !stored.transaction.is_proposal() || stored.valid_until.is_none())
        .map(|stored| StoredTransaction {
            sequenced: time,
            valid_from: time,
            valid_until: stored.valid_until.map(|_| time),
            ..stored
        })
        .collect()
}

/// Merges accepted transactions of the same hash. One that brings no signature only lengthens the one before it.
pub(super) fn merge_repetitions(
    transactions: Vec<StoredTransaction>,
) -> Result<Vec<StoredTransaction>, InvalidGenesis> {
    let mut kept: Vec<StoredTransaction> = Vec::with_capacity(transactions.len());
    let mut places: BTreeMap<Hash, usize> = BTreeMap::new();
    for (index, stored) in transactions.into_iter().enumerate() {
        let hash = *stored.transaction.transaction().hash();
        let previous = places.get(&hash).copied();
        if stored.rejection.is_some() || stored.transaction.is_proposal() {
            if stored.transaction.is_proposal() && previous.is_some() {
                return Err(InvalidGenesis::Repetition { index });
            }
            kept.push(stored);
            continue;
        }
        let Some(existing) = previous.and_then(|place| kept.get_mut(place)) else {
            places.insert(hash, kept.len());
            kept.push(stored);
            continue;
        };
        if is_same(existing, &stored) {
            continue;
        }
        if existing.valid_until != Some(stored.valid_from) {
            return Err(InvalidGenesis::Repetition { index });
        }
        let mut merged = stored.transaction.clone();
        merged.add_signatures(existing.transaction.signatures());
        if has_same_signatures(&merged, &existing.transaction) {
            existing.valid_until = stored.valid_until;
        } else {
            places.insert(hash, kept.len());
            kept.push(StoredTransaction { transaction: merged, ..stored });
        }
    }
    Ok(kept)
}

fn is_same(one: &StoredTransaction, other: &StoredTransaction) -> bool {
    one.valid_until == other.valid_until && has_same_signatures(&one.transaction, &other.transaction)
}

/// Signatures have no order.
fn has_same_signatures(one: &SignedTopologyTransaction, other: &SignedTopologyTransaction) -> bool {
    let keys = |transaction: &SignedTopologyTransaction| -> BTreeSet<Fingerprint> {
        transaction.signing_fingerprints().cloned().collect()
    };
    keys(one) == keys(other) && one.signatures().iter().all(|signature| other.signatures().contains(signature))
}
