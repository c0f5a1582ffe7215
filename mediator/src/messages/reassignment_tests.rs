//! Reassignments: what is read, what is refused, and what is hashed.

use bytes::Bytes;
use prost::Message;
use synod_proto::protocol::v30::blindable_node::BlindedOrNot;
use synod_proto::protocol::v30::{AssignmentCommonData, UnassignmentCommonData};
use synod_proto::protocol::v31::{EnvelopeContent, envelope_content::SomeEnvelopeContent};
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::versioned;

use super::MediatorContent;
use super::blindable::inner_node_hash;
use super::error::not_set;
use super::{InvalidMessage, ReassignmentCommonData, ReassignmentMediatorMessage, ViewType};
use crate::rules::requests::{PSID, SUBMITTER, assignment, unassignment};

fn data<M: Message + Default>(bytes: &Bytes) -> M {
    M::decode(versioned::unwrap(bytes).expect("versioned").data).expect("a message")
}

fn parse(content: SomeEnvelopeContent) -> Result<Box<ReassignmentMediatorMessage>, InvalidMessage> {
    let content = EnvelopeContent { some_envelope_content: Some(content) };
    let bytes = versioned::wrap(31, &content.encode_to_vec());
    match MediatorContent::parse(&bytes, ProtocolVersion::V35)? {
        MediatorContent::Reassignment(message) => Ok(message),
        other => panic!("{other:?}"),
    }
}

/// Changes an unassignment by its content and its common data, and reads it.
fn leave(
    change: impl FnOnce(&mut synod_proto::protocol::v30::UnassignmentMediatorMessage, &mut UnassignmentCommonData),
) -> Result<Box<ReassignmentMediatorMessage>, InvalidMessage> {
    let content: EnvelopeContent = data(unassignment(&["alice", "bob"], &["bob"]).bytes());
    let Some(SomeEnvelopeContent::UnassignmentMediatorMessage(mut message)) = content.some_envelope_content else {
        panic!("an unassignment")
    };
    let mut common: UnassignmentCommonData = data(&message.tree.as_ref().expect("a tree").common_data);
    change(&mut message, &mut common);
    if let Some(tree) = &mut message.tree {
        tree.common_data = versioned::wrap(30, &common.encode_to_vec());
    }
    parse(SomeEnvelopeContent::UnassignmentMediatorMessage(message))
}

/// The same with an assignment, of which only the common data changes.
fn arrive(change: impl FnOnce(&mut AssignmentCommonData)) -> Result<Box<ReassignmentMediatorMessage>, InvalidMessage> {
    let content: EnvelopeContent = data(assignment(&["alice", "bob"], &["bob"]).bytes());
    let Some(SomeEnvelopeContent::AssignmentMediatorMessage(mut message)) = content.some_envelope_content else {
        panic!("an assignment")
    };
    let tree = message.tree.as_mut().expect("a tree");
    let mut common: AssignmentCommonData = data(&tree.common_data);
    change(&mut common);
    tree.common_data = versioned::wrap(30, &common.encode_to_vec());
    parse(SomeEnvelopeContent::AssignmentMediatorMessage(message))
}

#[test]
fn what_is_well_formed_is_read() {
    let message = leave(|_, _| ()).expect("an unassignment");
    assert_eq!((message.view_type(), message.common_data.origin.as_ref()), (ViewType::Unassignment, None));
    assert_eq!(message.common_data.submitter.submitting_admin_party.as_str(), SUBMITTER);
    let message = arrive(|_| ()).expect("an assignment");
    assert_eq!((message.view_type(), message.common_data.psid.to_string().as_str()), (ViewType::Assignment, PSID));
    assert_eq!(message.common_data.reassigning_participants.len(), 1, "twice the same");
    let origin = message.common_data.origin.as_ref().expect("an origin");
    assert_eq!(origin.psid.to_string(), PSID.replace("da::", "other::"));
    assert_eq!(origin.unassigned_at, CantonTimestamp::from_micros(1_000_002).expect("a time"), "floored");
    // What may be left out: who submitted by which name, and who takes part.
    let submitter = |common: &mut AssignmentCommonData| common.submitter_metadata.clone().expect("a submitter");
    assert!(arrive(|common| common.reassigning_participant_uids.clear()).is_ok());
    assert!(arrive(|common| common.stakeholders = Some(Default::default())).is_ok());
    assert!(
        arrive(|common| {
            let ids = ("s".to_owned(), "w".to_owned());
            let (submission_id, workflow_id) = ids;
            common.submitter_metadata = Some(synod_proto::protocol::v30::ReassignmentSubmitterMetadata {
                submission_id,
                workflow_id,
                ..submitter(common)
            });
        })
        .is_ok()
    );
}

#[test]
fn the_hash_covers_the_kind_and_the_bytes_as_received() {
    let hashes = [
        *leave(|_, _| ()).expect("an unassignment").root_hash(),
        *leave(|_, common| common.source_mediator_group = 9).expect("an unassignment").root_hash(),
        *arrive(|_| ()).expect("an assignment").root_hash(),
    ];
    assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2]);
    let message = leave(|_, _| ()).expect("an unassignment");
    assert_eq!(*message.root_hash(), inner_node_hash(&[message.common_data.hash(), message.view_hash]));
    let renumbered = versioned::wrap(99, &versioned::unwrap(&message.common_data.bytes).expect("versioned").data);
    let again = ReassignmentCommonData::parse_unassignment(&renumbered).expect("any version number");
    assert_ne!(again.hash(), message.common_data.hash());
}

