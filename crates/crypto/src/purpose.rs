//! What a hash is for (chapter 01 §4.2, `HashPurpose`).

/// Number that a hash begins with, so that no hash can stand for another kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashPurpose(i32);

impl HashPurpose {
    /// A sequenced event, signed by its sequencer.
    pub const SEQUENCED_EVENT_SIGNATURE: Self = Self(1);
    /// An inner node of a Merkle tree.
    pub const MERKLE_TREE_INNER_NODE: Self = Self(3);
    /// Leaf of a transaction tree: who submitted.
    pub const SUBMITTER_METADATA: Self = Self(5);
    /// Leaf of a transaction tree: what all informees may know.
    pub const COMMON_METADATA: Self = Self(6);
    /// Leaf of a transaction tree: what only participants may know.
    pub const PARTICIPANT_METADATA: Self = Self(7);
    /// Leaf of a view: informees and quorums.
    pub const VIEW_COMMON_DATA: Self = Self(8);
    /// Leaf of a view: the content.
    pub const VIEW_PARTICIPANT_DATA: Self = Self(9);
    /// A topology transaction.
    pub const TOPOLOGY_TRANSACTION_SIGNATURE: Self = Self(11);
    /// A public key, as its fingerprint.
    pub const PUBLIC_KEY_FINGERPRINT: Self = Self(12);
    /// The nonce of an authentication challenge.
    pub const AUTHENTICATION_TOKEN: Self = Self(14);
    /// Leaf of an unassignment tree: the common part.
    pub const UNASSIGNMENT_COMMON_DATA: Self = Self(24);
    /// Leaf of an unassignment tree: the view.
    pub const UNASSIGNMENT_VIEW: Self = Self(25);
    /// Leaf of an assignment tree: the common part.
    pub const ASSIGNMENT_COMMON_DATA: Self = Self(26);
    /// Leaf of an assignment tree: the view.
    pub const ASSIGNMENT_VIEW: Self = Self(27);
    /// A submission request, signed by its sender.
    pub const SUBMISSION_REQUEST_SIGNATURE: Self = Self(35);
    /// An acknowledgement, signed by the member.
    pub const ACKNOWLEDGEMENT_SIGNATURE: Self = Self(36);
    /// Owners of a decentralized namespace, as its name.
    pub const DECENTRALIZED_NAMESPACE: Self = Self(37);
    /// A protocol message, signed by its sender; also the signatures on closed envelopes.
    pub const SIGNED_PROTOCOL_MESSAGE_SIGNATURE: Self = Self(38);
    /// What makes submissions contributions to the same aggregation.
    pub const AGGREGATION_ID: Self = Self(39);
    /// What makes topology mappings replace each other.
    pub const TOPOLOGY_MAPPING_UNIQUE_KEY: Self = Self(43);
    /// Several topology transactions under one signature.
    pub const MULTI_TOPOLOGY_TRANSACTION: Self = Self(55);
    /// The authorization of a session key.
    pub const SESSION_KEY_DELEGATION: Self = Self(56);
    /// The topology state that a member starts from.
    pub const INITIAL_TOPOLOGY_STATE_CONSISTENCY: Self = Self(60);
    /// Content of a test message before an upgrade.
    pub const LSU_SEQUENCING_TEST_MESSAGE_CONTENT: Self = Self(62);

    /// A purpose by its number, for those that have no name here. No number is refused: it is Canton's registry that
    /// knows which exist.
    #[must_use]
    pub const fn of_id(id: i32) -> Self {
        Self(id)
    }

    /// The number.
    #[must_use]
    pub const fn id(self) -> i32 {
        self.0
    }
}
