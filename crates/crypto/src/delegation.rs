//! Session keys: short-lived keys that a long-term key authorizes (chapter 01 §4.6, `SignatureDelegation`).

use std::time::Duration;

use synod_proto::crypto::v30;
use synod_types::{CantonTimestamp, Fingerprint, SynchronizerId, TimestampOutOfRange};
use thiserror::Error;

use crate::encoding::{put_int, put_long, put_sequence};
use crate::{
    CryptoKeyFormat, Hash, HashBuilder, HashPurpose, InvalidEnumValue, InvalidKey, KeyUsages, Signature,
    SignatureFormat, SigningAlgorithmSpec, SigningKeySpec, SigningPublicKey,
};

/// A message or parts that are not a delegation. Always its author's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidDelegation {
    /// An enum field is unset or unknown.
    #[error(transparent)]
    EnumValue(#[from] InvalidEnumValue),
    /// The session key is not valid.
    #[error("the session key is invalid")]
    SessionKey(#[source] InvalidKey),
    /// The start of the validity is no time.
    #[error("the start of the validity is out of range")]
    Start(#[source] TimestampOutOfRange),
    /// The validity has no length, or one above 2³¹ − 1 seconds.
    #[error("a validity of {seconds} s is not possible")]
    Validity {
        /// The length found.
        seconds: u32,
    },
    /// The session key is not a `SubjectPublicKeyInfo` for protocol messages alone.
    #[error("a session key must be a SubjectPublicKeyInfo with the usages of protocol messages")]
    Restriction,
    /// The delegation is signed by a session key.
    #[error("a delegation cannot itself be delegated")]
    Nested,
}

/// When a session key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ValidityPeriod {
    from_inclusive: CantonTimestamp,
    duration_seconds: u32,
}

impl ValidityPeriod {
    /// `duration_seconds` from `from_inclusive` on, between 1 and 2³¹ − 1.
    ///
    /// # Errors
    /// [`InvalidDelegation::Validity`] when the duration is out of range.
    pub fn new(from_inclusive: CantonTimestamp, duration_seconds: u32) -> Result<Self, InvalidDelegation> {
        if i32::try_from(duration_seconds).is_ok_and(|seconds| seconds > 0) {
            Ok(Self { from_inclusive, duration_seconds })
        } else {
            Err(InvalidDelegation::Validity { seconds: duration_seconds })
        }
    }

    /// The first time of the period.
    #[must_use]
    pub const fn from_inclusive(&self) -> CantonTimestamp {
        self.from_inclusive
    }

    /// The first time after the period, held at the last of all times.
    #[must_use]
    pub fn to_exclusive(&self) -> CantonTimestamp {
        self.from_inclusive.saturating_add(Duration::from_secs(self.duration_seconds.into()))
    }

    /// Length of the period in seconds.
    #[must_use]
    pub const fn duration_seconds(&self) -> u32 {
        self.duration_seconds
    }

    /// Whether `time` is in the period.
    #[must_use]
    pub fn covers(&self, time: CantonTimestamp) -> bool {
        self.from_inclusive <= time && time < self.to_exclusive()
    }

    /// Start in microseconds and length in seconds, eight bytes each
    /// (`SignatureDelegationValidityPeriod.getCryptographicEvidence`).
    #[must_use]
    pub fn encode_for_hash(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16);
        put_long(&mut bytes, self.from_inclusive.as_micros());
        put_long(&mut bytes, self.duration_seconds.into());
        bytes
    }
}

/// A session key, and the signature of a long-term key that authorizes it for a while on one synchronizer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignatureDelegation {
    session_key: SigningPublicKey,
    validity: ValidityPeriod,
    signature: Signature,
}

impl SignatureDelegation {
    /// A delegation of these parts; `signature` is over [`session_delegation_hash`] and is not checked here
    /// (`SignatureDelegation.create`).
    ///
    /// # Errors
    /// [`InvalidDelegation`] when the session key is not for protocol messages alone, or the signature is delegated.
    pub fn new(
        session_key: SigningPublicKey,
        validity: ValidityPeriod,
        signature: Signature,
    ) -> Result<Self, InvalidDelegation> {
        if session_key.format() != CryptoKeyFormat::DerX509Spki
            || session_key.usages() != KeyUsages::PROTOCOL.with_proof_of_ownership()
        {
            return Err(InvalidDelegation::Restriction);
        }
        if signature.delegation().is_some() {
            return Err(InvalidDelegation::Nested);
        }
        Ok(Self { session_key, validity, signature })
    }

