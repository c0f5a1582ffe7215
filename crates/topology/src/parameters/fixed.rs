//! What never changes about a synchronizer (ch. 02 §5.3, `StaticSynchronizerParameters`).

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::{
    CryptoKeyFormat, CryptoRestrictions, EncryptionAlgorithmSpec, EncryptionKeySpec, EnumSet, HashAlgorithm,
    InvalidEnumValue, ProtoEnum, SignatureFormat, SigningAlgorithmSpec, SigningKeySpec, SymmetricKeyScheme,
};
use synod_proto::crypto::v30 as crypto;
use synod_proto::protocol::v30;
use synod_types::ProtocolVersion;
use synod_wire::{MessageKind, ParseError, versioned};

use super::duration;
use crate::error::identifier;
use crate::protobuf::decode;
use crate::{InvalidMessage, schema};

/// The signature algorithms and kinds of signing keys of a synchronizer; neither is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequiredSigningSpecs {
    /// Signature algorithms.
    pub algorithms: EnumSet<SigningAlgorithmSpec>,
    /// Kinds of signing keys.
    pub keys: EnumSet<SigningKeySpec>,
}

/// The encryption algorithms and kinds of encryption keys of a synchronizer; neither is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequiredEncryptionSpecs {
    /// Encryption algorithms.
    pub algorithms: EnumSet<EncryptionAlgorithmSpec>,
    /// Kinds of encryption keys.
    pub keys: EnumSet<EncryptionKeySpec>,
}

/// What never changes about a physical synchronizer. It is no part of the topology and nothing signs it, but it decides
/// every verification: all nodes have to hold the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaticSynchronizerParameters {
    /// For signatures.
    pub required_signing_specs: RequiredSigningSpecs,
    /// For encryption.
    pub required_encryption_specs: RequiredEncryptionSpecs,
    /// Not empty.
    pub required_symmetric_key_schemes: EnumSet<SymmetricKeyScheme>,
    /// Not empty.
    pub required_hash_algorithms: EnumSet<HashAlgorithm>,
    /// Not empty.
    pub required_crypto_key_formats: EnumSet<CryptoKeyFormat>,
    /// Not empty.
    pub required_signature_formats: EnumSet<SignatureFormat>,
    /// The protocol version.
    pub protocol_version: ProtocolVersion,
    /// Serial of the physical synchronizer, below 2³¹.
    pub serial: u32,
    /// Whether participants check the transparency of transactions.
    pub enable_transparency_checks: bool,
    /// A topology transaction becomes effective this long after it was sequenced.
    pub topology_change_delay: Duration,
}

impl StaticSynchronizerParameters {
    /// What a synchronizer with software keys announces unless told otherwise (`StaticSynchronizerParameters.defaults`).
    #[must_use]
    pub fn jce_defaults(protocol_version: ProtocolVersion) -> Self {
        let restrictions = CryptoRestrictions::jce();
        Self {
            required_signing_specs: RequiredSigningSpecs {
                algorithms: restrictions.signing_algorithms,
                keys: restrictions.signing_keys,
            },
            required_encryption_specs: RequiredEncryptionSpecs { algorithms: EnumSet::full(), keys: EnumSet::full() },
            required_symmetric_key_schemes: EnumSet::full(),
            required_hash_algorithms: EnumSet::full(),
            required_crypto_key_formats: restrictions.key_formats,
            required_signature_formats: restrictions.signature_formats,
            protocol_version,
            serial: 0,
            enable_transparency_checks: false,
            topology_change_delay: Duration::from_millis(250),
        }
    }

