//! The part of a reassignment that a mediator sees (chapter 04 §1.3, `UnassignmentCommonData`, `AssignmentCommonData`).

use bytes::Bytes;
use indexmap::{IndexMap, IndexSet};
use prost_types::Timestamp;
use synod_crypto::{Hash, HashPurpose};
use synod_types::{CantonTimestamp, MediatorGroupIndex, ParticipantId, PhysicalSynchronizerId, UniqueIdentifier};
use synod_wire::reader::Reader;
use synod_wire::{ParseError, versioned};

use super::blindable::leaf_hash;
use super::error::{InvalidMessage, identifier, not_set, timestamp};
use super::ledger_string::{LfParty, parties};
use super::proto::{Merge, decode, merge_field, tag};
use super::reassignment_submitter::{ReassignmentSubmitterMessage, ReassignmentSubmitterMetadata};
use super::salt::{self, Salt, SaltMessage};
use super::uuid::RequestUuid;
use super::view_common_data::{Quorum, ViewConfirmationParameters};

/// The common data of a reassignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReassignmentCommonData {
    /// The versioned bytes as received.
    pub bytes: Bytes,
    /// The salt of the leaf.
    pub salt: Salt,
    /// The synchronizer that the request is for: where contracts leave, or where they arrive.
    pub psid: PhysicalSynchronizerId,
    /// What tells the request from others.
    pub uuid: RequestUuid,
    /// The mediators that the request is for.
    pub mediator_group: MediatorGroupIndex,
    /// The stakeholders of the contracts, in the order of the message.
    pub stakeholders: IndexSet<LfParty>,
    /// Those of them that have to confirm, in the order of the message.
    pub signatories: IndexSet<LfParty>,
    /// Who submits.
    pub submitter: ReassignmentSubmitterMetadata,
    /// The participants that take part, each once.
    pub reassigning_participants: Vec<ParticipantId>,
    /// Where the contracts come from, when they arrive.
    pub origin: Option<AssignmentOrigin>,
}

/// Where contracts that arrive come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignmentOrigin {
    /// The synchronizer that they have left.
    pub psid: PhysicalSynchronizerId,
    /// When.
    pub unassigned_at: CantonTimestamp,
}

/// An `UnassignmentCommonData` as it is on the wire.
#[derive(Default)]
struct UnassignmentMessage(CommonMessage);

/// An `AssignmentCommonData` as it is on the wire.
#[derive(Default)]
struct AssignmentMessage {
    common: CommonMessage,
    source_psid: String,
    unassignment_ts: Option<Timestamp>,
}

/// What both have, under different numbers.
#[derive(Default)]
struct CommonMessage {
    salt: Option<SaltMessage>,
    psid: String,
    stakeholders: Option<StakeholdersMessage>,
    reassigning_participant_uids: Vec<String>,
    uuid: String,
    mediator_group: i32,
    submitter_metadata: Option<ReassignmentSubmitterMessage>,
}

/// A `Stakeholders` as it is on the wire.
#[derive(Default)]
struct StakeholdersMessage {
    all: Vec<String>,
    signatories: Vec<String>,
}