#[test]
fn what_a_mediator_needs_has_to_be_there() {
    assert_eq!(leave(|message, _| message.tree = None), Err(not_set("tree")));
    let no_signature = leave(|message, _| message.submitting_participant_signature = None);
    assert_eq!(no_signature, Err(not_set("submitting_participant_signature")));
    assert_eq!(leave(|_, common| common.salt = None), Err(not_set("salt")));
    assert_eq!(leave(|_, common| common.stakeholders = None), Err(not_set("stakeholders")));
    assert_eq!(leave(|_, common| common.submitter_metadata = None), Err(not_set("submitter_metadata")));
    assert_eq!(arrive(|common| common.unassignment_ts = None), Err(not_set("unassignment_ts")));
    assert!(arrive(|common| common.source_physical_synchronizer_id.clear()).is_err());
    assert!(arrive(|common| common.target_physical_synchronizer_id.clear()).is_err());
    assert!(leave(|_, common| common.source_physical_synchronizer_id.clear()).is_err());
    assert!(leave(|_, common| common.uuid.clear()).is_err());
    assert!(leave(|_, common| common.source_mediator_group = -1).is_err());
    assert!(leave(|_, common| common.reassigning_participant_uids.push("nobody".to_owned())).is_err());
    let tomorrow = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    assert!(arrive(|common| common.unassignment_ts = Some(tomorrow)).is_err());
}

#[test]
fn the_view_has_to_be_blinded() {
    let view = |node: Option<BlindedOrNot>| {
        leave(|message, _| {
            let tree = message.tree.as_mut().expect("a tree");
            tree.participant_data = Some(synod_proto::protocol::v30::BlindableNode { blinded_or_not: node });
        })
    };
    let unblinded = view(Some(BlindedOrNot::Unblinded(versioned::wrap(30, b""))));
    assert_eq!(unblinded, Err(InvalidMessage::Unblinded { field: "participant_data" }));
    assert_eq!(view(None), Err(InvalidMessage::NodeNotSet { field: "participant_data" }));
    assert!(matches!(view(Some(BlindedOrNot::BlindedHash(Bytes::new()))), Err(InvalidMessage::Hash { .. })));
}

#[test]
fn parties_and_names_have_to_be_valid() {
    let stakeholders = |all: &[&str], signatories: &[&str]| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let stakeholders =
            synod_proto::protocol::v30::Stakeholders { all: texts(all), signatories: texts(signatories) };
        leave(|_, common| common.stakeholders = Some(stakeholders)).map(|_| ())
    };
    assert_eq!(stakeholders(&["a"], &["b"]), Err(InvalidMessage::SignatoryNoStakeholder));
    assert_eq!(stakeholders(&["a", "a", "b"], &["b", "b"]), Ok(()));
    assert!(stakeholders(&["!"], &[]).is_err());
    let submitter = |change: fn(&mut synod_proto::protocol::v30::ReassignmentSubmitterMetadata)| {
        leave(|_, common| change(common.submitter_metadata.as_mut().expect("a submitter"))).map(|_| ())
    };
    assert_eq!(submitter(|_| ()), Ok(()));
    assert!(submitter(|metadata| metadata.submitter.clear()).is_err());
    assert!(submitter(|metadata| metadata.submitting_participant_uid.clear()).is_err());
    assert!(submitter(|metadata| metadata.command_id.clear()).is_err());
    assert!(submitter(|metadata| metadata.user_id.clear()).is_err());
    assert!(submitter(|metadata| "?".clone_into(&mut metadata.submission_id)).is_err());
    assert!(submitter(|metadata| "?".clone_into(&mut metadata.workflow_id)).is_err());
}

#[test]
fn parts_of_the_same_kind_are_merged_and_the_last_kind_counts() {
    let field = |number: u32, content: &[u8]| {
        let mut buffer = Vec::new();
        prost::encoding::bytes::encode(number, &content.to_vec(), &mut buffer);
        buffer
    };
    let read = |parts: &[Vec<u8>]| {
        MediatorContent::parse(&versioned::wrap(31, &parts.concat()), ProtocolVersion::V35).map(|content| match content
        {
            MediatorContent::Reassignment(message) => Some(message.view_type()),
            _ => None,
        })
    };
    let content: EnvelopeContent = data(unassignment(&["alice"], &["alice"]).bytes());
    let Some(SomeEnvelopeContent::UnassignmentMediatorMessage(message)) = content.some_envelope_content else {
        panic!("an unassignment")
    };
    let tree = field(1, &message.tree.expect("a tree").encode_to_vec());
    let signature = field(2, &message.submitting_participant_signature.expect("a signature").encode_to_vec());
    assert_eq!(read(&[field(3, &tree), field(3, &signature)]), Ok(Some(ViewType::Unassignment)));
    assert!(read(&[field(3, &tree), field(4, &signature)]).is_err(), "an assignment without a tree");
    let whole = field(3, &[tree, signature].concat());
    assert_eq!(read(&[whole.clone(), field(7, b"")]), Ok(None));
    assert_eq!(read(&[field(4, b""), whole.clone()]), Ok(Some(ViewType::Unassignment)), "only the last is judged");
    assert!(read(&[whole, field(4, b"\xff")]).is_err(), "all are well formed");
}
