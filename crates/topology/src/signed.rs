//! Signed topology transactions (ch. 02 §1.4, `SignedTopologyTransaction`).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::{Hash, Signature, multi_transaction_hash};
use synod_proto::protocol::v30;
use synod_types::{Fingerprint, ProtocolVersion};
use synod_wire::MessageKind;

use crate::error::ensure;
use crate::protobuf::decode;
use crate::{InvalidMessage, TopologyTransaction, schema};

/// A signature on a topology transaction, or on several at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologySignature {
    signature: Signature,
    /// The transactions that it covers, each once, in the order in which they were written; `None` for the one that it
    /// is on.
    covers: Option<Arc<[Hash]>>,
}

impl TopologySignature {
    /// A signature over the hash of the transaction.
    #[must_use]
    pub const fn single(signature: Signature) -> Self {
        Self { signature, covers: None }
    }

    /// A signature over the [hash of several transactions](multi_transaction_hash).
    #[must_use]
    pub fn multi(signature: Signature, transactions: &BTreeSet<Hash>) -> Self {
        Self { signature, covers: Some(transactions.iter().copied().collect()) }
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The long-term key behind it.
    #[must_use]
    pub fn authorizing_key(&self) -> &Fingerprint {
        self.signature.authorizing_key()
    }

    /// The transactions that it covers when it is over several.
    #[must_use]
    pub fn covered_transactions(&self) -> Option<BTreeSet<Hash>> {
        self.covers.as_ref().map(|covers| covers.iter().copied().collect())
    }

    /// Whether it covers `transaction`, on which it is.
    #[must_use]
    pub fn covers(&self, transaction: &Hash) -> bool {
        self.covers.as_ref().is_none_or(|covers| covers.contains(transaction))
    }

    /// What it is over, on `transaction`.
    #[must_use]
    pub fn signed_hash(&self, transaction: &Hash) -> Hash {
        self.covered_transactions().map_or(*transaction, |covered| multi_transaction_hash(&covered))
    }
}

/// A topology transaction with signatures: at least one, and one for each long-term key at most. Cheap to clone.
///
/// Whether it is a proposal is not signed: it says that the sender does not expect it to be complete.
#[derive(Debug, Clone)]
pub struct SignedTopologyTransaction {
    transaction: TopologyTransaction,
    signatures: Vec<TopologySignature>,
    is_proposal: bool,
}

impl SignedTopologyTransaction {
    /// `transaction` with these signatures, of which the first of each key counts.
    ///
    /// # Errors
    /// [`InvalidMessage`] when there is none.
    pub fn new(
        transaction: TopologyTransaction,
        signatures: Vec<TopologySignature>,
        is_proposal: bool,
    ) -> Result<Self, InvalidMessage> {
        ensure(!signatures.is_empty(), "at least one signature must be provided")?;
        let mut signed = Self { transaction, signatures: Vec::with_capacity(signatures.len()), is_proposal };
        signed.add_signatures(&signatures);
        Ok(signed)
    }

    /// Reads a versioned signed transaction. Signatures are not verified.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`SignedTopologyTransaction.fromByteString`).
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        Self::parse_unversioned(&MessageKind::Topology.unwrap(version, bytes)?, version)
    }

    /// Reads a signed transaction without a version around it; the transaction inside has one.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`SignedTopologyTransaction.fromProtoV30`).
    pub fn parse_unversioned(bytes: &[u8], version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        Self::from_proto(decode(&schema::SIGNED_TOPOLOGY_TRANSACTION, bytes)?, version)
    }

    fn from_proto(proto: v30::SignedTopologyTransaction, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        let transaction = TopologyTransaction::parse(&proto.transaction, version)?;
        let mut signatures = Vec::with_capacity(proto.signatures.len());
        for signature in proto.signatures {
            signatures.push(TopologySignature::single(Signature::from_proto(signature)?));
        }
        for group in proto.multi_transaction_signatures {
            signatures.extend(parse_group(group, transaction.hash())?);
        }
        Self::new(transaction, signatures, proto.proposal)
    }

