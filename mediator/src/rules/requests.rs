//! Requests for tests.

use std::cell::Cell;

use bytes::Bytes;
use prost::Message;
use synod_proto::crypto::v30::{Salt, Signature, salt::Algorithm};
use synod_proto::protocol::v30::blindable_node::BlindedOrNot;
use synod_proto::protocol::v30::deduplication_period::Period;
use synod_proto::protocol::v30::{
    AssignmentCommonData, AssignmentMediatorMessage, BlindableNode, CommonMetadata, DeduplicationPeriod,
    FullInformeeTree, GenTransactionTree, InformeeMessage, MerkleSeq, MerkleSeqElement, PartyIndexAndWeight, Quorum,
    ReassignmentSubmitterMetadata, ReassignmentViewTree, Stakeholders, UnassignmentCommonData,
    UnassignmentMediatorMessage, ViewCommonData, ViewNode,
};
use synod_proto::protocol::v31::{EnvelopeContent, SubmitterMetadata, envelope_content::SomeEnvelopeContent};
use synod_types::ProtocolVersion;
use synod_wire::versioned;

use super::ConfirmationRequest;

pub(crate) const PSID: &str = "da::1220150a2888e1d5e15b8d7ef5917d6733af74dcb2a1134f22ea4ccfb382611bdaab::35-0";
pub(crate) const SUBMITTER: &str = "p1::1220150a2888e1d5e15b8d7ef5917d6733af74dcb2a1134f22ea4ccfb382611bdaab";

