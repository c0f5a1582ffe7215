//! Signs with the key that the topology has for this sequencer at the time (ch. 03 §4.5).

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use synod_crypto::{
    Hash, KeyUsages, Signature, SigningError, SigningPrivateKey, SigningPublicKey, sequenced_event_hash,
};
use synod_pipeline::Head;
use synod_store::{Store, StoreFault, to_its_end};
use synod_topology::MappingCode;
use synod_topology::mapping::Mapping;
use synod_types::{CantonTimestamp, Fingerprint, Member};
use synod_wire::SignedContent;
use thiserror::Error;

use super::PrivateKeys;

/// Why something cannot be signed.
#[derive(Debug, Error)]
pub(crate) enum SigningFault {
    /// At that time this sequencer had no protocol key that this node owns.
    #[error("this sequencer has no key to sign what is of {0}")]
    NoKey(CantonTimestamp),
    /// The former keys cannot be read.
    #[error("the former keys of this sequencer cannot be read")]
    Store(#[from] StoreFault),
    /// The key failed.
    #[error("signing failed")]
    Sign(#[source] SigningError),
}

/// Protocol keys of this sequencer that are no longer in force, and when they were.
#[derive(Debug)]
struct FormerKeys {
    /// Exclusive.
    from: CantonTimestamp,
    /// Inclusive.
    until: CantonTimestamp,
    keys: Vec<Fingerprint>,
}

/// Signs as this sequencer.
#[derive(Debug)]
pub(crate) struct EventSigner {
    member: Member,
    private_keys: PrivateKeys,
    /// What the topology in memory may have forgotten. Read when it is needed; what is here never changes.
    former: RwLock<Arc<Vec<FormerKeys>>>,
}

impl EventSigner {
    /// Signs as `member`, the sequencer that owns `private_keys`.
    pub(crate) fn new(member: Member, private_keys: PrivateKeys) -> Self {
        Self { member, private_keys, former: RwLock::default() }
    }

    /// Signs the versioned `SequencedEvent` of an event whose keys are those of `time`: versioned `SignedContent`, without
    /// a time of the signing key.
    pub(crate) async fn sign_event(
        &self,
        store: &Store,
        head: &Head,
        time: CantonTimestamp,
        content: Bytes,
    ) -> Result<Bytes, SigningFault> {
        let key = match self.key_in_force(head, time) {
            Some(key) => key,
            None => self.former_key(store, time).await?.ok_or(SigningFault::NoKey(time))?,
        };
        let signature = key.sign(&sequenced_event_hash(&content), KeyUsages::PROTOCOL).map_err(SigningFault::Sign)?;
        let version = head.state.protocol_version();
        Ok(SignedContent::new(content, signature, None).to_versioned_bytes(version))
    }

    /// Signs what this sequencer submits at `time`.
    pub(crate) fn sign(&self, head: &Head, time: CantonTimestamp, hash: &Hash) -> Result<Signature, SigningFault> {
        let key = self.key_in_force(head, time).ok_or(SigningFault::NoKey(time))?;
        key.sign(hash, KeyUsages::PROTOCOL).map_err(SigningFault::Sign)
    }

    /// The last protocol key that the topology has for this sequencer at `time` and that this node owns.
    fn key_in_force(&self, head: &Head, time: CantonTimestamp) -> Option<SigningPrivateKey> {
        let snapshot = head.state.snapshot(time);
        let keys: Vec<&SigningPublicKey> = snapshot.signing_keys_for(&self.member, KeyUsages::PROTOCOL).collect();
        keys.into_iter().rev().find_map(|key| self.private_keys.get(key.fingerprint()))
    }

    async fn former_key(&self, store: &Store, time: CantonTimestamp) -> Result<Option<SigningPrivateKey>, StoreFault> {
        if let Some(found) = self.former_keys(time) {
            return Ok(self.owned(&found));
        }
        let read = Arc::new(self.read_former(store).await?);
        *self.former.write().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(self.former_keys(time).and_then(|found| self.owned(&found)))
    }

    fn former_keys(&self, time: CantonTimestamp) -> Option<Vec<Fingerprint>> {
        let former = Arc::clone(&self.former.read().unwrap_or_else(PoisonError::into_inner));
        let period = former.iter().find(|period| period.from < time && time <= period.until)?;
        Some(period.keys.clone())
    }

    fn owned(&self, keys: &[Fingerprint]) -> Option<SigningPrivateKey> {
        keys.iter().rev().find_map(|key| self.private_keys.get(key))
    }

    /// The key mappings of this sequencer that have ended.
    async fn read_former(&self, store: &Store) -> Result<Vec<FormerKeys>, StoreFault> {
        let uid = self.member.uid();
        let (store, namespace, identifier) = (store.clone(), uid.namespace(), uid.identifier().to_owned());
        let reading = async move {
            let of = (&namespace, identifier.as_str());
            store.accepted_topology_rows(MappingCode::OwnerToKeyMapping, Some(of)).await
        };
        let rows = to_its_end(reading).await?;
        let mut former = Vec::new();
        for row in rows {
            let (Some(until), Ok(signed)) = (row.valid_until, row.transaction()) else { continue };
            let Mapping::OwnerToKeyMapping(mapping) = signed.transaction().mapping() else { continue };
            if mapping.member() != &self.member {
                continue;
            }
            let keys = mapping.signing_keys().iter().filter(|key| key.usages().matches(KeyUsages::PROTOCOL));
            let keys = keys.map(|key| key.fingerprint().clone()).collect();
            former.push(FormerKeys { from: row.valid_from, until, keys });
        }
        Ok(former)
    }
}

#[cfg(test)]
mod tests;
