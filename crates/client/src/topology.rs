//! The topology of the synchronizer as a member knows it (chapter 01 §2 step 11, chapter 02 §3.2 and §6.1).

use synod_crypto::{Hash, KeyUsages, SignatureError, SignatureVerifier, TopologyStateHash};
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_topology::broadcast::{check_broadcast, parse_transactions};
use synod_topology::genesis::{Mismatch, StoredTransaction, replay};
use synod_topology::init_state::{NoInitialState, reference_time};
use synod_topology::{
    InvalidMessage, SignedTopologyTransaction, Snapshot, StaticSynchronizerParameters, TopologyChanges, TopologyRow,
    TopologyState,
};
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId};
use synod_wire::{Batch, EnvelopeContent, SequencedEvent, SequencedEventContent, SignedContent};
use thiserror::Error;

use crate::event::MAX_DECOMPRESSED_BYTES;

/// A state to start from that a correct sequencer does not give.
#[derive(Debug, Error)]
pub enum TopologyError {
    /// A transaction is malformed.
    #[error("transaction {index} of the topology is malformed")]
    Malformed {
        /// Its place, from 0.
        index: usize,
        /// What is wrong.
        source: InvalidMessage,
    },
    /// The state and its hash do not fit.
    #[error("the topology has the hash {found}, but {expected} was said")]
    Hash {
        /// The hash that was said.
        expected: Hash,
        /// That of the state.
        found: Hash,
    },
    /// The sequencer judged a transaction wrongly.
    #[error("the topology is not what follows from its transactions")]
    Judgement(#[source] Mismatch),
    /// The member is not in the topology that it is to start from.
    #[error("the topology is not one for this member")]
    Member(#[source] NoInitialState),
}

/// The topology as a member learns it: it downloads a state to start from, then follows the broadcasts among its events.
///
/// Snapshots are complete up to [`known_until`](Self::known_until).
#[derive(Debug, Clone)]
pub struct MemberTopology {
    state: TopologyState,
    /// Everything that was sequenced up to here is applied.
    applied_until: CantonTimestamp,
}

impl MemberTopology {
    /// Takes up a downloaded state. Every transaction in it is judged again, and compared with how it was judged.
    ///
    /// # Errors
    /// [`TopologyError`].
    pub fn start(
        psid: PhysicalSynchronizerId,
        static_parameters: &StaticSynchronizerParameters,
        member: &Member,
        items: Vec<Item>,
    ) -> Result<Self, TopologyError> {
        Self::start_with_rows(psid, static_parameters, member, items).map(|(topology, _)| topology)
    }

    /// The same, with the rows of the state, for a member that keeps them.
    ///
    /// # Errors
    /// [`TopologyError`].
    pub fn start_with_rows(
        psid: PhysicalSynchronizerId,
        static_parameters: &StaticSynchronizerParameters,
        member: &Member,
        items: Vec<Item>,
    ) -> Result<(Self, Vec<TopologyRow>), TopologyError> {
        let version = psid.protocol_version();
        let stored = items.into_iter().enumerate().map(|(index, item)| {
            StoredTransaction::from_item(item, version).map_err(|source| TopologyError::Malformed { index, source })
        });
        let stored = stored.collect::<Result<_, _>>()?;
        let empty = TopologyState::new(psid, static_parameters);
        let replayed = replay(empty, stored).map_err(TopologyError::Judgement)?;
        Ok((Self::resume(replayed.state, member, None)?, replayed.rows))
    }

    /// Goes on with a state that has taken up every event of the member up to `head`; `None` before its first one.
    ///
    /// # Errors
    /// [`TopologyError::Member`] when the member is not in it.
    pub fn resume(state: TopologyState, member: &Member, head: Option<CantonTimestamp>) -> Result<Self, TopologyError> {
        let applied_until = match head {
            Some(head) => head,
            None => reference_time(&state, member, None).map_err(TopologyError::Member)?,
        };
        Ok(Self { state, applied_until })
    }

    /// The topology, whatever the time is.
    #[must_use]
    pub const fn state(&self) -> &TopologyState {
        &self.state
    }

    /// Everything that was sequenced up to here is taken up.
    #[must_use]
    pub const fn applied_until(&self) -> CantonTimestamp {
        self.applied_until
    }

    /// Takes up the topology transactions of an event, which has to be the member's next one; one that it knows already
    /// changes nothing. A broadcast that is malformed or not for everybody does not count, as in Canton.
    pub fn observe(&mut self, event: &SequencedEvent) -> TopologyChanges {
        if event.timestamp <= self.applied_until {
            return TopologyChanges::default();
        }
        self.applied_until = event.timestamp;
        let SequencedEventContent::Deliver { batch } = &event.content else { return TopologyChanges::default() };
        let transactions = self.broadcasts(batch, event.topology_timestamp);
        if transactions.is_empty() {
            return TopologyChanges::default();
        }
        let effective = event.timestamp.saturating_add(self.state.static_parameters().topology_change_delay);
        self.state.apply(event.timestamp, effective, transactions, false)
    }

    fn broadcasts(&self, batch: &Batch, topology_timestamp: Option<CantonTimestamp>) -> Vec<SignedTopologyTransaction> {
        let psid = self.state.psid();
        let version = psid.protocol_version();
        let mut transactions = Vec::new();
        for (index, recipients) in batch.recipients().iter().enumerate() {
            let Ok(envelope) = batch.open_envelope(index, MAX_DECOMPRESSED_BYTES) else { continue };
            if !envelope.signatures.is_empty() {
                continue;
            }
            let Ok(EnvelopeContent::TopologyBroadcast(broadcast)) = EnvelopeContent::parse(&envelope.content, version)
            else {
                continue;
            };
            let counts = check_broadcast(psid, &broadcast.psid, recipients.iter(), topology_timestamp).is_ok();
            if let Some(parsed) = parse_transactions(&broadcast.transactions, version).ok().filter(|_| counts) {
                transactions.extend(parsed);
            }
        }
        transactions
    }

    /// The time up to which, inclusive, snapshots are complete: what was sequenced later becomes effective later.
    #[must_use]
    pub fn known_until(&self) -> CantonTimestamp {
        let delay = self.state.static_parameters().topology_change_delay;
        self.applied_until.saturating_add(delay).immediate_successor()
    }

    /// The topology in force at `at`; `None` after [`Self::known_until`].
    #[must_use]
    pub fn snapshot(&self, at: CantonTimestamp) -> Option<Snapshot> {
        (at <= self.known_until()).then(|| self.state.snapshot(at))
    }

    /// The topology after the last change.
    #[must_use]
    pub fn head_snapshot(&self) -> Snapshot {
        self.state.head_snapshot()
    }

    /// The static parameters of the synchronizer.
    #[must_use]
    pub fn static_parameters(&self) -> &StaticSynchronizerParameters {
        self.state.static_parameters()
    }

    /// Forgets what ended before `before`: no snapshot of an earlier time may be asked for.
    pub fn prune(&mut self, before: CantonTimestamp) {
        self.state.prune_window(before);
    }

    /// The topology in force at the time of the member's next event. Who has that event has everything before it, so this
    /// is complete also after [`Self::known_until`].
    pub(crate) fn at_next_event(&self, time: CantonTimestamp) -> Snapshot {
        self.state.snapshot(time)
    }

    /// Verifies that `signer` signed a message with a key that it has for the protocol at `at`, which is at most the time of
    /// the member's next event. The last signature counts.
    pub(crate) fn verify(
        &self,
        signer: &Member,
        at: CantonTimestamp,
        hash: &Hash,
        signed: &SignedContent,
    ) -> Result<(), SignatureError> {
        let psid = self.state.psid();
        let restrictions = *self.state.crypto_restrictions();
        let verifier = SignatureVerifier::new(psid.logical().clone(), psid.protocol_version(), restrictions);
        let snapshot = self.at_next_event(at);
        let keys = snapshot.signing_keys_for(signer, KeyUsages::PROTOCOL);
        verifier.verify(at, keys, hash, signed.last_signature(), KeyUsages::PROTOCOL)
    }
}

/// Compares a downloaded state with the hash that was said for it: over its transactions, in their order (chapter 01 §4.3).
pub(crate) fn check_hash(items: &[Item], expected: Hash, psid: &PhysicalSynchronizerId) -> Result<(), TopologyError> {
    let mut hash = TopologyStateHash::new();
    for (index, item) in items.iter().enumerate() {
        let transaction = SignedTopologyTransaction::parse(&item.transaction, psid.protocol_version())
            .map_err(|source| TopologyError::Malformed { index, source })?;
        hash = hash.add_transaction(transaction.transaction().hash());
    }
    let found = hash.finish();
    if found == expected { Ok(()) } else { Err(TopologyError::Hash { expected, found }) }
}
