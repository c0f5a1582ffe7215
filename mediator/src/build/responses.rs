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

#[cfg(test)]
mod tests {
    use synod_crypto::HashPurpose;
    use synod_types::UniqueIdentifier;

    use super::*;
    use crate::messages::{ConfirmationResponses, MediatorMessage, MerkleSeqIndex};

    #[test]
    fn a_mediator_reads_the_answers() {
        let psid = PhysicalSynchronizerId::parse("sync::1220aa::35-0").expect("a synchronizer");
        let sender = ParticipantId::new(UniqueIdentifier::parse("p::1220bb").expect("a participant"));
        let party = |name: &str| LfParty::parse(name, "party").expect("a party");
        let position = ViewPosition(vec![MerkleSeqIndex(vec![true]), MerkleSeqIndex(vec![false, true])]);
        let root_hash = Hash::digest(HashPurpose::MERKLE_TREE_INNER_NODE, b"root");
        let request_id = CantonTimestamp::EPOCH.immediate_successor();
        let malformed = Response {
            code: LocalVerdictCode::Malformed,
            reason: Status { code: 3, message: "wrong".to_owned(), details: Vec::new() },
            parties: Vec::new(),
            view: None,
        };
        let parties = [party("alice::1220bb"), party("bob::1220cc")];
        let written = [approve(position.clone(), parties.clone()), malformed];
        let bytes = confirmation_responses(&psid, request_id, &root_hash, &sender, &written);
        let MediatorMessage::ConfirmationResponses(read) = MediatorMessage::parse(&bytes).expect("it reads") else {
            panic!("another message");
        };
        let ConfirmationResponses { responses, .. } = &read;
        assert_eq!((read.request_id, read.root_hash), (request_id, root_hash));
        assert_eq!((&read.psid, &read.sender), (&psid, &sender));
        let [first, second] = responses.as_slice() else { panic!("{responses:?}") };
        assert_eq!(first.verdict.code(), LocalVerdictCode::Approve);
        assert_eq!((&first.confirming_parties[..], &first.view_position), (&parties[..], &Some(position)));
        assert_eq!(second.verdict.code(), LocalVerdictCode::Malformed);
        assert_eq!(second.verdict.reason().map(|reason| reason.message.as_str()), Some("wrong"));
        assert!(second.confirming_parties.is_empty() && second.view_position.is_none());
    }
}
