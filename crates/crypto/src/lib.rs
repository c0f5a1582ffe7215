//! Hashes, keys and signatures exactly as Canton 3.5 computes and judges them (chapter 01 §4 of the protocol notes).
//!
//! The rule that everything rests on: a signature is made over the 34-byte multihash of a [`struct@Hash`], and a
//! [`struct@Hash`] begins with the number of its [`HashPurpose`].
//!
//! - [`struct@Hash`], [`HashBuilder`], [`HashPurpose`] and [`encoding`]: what is hashed and how.
//! - [`SigningPublicKey`], [`EncryptionPublicKey`]: parsed, validated and prepared once, cheap to clone.
//! - [`Signature`], [`SignatureDelegation`]: the wire forms, with Canton's migration of legacy ones.
//! - [`verify`], [`CryptoRestrictions`], [`SignatureVerifier`]: one key, one key under the static parameters of a
//!   synchronizer, and the keys of a member or of a group at a point in time.
//! - [`SigningPrivateKey`]: keys in memory, for nodes without an external key service.

mod auth;
mod curve;
mod delegation;
mod ed25519;
pub mod encoding;
mod encryption_key;
mod fingerprint;
mod formulas;
mod hash;
mod key;
mod known;
mod private;
mod purpose;
mod restrictions;
mod scheme;
mod set;
mod signature;
mod signature_error;
mod spki;
mod usage;
mod verifier;
mod verify;

pub use auth::{Nonce, NonceLength, auth_challenge_hash};
pub use delegation::{InvalidDelegation, SignatureDelegation, ValidityPeriod, session_delegation_hash};
pub use encryption_key::EncryptionPublicKey;
pub use fingerprint::fingerprint_of_key;
pub use formulas::{
    TopologyStateHash, acknowledgement_hash, decentralized_namespace, multi_transaction_hash, protocol_message_hash,
    sequenced_event_hash, submission_request_hash, topology_transaction_hash,
};
pub use hash::{Hash, HashBuilder, InvalidHash};
pub use key::{InvalidKey, SigningPublicKey};
pub use private::{InvalidPrivateKey, KeyGenerationFault, SigningError, SigningPrivateKey};
pub use purpose::HashPurpose;
pub use restrictions::CryptoRestrictions;
pub use scheme::{
    CryptoKeyFormat, EncryptionAlgorithmSpec, EncryptionKeySpec, HashAlgorithm, InvalidEnumValue, SignatureFormat,
    SigningAlgorithmSpec, SigningKeySpec, SymmetricKeyScheme,
};
pub use set::{EnumSet, ProtoEnum};
pub use signature::{InvalidSignature, Signature};
pub use signature_error::SignatureError;
pub use usage::{KeyUsages, SigningKeyUsage};
pub use verifier::SignatureVerifier;
pub use verify::{verify, verify_restricted};
