//! Why a signature is not accepted (`SignatureCheckError`).

use synod_types::{CantonTimestamp, Fingerprint};
use thiserror::Error;

use crate::{CryptoKeyFormat, EnumSet, KeyUsages, SignatureFormat, SigningAlgorithmSpec, SigningKeySpec};

/// Why a signature is not accepted. Always the signer's fault, or that of who claims its signature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// The key did not sign these bytes, or the signature is malformed.
    #[error("the signature by {signed_by} does not verify")]
    InvalidSignature {
        /// The key that is said to have signed.
        signed_by: Fingerprint,
    },
    /// The signature names another key than the one it is checked with, or a key that is not one of the signer's.
    #[error("signed by {signed_by}, which is not a key to verify with here")]
    SignatureWithWrongKey {
        /// The key that is said to have signed.
        signed_by: Fingerprint,
    },
    /// The key may sign nothing of what is required.
    #[error("key {key} may be used for {usages}, but {required} is required")]
    InvalidKeyUsage {
        /// The key.
        key: Fingerprint,
        /// Its usages.
        usages: KeyUsages,
        /// The usages of which one is required.
        required: KeyUsages,
    },
    /// The algorithm is not one for this kind of key.
    #[error("algorithm {algorithm} does not fit a key of {spec}")]
    KeyAlgoSpecsMismatch {
        /// Kind of the key.
        spec: SigningKeySpec,
        /// Algorithm of the signature.
        algorithm: SigningAlgorithmSpec,
    },
    /// The algorithm is not allowed here.
    #[error("algorithm {algorithm} is not one of {allowed}")]
    UnsupportedAlgorithmSpec {
        /// Algorithm of the signature.
        algorithm: SigningAlgorithmSpec,
        /// Those allowed.
        allowed: EnumSet<SigningAlgorithmSpec>,
    },
    /// The signature leaves its algorithm open, and none that is allowed fits the key.
    #[error("no allowed algorithm fits a key of {spec}")]
    NoMatchingAlgorithmSpec {
        /// Kind of the key.
        spec: SigningKeySpec,
    },
    /// The kind of key is not allowed on this synchronizer.
    #[error("a key of {spec} is not one of {allowed}")]
    UnsupportedKeySpec {
        /// Kind of the key.
        spec: SigningKeySpec,
        /// Those allowed.
        allowed: EnumSet<SigningKeySpec>,
    },
    /// The encoding of the key is not allowed on this synchronizer.
    #[error("key format {format} is not one of {allowed}")]
    UnsupportedKeyFormat {
        /// Encoding of the key.
        format: CryptoKeyFormat,
        /// Those allowed.
        allowed: EnumSet<CryptoKeyFormat>,
    },
    /// The encoding of the signature is not allowed on this synchronizer, or not that of its algorithm.
    #[error("signature format {format} is not one of {allowed}")]
    UnsupportedSignatureFormat {
        /// Encoding of the signature.
        format: SignatureFormat,
        /// Those allowed.
        allowed: EnumSet<SignatureFormat>,
    },
    /// The key cannot verify anything: it is of the symbolic format.
    #[error("key {key} cannot verify signatures")]
    InvalidKeyError {
        /// The key.
        key: Fingerprint,
    },
    /// The signer has no key for what is required.
    #[error("the signer has no key for {required}, but the message is signed with {signed_by}")]
    SignerHasNoValidKeys {
        /// The long-term key that is said to have signed.
        signed_by: Fingerprint,
        /// The usages of which one is required.
        required: KeyUsages,
    },
    /// The session key is used before or after its time.
    #[error("the session key is valid from {from} until before {to}, not at {at}")]
    SessionKeyNotValidYetOrAnymore {
        /// First time of its validity.
        from: CantonTimestamp,
        /// First time after its validity.
        to: CantonTimestamp,
        /// The time it is used at.
        at: CantonTimestamp,
    },
    /// The long-term key did not authorize the session key.
    #[error("the session key is not authorized")]
    InvalidSignatureDelegation(#[source] Box<SignatureError>),
    /// Session keys are not allowed for this usage or in this protocol version.
    #[error("session keys are not allowed here")]
    UnsupportedDelegationSignatureError,
    /// The key belongs to several members of the group, so that its signature is nobody's.
    #[error("key {signed_by} is shared by several members of the group")]
    SharedKey {
        /// The long-term key.
        signed_by: Fingerprint,
    },
    /// Not enough members of a group have signed.
    #[error("{valid} of {threshold} signatures needed are valid, {} are not", errors.len())]
    ThresholdNotReached {
        /// Members with a valid signature.
        valid: usize,
        /// Members needed.
        threshold: usize,
        /// What was wrong with the others.
        errors: Vec<SignatureError>,
    },
}

impl SignatureError {
    /// Name of the class of Canton's `SignatureCheckError` that stands for this.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::InvalidSignature { .. } => "InvalidSignature",
            Self::SignatureWithWrongKey { .. } | Self::SharedKey { .. } => "SignatureWithWrongKey",
            Self::InvalidKeyUsage { .. } => "InvalidKeyUsage",
            Self::KeyAlgoSpecsMismatch { .. } => "KeyAlgoSpecsMismatch",
            Self::UnsupportedAlgorithmSpec { .. } => "UnsupportedAlgorithmSpec",
            Self::NoMatchingAlgorithmSpec { .. } => "NoMatchingAlgorithmSpec",
            Self::UnsupportedKeySpec { .. } => "UnsupportedKeySpec",
            Self::UnsupportedKeyFormat { .. } => "UnsupportedKeyFormat",
            Self::UnsupportedSignatureFormat { .. } => "UnsupportedSignatureFormat",
            Self::InvalidKeyError { .. } => "InvalidKeyError",
            Self::SignerHasNoValidKeys { .. } => "SignerHasNoValidKeys",
            Self::SessionKeyNotValidYetOrAnymore { .. } | Self::InvalidSignatureDelegation(_) => {
                "InvalidSignatureDelegation"
            }
            Self::UnsupportedDelegationSignatureError => "UnsupportedDelegationSignatureError",
            Self::ThresholdNotReached { .. } => "MultipleErrors",
        }
    }
}
