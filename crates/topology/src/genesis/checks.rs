//! What has to hold for a first topology before its transactions are validated (`GrpcSequencerInitializationService`).

use std::collections::{BTreeMap, BTreeSet};

use synod_crypto::Hash;
use synod_types::{PhysicalSynchronizerId, SynchronizerId};

use super::{InvalidGenesis, StoredTransaction};
use crate::{Mapping, Operation};

/// The one synchronizer that has sequencers.
pub(super) fn synchronizer(transactions: &[StoredTransaction]) -> Result<SynchronizerId, InvalidGenesis> {
    let named = transactions.iter().filter_map(|stored| match stored.transaction.transaction().mapping() {
        Mapping::SequencerSynchronizerState(state) => Some(state.synchronizer.clone()),
        _ => None,
    });
    let synchronizers: BTreeSet<SynchronizerId> = named.collect();
    let mut synchronizers: Vec<SynchronizerId> = synchronizers.into_iter().collect();
    match synchronizers.len() {
        0 | 1 => synchronizers.pop().ok_or(InvalidGenesis::NoSequencers),
        _ => Err(InvalidGenesis::SeveralSynchronizers { synchronizers }),
    }
}

/// A successor that is announced is the synchronizer itself.
pub(super) fn successor(
    transactions: &[StoredTransaction],
    psid: &PhysicalSynchronizerId,
) -> Result<(), InvalidGenesis> {
    let mut latest: BTreeMap<Hash, &StoredTransaction> = BTreeMap::new();
    for stored in transactions {
        let content = stored.transaction.transaction();
        if matches!(content.mapping(), Mapping::LsuAnnouncement(_)) {
            let kept = latest.entry(content.mapping().unique_key()).or_insert(stored);
            if content.serial() > kept.transaction.transaction().serial() {
                *kept = stored;
            }
        }
    }
    for stored in latest.values() {
        let content = stored.transaction.transaction();
        if let (Operation::Replace, Mapping::LsuAnnouncement(announcement)) = (content.operation(), content.mapping())
            && announcement.successor != *psid
        {
            let announced = announcement.successor.clone();
            return Err(InvalidGenesis::OtherSuccessor { announced, found: psid.clone() });
        }
    }
    Ok(())
}

/// Of each unique key there is one open transaction at most, and its open proposals are of one later serial.
pub(super) fn no_contradictions(transactions: &[StoredTransaction]) -> Result<(), InvalidGenesis> {
    let mut open: BTreeMap<Hash, Vec<&StoredTransaction>> = BTreeMap::new();
    for stored in transactions.iter().filter(|stored| stored.valid_until.is_none()) {
        open.entry(stored.transaction.transaction().mapping().unique_key()).or_default().push(stored);
    }
    for (unique_key, open) in open {
        let (proposals, full): (Vec<_>, Vec<_>) = open.into_iter().partition(|stored| stored.transaction.is_proposal());
        if let Some(what) = contradiction(&proposals, &full) {
            return Err(InvalidGenesis::Contradiction { unique_key, what });
        }
    }
    Ok(())
}

fn contradiction(proposals: &[&StoredTransaction], full: &[&StoredTransaction]) -> Option<&'static str> {
    let serial = |stored: &&StoredTransaction| stored.transaction.transaction().serial();
    let hashes: BTreeSet<&Hash> = proposals.iter().map(|stored| stored.transaction.transaction().hash()).collect();
    let serials: BTreeSet<u32> = proposals.iter().map(serial).collect();
    let highest = full.iter().map(serial).max();
    if full.len() > 1 {
        Some("several open transactions")
    } else if hashes.len() < proposals.len() {
        Some("several open proposals of the same transaction")
    } else if highest.is_some_and(|highest| serials.first().is_some_and(|lowest| *lowest <= highest)) {
        Some("an open proposal with a serial that is taken")
    } else if serials.len() > 1 {
        Some("open proposals with different serials")
    } else {
        None
    }
}
