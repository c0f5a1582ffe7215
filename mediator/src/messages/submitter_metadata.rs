//! Who submits a transaction, and how (chapter 04 §2.4, `SubmitterMetadata`).

use bytes::Bytes;
use prost_types::Duration;
use synod_crypto::{Hash, HashPurpose, Signature};
use synod_proto::crypto::v30;
use synod_types::{CantonTimestamp, ParticipantId, PartyId, ProtocolVersion, UniqueIdentifier};
use synod_wire::reader::Reader;
use synod_wire::{MessageKind, ParseError};

use super::blindable::leaf_hash;
use super::error::{InvalidMessage, identifier, not_set, timestamp};
use super::ledger_string::{LfParty, ledger_string, parties, user_id};
use super::proto::{Merge, decode, merge, merge_field, push, tag};
use super::salt::{self, Salt, SaltMessage};

/// Nanoseconds in a second.
const NANOS: i64 = 1_000_000_000;
/// Nanoseconds in a microsecond, the least that a period may be of.
const NANOS_OF_MICRO: i64 = 1_000;

/// The metadata of a submission, as far as a mediator looks. All else is only checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmitterMetadata {
    /// The versioned bytes as received.
    pub bytes: Bytes,
    /// The salt of the leaf.
    pub salt: Salt,
    /// Who submits.
    pub submitting_participant: ParticipantId,
    /// For whom, at least one.
    pub act_as: Vec<LfParty>,
    /// Until when the request had to be sequenced.
    pub max_sequencing_time: CantonTimestamp,
}

/// A `SubmitterMetadata` as it is on the wire. Both versions have the same fields, but for the external authorization.
#[derive(Default)]
struct SubmitterMetadataMessage {
    salt: Option<SaltMessage>,
    act_as: Vec<String>,
    user_id: String,
    command_id: String,
    submitting_participant_uid: String,
    submission_id: String,
    dedup_period: Option<DeduplicationPeriod>,
    max_sequencing_time: i64,
    external_authorization: Option<ExternalAuthorization>,
}

/// A `DeduplicationPeriod` as it is on the wire. The last field counts.
#[derive(Default)]
struct DeduplicationPeriod(Option<Period>);

enum Period {
    Duration(Duration),
    Offset(i64),
}

/// An `ExternalAuthorization` of either version. In the older one the field of the time is unknown.
#[derive(Default)]
struct ExternalAuthorization {
    authentications: Vec<PartyAuthorization>,
    hashing_scheme_version: i32,
    max_record_time: Option<i64>,
}

#[derive(Default)]
struct PartyAuthorization {
    party: String,
    signatures: Vec<v30::Signature>,
}

impl Merge for SubmitterMetadataMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.salt, reader, source)?,
            tag::D2 => self.act_as.push(reader.text()?.to_owned()),
            tag::D3 => reader.text()?.clone_into(&mut self.user_id),
            tag::D4 => reader.text()?.clone_into(&mut self.command_id),
            tag::D5 => reader.text()?.clone_into(&mut self.submitting_participant_uid),
            tag::D6 => reader.text()?.clone_into(&mut self.submission_id),
            tag::D7 => merge_field(&mut self.dedup_period, reader, source)?,
            tag::V8 => self.max_sequencing_time = reader.int64()?,
            tag::D9 => merge_field(&mut self.external_authorization, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for DeduplicationPeriod {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => {
                let before = if let Some(Period::Duration(before)) = self.0 { Some(before) } else { None };
                let mut duration = before.unwrap_or_default();
                merge(&mut duration, source, reader.bytes()?)?;
                self.0 = Some(Period::Duration(duration));
            }
            tag::V2 => self.0 = Some(Period::Offset(reader.int64()?)),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for Duration {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.seconds = reader.int64()?,
            tag::V2 => self.nanos = reader.int32()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for ExternalAuthorization {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => push(&mut self.authentications, reader, source)?,
            tag::V2 => self.hashing_scheme_version = reader.int32()?,
            tag::V3 => self.max_record_time = Some(reader.int64()?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for PartyAuthorization {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => reader.text()?.clone_into(&mut self.party),
            tag::D2 => push(&mut self.signatures, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl SubmitterMetadata {
    /// Reads the versioned message.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, InvalidMessage> {
        let message: SubmitterMetadataMessage = decode(&MessageKind::SubmitterMetadata.unwrap(version, bytes)?)?;
        let participant = UniqueIdentifier::parse(&message.submitting_participant_uid);
        let participant = participant.map_err(identifier("submitting_participant_uid"))?;
        let act_as = parties(&message.act_as, "act_as")?;
        if act_as.is_empty() {
            return Err(not_set("act_as"));
        }
        user_id(&message.user_id, "user_id")?;
        ledger_string(&message.command_id, "command_id")?;
        if !message.submission_id.is_empty() {
            ledger_string(&message.submission_id, "submission_id")?;
        }
        message.dedup_period.ok_or_else(|| not_set("dedup_period"))?.check()?;
        if let Some(authorization) = message.external_authorization {
            authorization.check(version)?;
        }
        Ok(Self {
            bytes: bytes.clone(),
            salt: salt::required(message.salt)?,
            submitting_participant: ParticipantId::new(participant),
            act_as,
            max_sequencing_time: CantonTimestamp::from_micros(message.max_sequencing_time)
                .map_err(timestamp("max_sequencing_time"))?,
        })
    }

    /// The hash of the leaf.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(HashPurpose::SUBMITTER_METADATA, self.salt.as_bytes(), &self.bytes)
    }
}

impl DeduplicationPeriod {
    /// A duration of whole microseconds that is not negative, or an offset that is not (`DeduplicationDuration`,
    /// `Offset.fromLong`).
    fn check(self) -> Result<(), InvalidMessage> {
        let is_valid = match self.0.ok_or_else(|| not_set("period"))? {
            Period::Duration(duration) => {
                let nanos = i64::from(duration.nanos);
                let seconds = duration.seconds.checked_add(nanos.div_euclid(NANOS));
                seconds.is_some_and(|seconds| seconds >= 0) && nanos.rem_euclid(NANOS) % NANOS_OF_MICRO == 0
            }
            Period::Offset(offset) => offset >= 0,
        };
        if is_valid { Ok(()) } else { Err(InvalidMessage::DeduplicationPeriod) }
    }
}

impl ExternalAuthorization {
    fn check(self, version: ProtocolVersion) -> Result<(), InvalidMessage> {
        for authentication in self.authentications {
            PartyId::parse(&authentication.party).map_err(identifier("party"))?;
            for signature in authentication.signatures {
                Signature::from_proto(signature)?;
            }
        }
        // Which schemes there are, and whether the time is known (`HashingSchemeVersion`).
        let (schemes, has_time): (&[i32], bool) = match version {
            ProtocolVersion::V34 => (&[2], false),
            ProtocolVersion::V35 | ProtocolVersion::Dev => (&[2, 3], true),
        };
        match self.hashing_scheme_version {
            0 => return Err(not_set("hashing_scheme_version")),
            number if schemes.contains(&number) => {}
            number => return Err(InvalidMessage::UnknownNumber { field: "hashing_scheme_version", number }),
        }
        if let Some(micros) = self.max_record_time.filter(|_| has_time) {
            CantonTimestamp::from_micros(micros).map_err(timestamp("max_record_time"))?;
        }
        Ok(())
    }
}
