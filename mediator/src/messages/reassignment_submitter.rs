//! Who submits a reassignment (chapter 04 §1.3, `ReassignmentSubmitterMetadata`).

use bytes::Bytes;
use synod_types::{ParticipantId, UniqueIdentifier};
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::error::{InvalidMessage, identifier};
use super::ledger_string::{LfParty, ledger_string, user_id};
use super::proto::{Merge, tag};

/// The metadata of a submission, as far as a mediator looks. All else is only checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReassignmentSubmitterMetadata {
    /// For whom.
    pub submitter: LfParty,
    /// Who submits.
    pub submitting_participant: ParticipantId,
    /// The party of the submitting participant itself, which has to confirm.
    pub submitting_admin_party: LfParty,
}

/// A `ReassignmentSubmitterMetadata` as it is on the wire.
#[derive(Default)]
pub(super) struct ReassignmentSubmitterMessage {
    submitter: String,
    submitting_participant_uid: String,
    command_id: String,
    submission_id: String,
    user_id: String,
    workflow_id: String,
}

impl Merge for ReassignmentSubmitterMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => reader.text()?.clone_into(&mut self.submitter),
            tag::D2 => reader.text()?.clone_into(&mut self.submitting_participant_uid),
            tag::D3 => reader.text()?.clone_into(&mut self.command_id),
            tag::D4 => reader.text()?.clone_into(&mut self.submission_id),
            tag::D5 => reader.text()?.clone_into(&mut self.user_id),
            tag::D6 => reader.text()?.clone_into(&mut self.workflow_id),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ReassignmentSubmitterMessage {
    pub(super) fn metadata(self) -> Result<ReassignmentSubmitterMetadata, InvalidMessage> {
        let participant = UniqueIdentifier::parse(&self.submitting_participant_uid);
        let participant = participant.map_err(identifier("submitting_participant_uid"))?;
        ledger_string(&self.command_id, "command_id")?;
        if !self.submission_id.is_empty() {
            ledger_string(&self.submission_id, "submission_id")?;
        }
        user_id(&self.user_id, "user_id")?;
        if !self.workflow_id.is_empty() {
            ledger_string(&self.workflow_id, "workflow_id")?;
        }
        Ok(ReassignmentSubmitterMetadata {
            submitter: LfParty::parse(&self.submitter, "submitter")?,
            submitting_admin_party: LfParty::parse(participant.as_str(), "submitting_participant_uid")?,
            submitting_participant: ParticipantId::new(participant),
        })
    }
}
