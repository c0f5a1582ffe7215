//! The hashes of chapter 01 §4.3 and chapter 02 §1.2 that need no more than bytes and other hashes.
//!
//! Bytes are always those received: nothing is encoded again to be hashed.

use std::collections::BTreeSet;

use synod_types::Namespace;

use crate::encoding::jvm_string_order;
use crate::fingerprint::as_fingerprint;
use crate::{Hash, HashBuilder, HashPurpose};

/// What the sender of a submission request signs: `content` is the content of its `SignedContent`.
#[must_use]
pub fn submission_request_hash(content: &[u8]) -> Hash {
    Hash::digest(HashPurpose::SUBMISSION_REQUEST_SIGNATURE, content)
}

/// What a sequencer signs: `content` is the content of the event's `SignedContent`.
#[must_use]
pub fn sequenced_event_hash(content: &[u8]) -> Hash {
    Hash::digest(HashPurpose::SEQUENCED_EVENT_SIGNATURE, content)
}

/// What an acknowledging member signs: `content` is the content of its `SignedContent`.
#[must_use]
pub fn acknowledgement_hash(content: &[u8]) -> Hash {
    Hash::digest(HashPurpose::ACKNOWLEDGEMENT_SIGNATURE, content)
}

/// What is signed on a closed envelope with this `content`, a versioned `TypedSignedProtocolMessageContent`.
#[must_use]
pub fn protocol_message_hash(content: &[u8]) -> Hash {
    Hash::digest(HashPurpose::SIGNED_PROTOCOL_MESSAGE_SIGNATURE, content)
}

/// The hash of a topology transaction, which names it and which its signatures are over; `transaction` is versioned.
#[must_use]
pub fn topology_transaction_hash(transaction: &[u8]) -> Hash {
    Hash::digest(HashPurpose::TOPOLOGY_TRANSACTION_SIGNATURE, transaction)
}

/// What one signature over several topology transactions is over
/// (`MultiTransactionSignature.computeCombinedHash`).
#[must_use]
pub fn multi_transaction_hash(transactions: &BTreeSet<Hash>) -> Hash {
    HashBuilder::new(HashPurpose::MULTI_TOPOLOGY_TRANSACTION)
        .add_sequence(transactions, |builder, hash| builder.add_byte_string(&hash.multihash()))
        .finish()
}

/// The namespace that `owners` share (`DecentralizedNamespaceDefinition.computeNamespace`). Their threshold is no part
/// of its name.
#[must_use]
pub fn decentralized_namespace(owners: &BTreeSet<Namespace>) -> Namespace {
    let mut sorted: Vec<&Namespace> = owners.iter().collect();
    sorted.sort_by(|a, b| jvm_string_order(a.as_str(), b.as_str()));
    let builder = HashBuilder::new(HashPurpose::DECENTRALIZED_NAMESPACE);
    let hash = sorted.into_iter().fold(builder, |builder, owner| builder.add_string(owner.as_str())).finish();
    Namespace::new(as_fingerprint(&hash))
}

/// Hash of a topology state, over its transactions in the order in which they are streamed (`TopologyStateHash`).
#[derive(Debug, Clone)]
#[must_use = "a hash does nothing before `finish`"]
pub struct TopologyStateHash(HashBuilder);

impl TopologyStateHash {
    /// The hash of no transaction yet.
    pub fn new() -> Self {
        Self(HashBuilder::new(HashPurpose::INITIAL_TOPOLOGY_STATE_CONSISTENCY))
    }

    /// Adds the next transaction by its [`topology_transaction_hash`], rejected ones included.
    pub fn add_transaction(self, transaction: &Hash) -> Self {
        Self(self.0.add_without_length_prefix(&transaction.multihash()))
    }

    /// The hash of the state.
    #[must_use]
    pub fn finish(self) -> Hash {
        self.0.finish()
    }
}

impl Default for TopologyStateHash {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 02 §1.2, "formula vectors".
    #[test]
    fn agrees_with_the_formula_vectors() {
        let owner = |byte: &str| Namespace::parse(&format!("1220{}", byte.repeat(32))).expect("hexadecimal");
        let owners = BTreeSet::from([owner("cd"), owner("ab")]);
        assert_eq!(
            decentralized_namespace(&owners).as_str(),
            "1220f924103d3da40c9e216603ebf3bede506740961d12c5100db9e8ed98570826ec"
        );

        let a = topology_transaction_hash(b"a");
        let b = topology_transaction_hash(b"b");
        assert_eq!(a.to_hex(), "122054b36c3b1aaf5a103b00fa171c0ef217b01b948d352b40420187110ec5c6e99c");
        assert_eq!(b.to_hex(), "12209f4dfc672caf4ec6e5d6a197f431e207acaddb341369128d92e7832b091a9ee5");
        assert_eq!(
            multi_transaction_hash(&BTreeSet::from([b, a])).to_hex(),
            "1220021ba558984d6d7e8a8866400ebb78b04dd5177096238ed83b3b6298765d50f8"
        );
        assert_eq!(
            TopologyStateHash::new().add_transaction(&a).add_transaction(&b).finish().to_hex(),
            "1220279c6be3395d3d6fefb03d618ad7a6e6483c75f8f8ab5d5cc6af81d2c4456c67"
        );
    }
}