/// A view: its quorums as (parties with weights, threshold), further informees, and the views below it.
#[derive(Default, Clone)]
pub(crate) struct View {
    pub(crate) quorums: Vec<(Vec<(&'static str, i32)>, i32)>,
    pub(crate) observers: Vec<&'static str>,
    pub(crate) below: Vec<View>,
}

/// A view with one quorum.
pub(crate) fn view(confirmers: &[(&'static str, i32)], threshold: i32) -> View {
    View { quorums: vec![(confirmers.to_vec(), threshold)], ..View::default() }
}

/// The request of a transaction with these root views.
pub(crate) fn transaction(views: &[View]) -> ConfirmationRequest {
    let counter = Counter::default();
    let submitter = SubmitterMetadata {
        salt: counter.salt(),
        act_as: vec!["alice".to_owned()],
        user_id: "user".to_owned(),
        command_id: "command".to_owned(),
        submitting_participant_uid: SUBMITTER.to_owned(),
        dedup_period: Some(DeduplicationPeriod { period: Some(Period::Offset(0)) }),
        ..SubmitterMetadata::default()
    };
    let common = CommonMetadata {
        salt: counter.salt(),
        physical_synchronizer_id: PSID.to_owned(),
        uuid: "0b1c2d3e-1111-2222-3333-444455556666".to_owned(),
        mediator_group: 0,
    };
    let tree = GenTransactionTree {
        submitter_metadata: unblinded(31, &submitter),
        common_metadata: unblinded(30, &common),
        participant_metadata: counter.blinded(),
        root_views: counter.sequence(views),
    };
    let tree = Some(FullInformeeTree { tree: Some(tree) });
    let message = InformeeMessage { full_informee_tree: tree, submitting_participant_signature: signature() };
    request(SomeEnvelopeContent::InformeeMessage(message))
}

/// The request for contracts with these stakeholders, of which the signatories have to confirm, to leave.
pub(crate) fn unassignment(stakeholders: &[&str], signatories: &[&str]) -> ConfirmationRequest {
    let counter = Counter::default();
    let common_data = UnassignmentCommonData {
        salt: counter.salt(),
        source_physical_synchronizer_id: PSID.to_owned(),
        stakeholders: Some(all(stakeholders, signatories)),
        reassigning_participant_uids: vec![SUBMITTER.to_owned()],
        uuid: "0b1c2d3e-1111-2222-3333-444455556667".to_owned(),
        source_mediator_group: 3,
        submitter_metadata: reassignment_submitter(),
    };
    let tree = Some(reassignment_tree(&counter, &common_data));
    let message = UnassignmentMediatorMessage { tree, submitting_participant_signature: signature() };
    request(SomeEnvelopeContent::UnassignmentMediatorMessage(message))
}

/// The same to arrive.
pub(crate) fn assignment(stakeholders: &[&str], signatories: &[&str]) -> ConfirmationRequest {
    let counter = Counter::default();
    let common_data = AssignmentCommonData {
        salt: counter.salt(),
        source_physical_synchronizer_id: PSID.replace("da::", "other::"),
        target_physical_synchronizer_id: PSID.to_owned(),
        unassignment_ts: Some(prost_types::Timestamp { seconds: 1, nanos: 2_999 }),
        stakeholders: Some(all(stakeholders, signatories)),
        uuid: "0b1c2d3e-1111-2222-3333-444455556668".to_owned(),
        target_mediator_group: 4,
        submitter_metadata: reassignment_submitter(),
        reassigning_participant_uids: vec![SUBMITTER.to_owned(), SUBMITTER.to_owned()],
    };
    let tree = Some(reassignment_tree(&counter, &common_data));
    let message = AssignmentMediatorMessage { tree, submitting_participant_signature: signature() };
    request(SomeEnvelopeContent::AssignmentMediatorMessage(message))
}

fn request(content: SomeEnvelopeContent) -> ConfirmationRequest {
    let content = EnvelopeContent { some_envelope_content: Some(content) };
    let bytes = versioned::wrap(31, &content.encode_to_vec());
    let request = ConfirmationRequest::parse(&bytes, ProtocolVersion::V35).expect("a well-formed message");
    request.expect("a request")
}

fn all(stakeholders: &[&str], signatories: &[&str]) -> Stakeholders {
    let texts = |parties: &[&str]| parties.iter().map(|party| (*party).to_owned()).collect();
    Stakeholders { all: texts(stakeholders), signatories: texts(signatories) }
}

fn reassignment_submitter() -> Option<ReassignmentSubmitterMetadata> {
    Some(ReassignmentSubmitterMetadata {
        submitter: "alice".to_owned(),
        submitting_participant_uid: SUBMITTER.to_owned(),
        command_id: "command".to_owned(),
        user_id: "user".to_owned(),
        ..ReassignmentSubmitterMetadata::default()
    })
}

fn reassignment_tree(counter: &Counter, common_data: &impl Message) -> ReassignmentViewTree {
    let common_data = versioned::wrap(30, &common_data.encode_to_vec());
    ReassignmentViewTree { common_data, participant_data: counter.blinded() }
}

fn signature() -> Option<Signature> {
    Some(Signature {
        format: 3,
        signature: Bytes::from_static(&[7; 64]),
        signed_by: format!("1220{}", "ab".repeat(32)),
        signing_algorithm_spec: 1,
        signature_delegation: None,
    })
}

fn unblinded(version: i32, message: &impl Message) -> Option<BlindableNode> {
    let bytes = versioned::wrap(version, &message.encode_to_vec());
    Some(BlindableNode { blinded_or_not: Some(BlindedOrNot::Unblinded(bytes)) })
}

/// Makes all salts and hashes of a request different.
#[derive(Default)]
struct Counter(Cell<u32>);

impl Counter {
    fn bytes(&self) -> Vec<u8> {
        self.0.set(self.0.get() + 1);
        let mut bytes = vec![0; 28];
        bytes.extend(self.0.get().to_be_bytes());
        bytes
    }

    fn salt(&self) -> Option<Salt> {
        Some(Salt { salt: self.bytes().into(), algorithm: Some(Algorithm::Hmac(1)) })
    }

    fn blinded(&self) -> Option<BlindableNode> {
        let hash = [vec![0x12, 0x20], self.bytes()].concat().into();
        Some(BlindableNode { blinded_or_not: Some(BlindedOrNot::BlindedHash(hash)) })
    }

    /// The sequence as Canton builds it: neighbours are paired, and an odd one moves up.
    fn sequence(&self, views: &[View]) -> Option<MerkleSeq> {
        let element = |view| MerkleSeqElement { data: self.view(view), ..MerkleSeqElement::default() };
        let mut layer: Vec<Option<BlindableNode>> = views.iter().map(|view| unblinded(30, &element(view))).collect();
        while layer.len() > 1 {
            let pair = |pair: &[Option<BlindableNode>]| match pair {
                [first, second] => {
                    unblinded(30, &MerkleSeqElement { first: first.clone(), second: second.clone(), data: None })
                }
                alone => alone[0].clone(),
            };
            layer = layer.chunks(2).map(pair).collect();
        }
        Some(MerkleSeq { root_or_empty: layer.pop().flatten() })
    }

    fn view(&self, view: &View) -> Option<BlindableNode> {
        let mut informees: Vec<&str> = Vec::new();
        let mut quorums = Vec::new();
        for (confirmers, threshold) in &view.quorums {
            let mut quorum = Quorum { threshold: *threshold, ..Quorum::default() };
            for (party, weight) in confirmers {
                let index = informees.iter().position(|known| known == party).unwrap_or_else(|| {
                    informees.push(party);
                    informees.len() - 1
                });
                let index = i32::try_from(index).expect("few parties");
                quorum.party_index_and_weight.push(PartyIndexAndWeight { index, weight: *weight });
            }
            quorums.push(quorum);
        }
        let informees = informees.iter().chain(&view.observers).map(|party| (*party).to_owned()).collect();
        let common_data = ViewCommonData { salt: self.salt(), informees, quorums };
        let node = ViewNode {
            view_common_data: unblinded(30, &common_data),
            view_participant_data: self.blinded(),
            subviews: self.sequence(&view.below),
        };
        unblinded(30, &node)
    }
}