impl Merge for UnassignmentMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        let common = &mut self.0;
        match found {
            tag::D1 => merge_field(&mut common.salt, reader, source)?,
            tag::D2 => reader.text()?.clone_into(&mut common.psid),
            tag::D3 => merge_field(&mut common.stakeholders, reader, source)?,
            tag::D4 => common.reassigning_participant_uids.push(reader.text()?.to_owned()),
            tag::D5 => reader.text()?.clone_into(&mut common.uuid),
            tag::V6 => common.mediator_group = reader.int32()?,
            tag::D7 => merge_field(&mut common.submitter_metadata, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for AssignmentMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        let common = &mut self.common;
        match found {
            tag::D1 => merge_field(&mut common.salt, reader, source)?,
            tag::D2 => reader.text()?.clone_into(&mut common.psid),
            tag::D3 => merge_field(&mut common.stakeholders, reader, source)?,
            tag::D4 => reader.text()?.clone_into(&mut common.uuid),
            tag::V5 => common.mediator_group = reader.int32()?,
            tag::D6 => merge_field(&mut common.submitter_metadata, reader, source)?,
            tag::D7 => common.reassigning_participant_uids.push(reader.text()?.to_owned()),
            tag::D8 => reader.text()?.clone_into(&mut self.source_psid),
            tag::D9 => merge_field(&mut self.unassignment_ts, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for StakeholdersMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => self.all.push(reader.text()?.to_owned()),
            tag::D2 => self.signatories.push(reader.text()?.to_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for Timestamp {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.seconds = reader.int64()?,
            tag::V2 => self.nanos = reader.int32()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ReassignmentCommonData {
    /// Reads the versioned common data of contracts that leave. Every version number is accepted.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse_unassignment(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        let message: UnassignmentMessage = decode(&versioned::unwrap(bytes)?.data)?;
        message.0.common_data(bytes, "source_physical_synchronizer_id", None)
    }

    /// Reads the versioned common data of contracts that arrive. Every version number is accepted.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse_assignment(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        let message: AssignmentMessage = decode(&versioned::unwrap(bytes)?.data)?;
        let time = message.unassignment_ts.ok_or_else(|| not_set("unassignment_ts"))?;
        let time = CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos);
        let origin = AssignmentOrigin {
            psid: PhysicalSynchronizerId::parse(&message.source_psid)
                .map_err(identifier("source_physical_synchronizer_id"))?,
            unassigned_at: time.map_err(timestamp("unassignment_ts"))?,
        };
        message.common.common_data(bytes, "target_physical_synchronizer_id", Some(origin))
    }

    /// The hash of the leaf.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let purpose = match self.origin {
            None => HashPurpose::UNASSIGNMENT_COMMON_DATA,
            Some(_) => HashPurpose::ASSIGNMENT_COMMON_DATA,
        };
        leaf_hash(purpose, self.salt.as_bytes(), &self.bytes)
    }

    /// Who has to be informed, and who has to confirm (§1.3, `ReassignmentMediatorMessage`): the signatories and the party
    /// of the submitting participant, all of them. As in Canton that party does not confirm when it is a stakeholder and no
    /// signatory, but still counts for the threshold: such a request cannot be confirmed.
    #[must_use]
    pub fn confirmation_parameters(&self) -> ViewConfirmationParameters {
        let mut informees = self.signatories.clone();
        informees.insert(self.submitter.submitting_admin_party.clone());
        let threshold = u32::try_from(informees.len()).unwrap_or(u32::MAX);
        informees.extend(self.stakeholders.iter().cloned());
        let observers = |party: &LfParty| self.stakeholders.contains(party) && !self.signatories.contains(party);
        let confirmers: IndexMap<LfParty, u32> =
            informees.iter().filter(|party| !observers(party)).map(|party| (party.clone(), 1)).collect();
        ViewConfirmationParameters { informees, quorums: vec![Quorum { confirmers, threshold }] }
    }
}

impl CommonMessage {
    fn common_data(
        self,
        bytes: &Bytes,
        name_of_psid: &'static str,
        origin: Option<AssignmentOrigin>,
    ) -> Result<ReassignmentCommonData, InvalidMessage> {
        let stakeholders = self.stakeholders.ok_or_else(|| not_set("stakeholders"))?;
        let signatories: IndexSet<LfParty> = parties(&stakeholders.signatories, "signatories")?.into_iter().collect();
        let stakeholders: IndexSet<LfParty> = parties(&stakeholders.all, "stakeholders")?.into_iter().collect();
        if !signatories.is_subset(&stakeholders) {
            return Err(InvalidMessage::SignatoryNoStakeholder);
        }
        let participants = self.reassigning_participant_uids.iter().map(|uid| {
            let uid = UniqueIdentifier::parse(uid).map_err(identifier("reassigning_participant_uids"))?;
            Ok(ParticipantId::new(uid))
        });
        let participants: IndexSet<ParticipantId> = participants.collect::<Result<_, InvalidMessage>>()?;
        let submitter = self.submitter_metadata.ok_or_else(|| not_set("submitter_metadata"))?;
        Ok(ReassignmentCommonData {
            bytes: bytes.clone(),
            salt: salt::required(self.salt)?,
            psid: PhysicalSynchronizerId::parse(&self.psid).map_err(identifier(name_of_psid))?,
            uuid: RequestUuid::parse(&self.uuid)?,
            mediator_group: MediatorGroupIndex::new(self.mediator_group).map_err(identifier("mediator_group"))?,
            stakeholders,
            signatories,
            submitter: submitter.metadata()?,
            reassigning_participants: participants.into_iter().collect(),
            origin,
        })
    }
}