    /// Reads versioned parameters.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        const KIND: MessageKind = MessageKind::Topology;
        let message = versioned::unwrap(bytes)?;
        let (expected, found) = (KIND.proto_version(ProtocolVersion::V35), KIND.read_as(message.version));
        if expected != found {
            return Err(ParseError::Version { message: KIND.name(), expected, found }.into());
        }
        Self::parse_unversioned(&message.data)
    }

    /// Reads parameters without a version around them.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`StaticSynchronizerParameters.fromProtoV30`).
    pub fn parse_unversioned(bytes: &[u8]) -> Result<Self, InvalidMessage> {
        Self::from_proto(decode(&schema::STATIC_SYNCHRONIZER_PARAMETERS, bytes)?)
    }

    /// Checks parameters.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does (`StaticSynchronizerParameters.fromProtoV30`).
    pub fn from_proto(proto: v30::StaticSynchronizerParameters) -> Result<Self, InvalidMessage> {
        let signing =
            proto.required_signing_specs.ok_or(InvalidMessage::FieldNotSet { field: "required_signing_specs" })?;
        let encryption = proto
            .required_encryption_specs
            .ok_or(InvalidMessage::FieldNotSet { field: "required_encryption_specs" })?;
        let serial = u32::try_from(proto.serial)
            .map_err(|_| InvalidMessage::Number { field: "serial", value: proto.serial.into() })?;
        Ok(Self {
            required_signing_specs: RequiredSigningSpecs {
                keys: read_set("keys", &signing.keys, SigningKeySpec::from_number)?,
                algorithms: read_set("algorithms", &signing.algorithms, SigningAlgorithmSpec::from_number)?,
            },
            required_encryption_specs: RequiredEncryptionSpecs {
                keys: read_set("keys", &encryption.keys, EncryptionKeySpec::from_number)?,
                algorithms: read_set("algorithms", &encryption.algorithms, EncryptionAlgorithmSpec::from_number)?,
            },
            required_symmetric_key_schemes: read_set(
                "required_symmetric_key_schemes",
                &proto.required_symmetric_key_schemes,
                SymmetricKeyScheme::from_number,
            )?,
            required_hash_algorithms: read_set(
                "required_hash_algorithms",
                &proto.required_hash_algorithms,
                HashAlgorithm::from_number,
            )?,
            required_crypto_key_formats: read_set(
                "required_crypto_key_formats",
                &proto.required_crypto_key_formats,
                CryptoKeyFormat::from_number,
            )?,
            required_signature_formats: read_set(
                "required_signature_formats",
                &proto.required_signature_formats,
                SignatureFormat::from_number,
            )?,
            topology_change_delay: duration::non_negative("topology_change_delay", proto.topology_change_delay)?,
            protocol_version: ProtocolVersion::of_number(proto.protocol_version)
                .map_err(identifier("protocol_version"))?,
            serial,
            enable_transparency_checks: proto.enable_transparency_checks,
        })
    }

    /// The message of these parameters. Sets are written by ascending number; Canton keeps the order in which it read
    /// them, so bytes that came from elsewhere are to be kept rather than written again.
    #[must_use]
    pub fn to_proto(&self) -> v30::StaticSynchronizerParameters {
        v30::StaticSynchronizerParameters {
            required_signing_specs: Some(crypto::RequiredSigningSpecs {
                algorithms: self.required_signing_specs.algorithms.numbers(),
                keys: self.required_signing_specs.keys.numbers(),
            }),
            required_encryption_specs: Some(crypto::RequiredEncryptionSpecs {
                algorithms: self.required_encryption_specs.algorithms.numbers(),
                keys: self.required_encryption_specs.keys.numbers(),
            }),
            required_symmetric_key_schemes: self.required_symmetric_key_schemes.numbers(),
            required_hash_algorithms: self.required_hash_algorithms.numbers(),
            required_crypto_key_formats: self.required_crypto_key_formats.numbers(),
            required_signature_formats: self.required_signature_formats.numbers(),
            protocol_version: self.protocol_version.number(),
            serial: self.serial.cast_signed(),
            enable_transparency_checks: self.enable_transparency_checks,
            topology_change_delay: duration::to_proto(self.topology_change_delay),
        }
    }

    /// The versioned message of these parameters.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        MessageKind::Topology.wrap(self.protocol_version, &self.to_proto().encode_to_vec())
    }

    /// What signatures are checked against.
    #[must_use]
    pub const fn crypto_restrictions(&self) -> CryptoRestrictions {
        CryptoRestrictions {
            signing_algorithms: self.required_signing_specs.algorithms,
            signing_keys: self.required_signing_specs.keys,
            signature_formats: self.required_signature_formats,
            key_formats: self.required_crypto_key_formats,
        }
    }
}

fn read_set<T: ProtoEnum>(
    field: &'static str,
    numbers: &[i32],
    read: impl Fn(&'static str, i32) -> Result<T, InvalidEnumValue>,
) -> Result<EnumSet<T>, InvalidMessage> {
    let set = EnumSet::read(numbers, |number| read(field, number))?;
    if set.is_empty() { Err(InvalidMessage::FieldNotSet { field }) } else { Ok(set) }
}