    /// Reads a delegation by `delegating_key`, which the surrounding signature names
    /// (`SignatureDelegation.fromProtoV30`).
    ///
    /// # Errors
    /// [`InvalidDelegation`] as Canton does.
    pub fn from_proto(proto: v30::SignatureDelegation, delegating_key: Fingerprint) -> Result<Self, InvalidDelegation> {
        let v30::SignatureDelegation {
            session_key,
            session_key_spec,
            validity_period_from_inclusive,
            validity_period_duration_seconds,
            format,
            signature,
            signing_algorithm_spec,
        } = proto;
        let spec = SigningKeySpec::from_number("session_key_spec", session_key_spec)?;
        let session_key = SigningPublicKey::new(CryptoKeyFormat::DerX509Spki, session_key, spec, KeyUsages::PROTOCOL)
            .map_err(InvalidDelegation::SessionKey)?;
        let from_inclusive =
            CantonTimestamp::from_micros(validity_period_from_inclusive).map_err(InvalidDelegation::Start)?;
        let validity = ValidityPeriod::new(from_inclusive, validity_period_duration_seconds)?;
        let format = SignatureFormat::from_number("format", format)?;
        let algorithm = SigningAlgorithmSpec::from_number_or_unset("signing_algorithm_spec", signing_algorithm_spec)?;
        Self::new(session_key, validity, Signature::new(format, signature, delegating_key, algorithm))
    }

    /// The message of this delegation. It does not name the delegating key.
    #[must_use]
    pub fn to_proto(&self) -> v30::SignatureDelegation {
        v30::SignatureDelegation {
            session_key: self.session_key.key_bytes().clone(),
            session_key_spec: self.session_key.spec().number(),
            validity_period_from_inclusive: self.validity.from_inclusive.as_micros(),
            validity_period_duration_seconds: self.validity.duration_seconds,
            format: self.signature.format().number(),
            signature: self.signature.bytes().clone(),
            signing_algorithm_spec: self.signature.algorithm().map_or(0, SigningAlgorithmSpec::number),
        }
    }

    /// The session key.
    #[must_use]
    pub const fn session_key(&self) -> &SigningPublicKey {
        &self.session_key
    }

    /// When the session key may be used.
    #[must_use]
    pub const fn validity(&self) -> &ValidityPeriod {
        &self.validity
    }

    /// The long-term key's signature over [`session_delegation_hash`].
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The long-term key.
    #[must_use]
    pub const fn delegating_key(&self) -> &Fingerprint {
        self.signature.signed_by()
    }

    /// What the long-term key signs on the synchronizer `synchronizer`.
    #[must_use]
    pub fn hash(&self, synchronizer: &SynchronizerId) -> Hash {
        session_delegation_hash(synchronizer, &self.session_key, &self.validity)
    }
}

/// What a long-term key signs to authorize `session_key` on all versions of `synchronizer`
/// (`SignatureDelegation.generateHash`).
#[must_use]
pub fn session_delegation_hash(
    synchronizer: &SynchronizerId,
    session_key: &SigningPublicKey,
    validity: &ValidityPeriod,
) -> Hash {
    HashBuilder::new(HashPurpose::SESSION_KEY_DELEGATION)
        .add_string(session_key.fingerprint().as_str())
        .add_int(session_key.spec().number())
        .add_int(session_key.format().number())
        .add_byte_string(&encode_usages(session_key.usages()))
        .add_byte_string(&validity.encode_for_hash())
        .add_string(synchronizer.as_str())
        .finish()
}

/// Count and ascending numbers (`SigningKeyUsage.encodeUsageForHash`).
fn encode_usages(usages: KeyUsages) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_sequence(&mut bytes, usages.numbers(), put_int);
    bytes
}
