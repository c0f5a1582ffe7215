//! Salts, and hashes of what is blinded.

use bytes::Bytes;
use synod_crypto::{Hash, HashBuilder, HashPurpose};
use synod_proto::crypto::v30::{Salt, salt};
use synod_proto::protocol::v30::{BlindableNode, blindable_node::BlindedOrNot};

/// All salts of one request, one after the other.
pub(super) struct Salts {
    seed: [u8; 32],
    next: i32,
}

impl Salts {
    pub(super) const fn new(seed: [u8; 32]) -> Self {
        Self { seed, next: 0 }
    }

    fn next_hash(&mut self) -> Hash {
        self.next += 1;
        HashBuilder::new(HashPurpose::MERKLE_TREE_INNER_NODE).add_byte_string(&self.seed).add_int(self.next).finish()
    }

    /// A salt.
    pub(super) fn salt(&mut self) -> Salt {
        let bytes = Bytes::copy_from_slice(self.next_hash().as_digest());
        Salt { algorithm: Some(salt::Algorithm::Hmac(1)), salt: bytes }
    }

    /// A node that nobody who gets the message may see.
    pub(super) fn blinded(&mut self) -> BlindableNode {
        let hash = Bytes::copy_from_slice(&self.next_hash().multihash());
        BlindableNode { blinded_or_not: Some(BlindedOrNot::BlindedHash(hash)) }
    }
}

/// A node that is shown.
pub(super) fn shown(versioned: Bytes) -> BlindableNode {
    BlindableNode { blinded_or_not: Some(BlindedOrNot::Unblinded(versioned)) }
}
