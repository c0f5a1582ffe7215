//! What participants answer (chapter 04 §1.5).

use bytes::Bytes;
use prost::Message;
use synod_crypto::Hash;
use synod_proto::google::rpc::Status;
use synod_proto::protocol::v30::{self, typed_signed_protocol_message_content::SomeSignedProtocolMessage};
use synod_types::{CantonTimestamp, ParticipantId, PhysicalSynchronizerId};
use synod_wire::{MessageKind, versioned};

use crate::messages::{LfParty, LocalVerdictCode, ViewPosition};

/// The answer to one view, or to all.
#[derive(Debug, Clone)]
pub struct Response {
    /// What is said.
    pub code: LocalVerdictCode,
    /// Why; of an approval an empty one.
    pub reason: Status,
    /// For whom.
    pub parties: Vec<LfParty>,
    /// Of which view; of all without it.
    pub view: Option<ViewPosition>,
}

/// These parties confirm this view.
#[must_use]
pub fn approve(view: ViewPosition, parties: impl IntoIterator<Item = LfParty>) -> Response {
    Response {
        code: LocalVerdictCode::Approve,
        reason: Status::default(),
        parties: parties.into_iter().collect(),
        view: Some(view),
    }
}

/// The answers of a participant: versioned `TypedSignedProtocolMessageContent`, which the participant has to sign.
#[must_use]
pub fn confirmation_responses(
    psid: &PhysicalSynchronizerId,
    request_id: CantonTimestamp,
    root_hash: &Hash,
    sender: &ParticipantId,
    responses: &[Response],
) -> Bytes {
    let responses = responses.iter().map(|response| v30::ConfirmationResponse {
        local_verdict: Some(v30::LocalVerdict { code: response.code.number(), reason: Some(response.reason.clone()) }),
        confirming_parties: response.parties.iter().map(ToString::to_string).collect(),
        view_position: response.view.as_ref().map(ViewPosition::to_proto),
    });
    let message = v30::ConfirmationResponses {
        request_id: request_id.as_micros(),
        root_hash: Bytes::copy_from_slice(&root_hash.multihash()),
        physical_synchronizer_id: psid.to_string(),
        sender: sender.member().to_string(),
        responses: responses.collect(),
    };
    let message = SomeSignedProtocolMessage::ConfirmationResponses(versioned::wrap(30, &message.encode_to_vec()));
    let content = v30::TypedSignedProtocolMessageContent { some_signed_protocol_message: Some(message) };
    MessageKind::TypedSignedProtocolMessageContent.wrap(psid.protocol_version(), &content.encode_to_vec())
}
