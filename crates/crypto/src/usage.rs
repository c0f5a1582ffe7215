//! What a signing key may sign (chapter 01 §4.4 and §4.5, `SigningKeyUsage`).

use crate::scheme::{InvalidEnumValue, proto_enum};
use crate::set::{EnumSet, ProtoEnum as _};

proto_enum! {
    /// One thing that a signing key may sign. The number 2, identity delegation, is deprecated and ignored.
    SigningKeyUsage {
        /// Topology transactions of the namespace that the key roots or is delegated for.
        Namespace = 1, "namespace";
        /// Authentication challenges.
        SequencerAuthentication = 3, "sequencer-auth";
        /// Submissions, acknowledgements, protocol messages and events.
        Protocol = 4, "signing";
        /// The key mapping that lists the key itself. Comes with every usage but the namespace.
        ProofOfOwnership = 5, "proof-of-ownership";
    }
}

/// Number of the deprecated usage that is ignored.
const IDENTITY_DELEGATION: i32 = 2;

const fn bit(usage: SigningKeyUsage) -> u16 {
    1 << usage as u8
}

/// A set of usages.
pub type KeyUsages = EnumSet<SigningKeyUsage>;

impl EnumSet<SigningKeyUsage> {
    /// Every usage.
    pub const ALL: Self =
        Self::NAMESPACE.union(Self::SEQUENCER_AUTHENTICATION).union(Self::PROTOCOL).union(Self::PROOF_OF_OWNERSHIP);
    /// Namespace alone.
    pub const NAMESPACE: Self = Self::of_bits(bit(SigningKeyUsage::Namespace));
    /// Sequencer authentication alone.
    pub const SEQUENCER_AUTHENTICATION: Self = Self::of_bits(bit(SigningKeyUsage::SequencerAuthentication));
    /// Protocol alone.
    pub const PROTOCOL: Self = Self::of_bits(bit(SigningKeyUsage::Protocol));
    /// Proof of ownership alone. As the usages of a key it is invalid.
    pub const PROOF_OF_OWNERSHIP: Self = Self::of_bits(bit(SigningKeyUsage::ProofOfOwnership));
    /// What is required of a key that a mapping lists: proof of ownership, or a namespace key in old states.
    pub const NAMESPACE_OR_PROOF_OF_OWNERSHIP: Self = Self::NAMESPACE.union(Self::PROOF_OF_OWNERSHIP);

    /// Reads the usages of a key. None mean all (`SigningKeyUsage.fromProtoListWithDefault`).
    ///
    /// # Errors
    /// [`InvalidEnumValue`] when one is unset or unknown.
    pub fn from_proto(numbers: &[i32]) -> Result<Self, InvalidEnumValue> {
        Ok(read_in_order(numbers)?.into_iter().collect())
    }

    /// Whether a key may have just these usages: some, and proof of ownership only beside another usage than the
    /// namespace (`SigningKeyUsage.isUsageValid`).
    #[must_use]
    pub fn is_valid_for_key(self) -> bool {
        !self.is_empty() && self != Self::PROOF_OF_OWNERSHIP && self != Self::NAMESPACE_OR_PROOF_OF_OWNERSHIP
    }

    /// These usages and proof of ownership, unless that makes them invalid (`SigningKeyUsage.addProofOfOwnership`).
    #[must_use]
    pub fn with_proof_of_ownership(self) -> Self {
        let extended = self.union(Self::PROOF_OF_OWNERSHIP);
        if extended.is_valid_for_key() { extended } else { self }
    }

    /// Whether a key of these usages may sign or verify where one of `required` is needed
    /// (`SigningKeyUsage.compatibleUsageForSignAndVerify`).
    #[must_use]
    pub const fn allows(self, required: Self) -> bool {
        self.intersects(required)
    }

    /// Whether a key of these usages is one of those to look for where one of `required` is needed: proof of ownership
    /// does not count (`SigningKeyUsage.matchesRelevantUsages`).
    #[must_use]
    pub fn matches(self, required: Self) -> bool {
        self.intersects(required.without(SigningKeyUsage::ProofOfOwnership))
    }
}

/// The usages of a key in the order in which they were written, each once. None mean all.
pub(crate) fn read_in_order(numbers: &[i32]) -> Result<Vec<SigningKeyUsage>, InvalidEnumValue> {
    let mut usages = Vec::new();
    for number in numbers.iter().filter(|number| **number != IDENTITY_DELEGATION) {
        let usage = SigningKeyUsage::from_number("usage", *number)?;
        if !usages.contains(&usage) {
            usages.push(usage);
        }
    }
    Ok(if usages.is_empty() { SigningKeyUsage::ALL.to_vec() } else { usages })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proof_of_ownership_follows_every_usage_but_the_namespace() {
        assert_eq!(KeyUsages::NAMESPACE.with_proof_of_ownership(), KeyUsages::NAMESPACE);
        assert_eq!(KeyUsages::PROTOCOL.with_proof_of_ownership().numbers(), [4, 5]);
        assert_eq!(KeyUsages::ALL.with_proof_of_ownership(), KeyUsages::ALL);
        assert!(!KeyUsages::PROOF_OF_OWNERSHIP.is_valid_for_key());
        assert!(!KeyUsages::empty().is_valid_for_key());
    }

    #[test]
    fn identity_delegation_is_ignored() {
        assert_eq!(KeyUsages::from_proto(&[2]), Ok(KeyUsages::ALL));
        assert_eq!(KeyUsages::from_proto(&[1, 2]), Ok(KeyUsages::NAMESPACE));
        assert!(KeyUsages::from_proto(&[0]).is_err());
    }
}