    /// The message of this transaction. Signatures over several transactions come last, those over the same together.
    #[must_use]
    pub fn to_proto(&self) -> v30::SignedTopologyTransaction {
        let mut groups: Vec<(BTreeSet<Hash>, v30::MultiTransactionSignatures)> = Vec::new();
        let mut signatures = Vec::new();
        for signature in &self.signatures {
            let proto = signature.signature.to_proto();
            let Some(covers) = &signature.covers else {
                signatures.push(proto);
                continue;
            };
            let set: BTreeSet<Hash> = covers.iter().copied().collect();
            if let Some((_, group)) = groups.iter_mut().find(|(found, _)| *found == set) {
                group.signatures.push(proto);
                continue;
            }
            let transaction_hashes = covers.iter().map(|hash| Bytes::copy_from_slice(&hash.multihash())).collect();
            groups.push((set, v30::MultiTransactionSignatures { transaction_hashes, signatures: vec![proto] }));
        }
        v30::SignedTopologyTransaction {
            transaction: self.transaction.bytes().clone(),
            signatures,
            proposal: self.is_proposal,
            multi_transaction_signatures: groups.into_iter().map(|(_, group)| group).collect(),
        }
    }

    /// The versioned message of this transaction, as it is stored and sent on.
    #[must_use]
    pub fn encode(&self, version: ProtocolVersion) -> Bytes {
        MessageKind::Topology.wrap(version, &self.to_proto().encode_to_vec())
    }

    /// The transaction that is signed.
    #[must_use]
    pub const fn transaction(&self) -> &TopologyTransaction {
        &self.transaction
    }

    /// The signatures: one for each long-term key.
    #[must_use]
    pub fn signatures(&self) -> &[TopologySignature] {
        &self.signatures
    }

    /// Whether it may miss signatures.
    #[must_use]
    pub const fn is_proposal(&self) -> bool {
        self.is_proposal
    }

    /// The long-term keys behind the signatures, in order.
    pub fn signing_fingerprints(&self) -> impl Iterator<Item = &Fingerprint> {
        self.signatures.iter().map(TopologySignature::authorizing_key)
    }

    /// This transaction, marked as a proposal or not.
    #[must_use]
    pub fn with_proposal(self, is_proposal: bool) -> Self {
        Self { is_proposal, ..self }
    }

    /// Adds the signatures of keys that have not signed yet. Nothing is verified.
    pub fn add_signatures(&mut self, signatures: &[TopologySignature]) {
        for signature in signatures {
            let key = signature.authorizing_key();
            if !self.signatures.iter().any(|found| found.authorizing_key() == key) {
                self.signatures.push(signature.clone());
            }
        }
    }

    /// Drops the signatures of all other keys. May leave none.
    pub(crate) fn retain_signers(&mut self, keys: &BTreeSet<Fingerprint>) {
        self.signatures.retain(|signature| keys.contains(signature.authorizing_key()));
    }

    /// Joins transactions of the same hash into one with the signatures of all, in the place of the first
    /// (`SignedTopologyTransactions.compact`).
    #[must_use]
    pub fn compact(transactions: Vec<Self>) -> Vec<Self> {
        let mut kept: Vec<Self> = Vec::with_capacity(transactions.len());
        let mut places = std::collections::BTreeMap::new();
        for transaction in transactions {
            match places.get(transaction.transaction.hash()) {
                Some(&place) => kept_at(&mut kept, place).add_signatures(&transaction.signatures),
                None => {
                    places.insert(*transaction.transaction.hash(), kept.len());
                    kept.push(transaction);
                }
            }
        }
        kept
    }
}

fn kept_at(kept: &mut [SignedTopologyTransaction], place: usize) -> &mut SignedTopologyTransaction {
    kept.get_mut(place).expect("places are those of transactions that were kept")
}

/// Signatures over the same transactions, of which `transaction` has to be one.
fn parse_group(
    group: v30::MultiTransactionSignatures,
    transaction: &Hash,
) -> Result<Vec<TopologySignature>, InvalidMessage> {
    let mut hashes = Vec::with_capacity(group.transaction_hashes.len());
    for bytes in &group.transaction_hashes {
        let hash = Hash::from_multihash(bytes)?;
        if !hashes.contains(&hash) {
            hashes.push(hash);
        }
    }
    if hashes.is_empty() {
        return Err(InvalidMessage::FieldNotSet { field: "transaction_hashes" });
    }
    if group.signatures.is_empty() {
        return Err(InvalidMessage::FieldNotSet { field: "signatures" });
    }
    ensure(hashes.contains(transaction), "transaction_hashes does not contain the transaction hash")?;
    let covers: Arc<[Hash]> = hashes.into();
    let read = |proto| Ok(TopologySignature { signature: Signature::from_proto(proto)?, covers: Some(covers.clone()) });
    group.signatures.into_iter().map(read).collect()
}
