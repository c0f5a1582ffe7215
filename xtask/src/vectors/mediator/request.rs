//! Confirmation requests and root hash messages.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::Value;
use synod_crypto::{KeyUsages, verify};
use synod_mediator::messages::{
    FullInformeeTree, InformeeMessage, InformeeView, LfParty, MediatorContent, MerkleSeqIndex, RequestUuid,
    RootHashMessage, ViewCommonData, ViewConfirmationParameters, ViewPosition,
};
use synod_mediator::rules::ConfirmationRequest;
use synod_testkit::fields;
use synod_testkit::vectors::Case;

use super::super::aliases::Aliases;
use super::super::signatures::signature;
use super::super::verdict::accepted;
use super::{plain, same_hash, text_of, time, version};

/// The key that all requests are signed with.
const SUBMITTER: &str = "k3 (submitting participant)";

pub(super) fn informee_message(case: &Case, aliases: &Aliases) -> Result<(), String> {
    let version = version(case)?;
    let message = InformeeMessage::parse_proto(&plain(&case.bytes("bytes")?)?, version).map_err(text_of)?;
    let content = MediatorContent::parse(&case.bytes("envelope_content_bytes")?, version).map_err(text_of)?;
    fields::same("content", &MediatorContent::InformeeMessage(Box::new(message.clone())), &content)?;
    let tree = &message.tree;
    let again = FullInformeeTree::parse_proto(&plain(&case.bytes("full_informee_tree_bytes")?)?, version);
    fields::same("reparsed_equal", &case.boolean("reparsed_equal")?, &(again.map_err(text_of)? == *tree))?;

    let (submitter, common) = (tree.submitter_metadata(), tree.common_metadata());
    fields::same("psid", &case.text("psid")?, &common.psid.to_string().as_str())?;
    fields::same("uuid", &RequestUuid::parse(case.text("uuid")?), &Ok(common.uuid))?;
    fields::same("uuid as text", &case.text("uuid")?, &common.uuid.to_string().as_str())?;
    fields::same("mediator_group", &case.integer("mediator_group")?, &common.mediator_group.as_i32().into())?;
    let participant = submitter.submitting_participant.member().to_string();
    fields::same("submitting_participant", &case.text("submitting_participant")?, &participant.as_str())?;
    fields::same_bytes("submitter_metadata_bytes", &case.bytes("submitter_metadata_bytes")?, &submitter.bytes)?;
    fields::same_bytes("common_metadata_bytes", &case.bytes("common_metadata_bytes")?, &common.bytes)?;
    same_hash(&case.value, "submitter_metadata_hash", &submitter.hash())?;
    same_hash(&case.value, "common_metadata_hash", &common.hash())?;
    let root_views = fields::optional_bytes(&case.value, "root_views_hash")?;
    let found = tree.root_views_hash().map(|hash| hash.multihash().to_vec().into());
    fields::same("root_views_hash", &root_views, &found)?;
    same_hash(&case.value, "root_hash", tree.root_hash())?;
    let theirs = signature(&case.bytes("signature_over_root_hash_proto")?)?;
    fields::same("signature_over_root_hash_proto", &theirs, &message.signature)?;
    let verified = verify(tree.root_hash(), aliases.key(SUBMITTER)?, &message.signature, KeyUsages::PROTOCOL);
    verified.map_err(text_of)?;
    views(case, tree)
}

fn views(case: &Case, tree: &FullInformeeTree) -> Result<(), String> {
    let expected = case.list("views")?;
    fields::same("number of views", &expected.len(), &tree.views().len())?;
    for (expected, found) in expected.iter().zip(tree.views()) {
        view(expected, tree, found).map_err(|reason| format!("view {}: {reason}", expected["path"]))?;
    }
    orders(case)
}

/// The orders in which the JVM goes through views and informees.
fn orders(case: &Case) -> Result<(), String> {
    let request = ConfirmationRequest::parse(&case.bytes("envelope_content_bytes")?, version(case)?);
    let request = request.map_err(text_of)?.ok_or("the content is no request")?;
    let positions: Vec<Bytes> =
        request.views_in_map_order().into_iter().map(|view| request.position(view).to_proto_bytes()).collect();
    fields::same("positions", &fields::bytes_list(&case.value, "jvm_iteration_order_of_positions")?, &positions)?;
    for position in &positions {
        let position = ViewPosition::parse_proto(position).map_err(text_of)?;
        let found = request.view_at(&position).map(|view| request.position(view.number()));
        fields::same("view at its position", &Some(position), &found)?;
    }
    let informees: Vec<&str> = request.informees().iter().map(LfParty::as_str).collect();
    fields::same("informees", &fields::texts(&case.value, "jvm_iteration_order_of_all_informees")?, &informees)
}

fn view(expected: &Value, tree: &FullInformeeTree, found: &InformeeView) -> Result<(), String> {
    let mut path = Vec::new();
    let mut at = Some(found);
    while let Some(view) = at {
        path.insert(0, i64::try_from(view.index).map_err(text_of)?);
        at = view.parent.and_then(|parent| tree.views().get(parent));
    }
    fields::same("path", &fields::integers(expected, "path")?, &path)?;
    same_hash(expected, "view_hash", &found.hash)?;
    same_hash(expected, "node_hash", &found.hash)?;
    same_hash(expected, "view_common_data_hash", &found.common_data_hash)?;
    let bytes = fields::bytes(expected, "view_common_data_bytes")?;
    fields::same_bytes("view_common_data_bytes", &bytes, &found.common_data.bytes)?;
    let position = tree.position(found);
    let steps: Vec<String> = position.0.iter().map(steps).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    fields::same("position_leaf_to_root", &fields::texts(expected, "position_leaf_to_root")?, &steps)?;
    let proto = fields::bytes(expected, "position_proto")?;
    fields::same_bytes("position_proto", &proto, &position.to_proto_bytes())?;
    fields::same("position parsed", &Ok(position.clone()), &ViewPosition::parse_proto(&proto))?;
    let deterministic = fields::bytes(expected, "position_deterministic")?;
    fields::same_bytes("position_deterministic", &deterministic, &position.encode_deterministically())?;
    parameters(expected, &found.common_data.parameters)
}

/// The steps of an index as the vectors write them.
pub(super) fn steps(index: &MerkleSeqIndex) -> String {
    index.0.iter().map(|is_right| if *is_right { 'R' } else { 'L' }).collect()
}

fn parameters(expected: &Value, found: &ViewConfirmationParameters) -> Result<(), String> {
    let informees: BTreeSet<&str> = fields::texts(expected, "informees")?.into_iter().collect();
    fields::same("informees", &informees, &found.informees.iter().map(LfParty::as_str).collect())?;
    let quorums = fields::list(expected, "quorums")?;
    fields::same("number of quorums", &quorums.len(), &found.quorums.len())?;
    for (expected, found) in quorums.iter().zip(&found.quorums) {
        let confirmers = fields::value(expected, "confirmers")?.as_object().ok_or("confirmers are no object")?;
        let confirmers = confirmers.iter().map(|(party, weight)| Ok((party.as_str(), fields::as_integer(weight)?)));
        let confirmers = confirmers.collect::<Result<BTreeMap<_, _>, String>>()?;
        let weights = found.confirmers.iter().map(|(party, weight)| (party.as_str(), i64::from(*weight))).collect();
        fields::same("confirmers", &confirmers, &weights)?;
        fields::same("threshold", &fields::integer(expected, "threshold")?, &found.threshold.into())?;
    }
    Ok(())
}

pub(super) fn informee_message_parse(case: &Case) -> Result<(), String> {
    let message = InformeeMessage::parse_proto(&plain(&case.bytes("bytes")?)?, version(case)?);
    accepted(case, message, |message| same_hash(&case.value, "root_hash", message.tree.root_hash()))
}

pub(super) fn view_common_data_parse(case: &Case) -> Result<(), String> {
    accepted(case, ViewCommonData::parse(&case.bytes("bytes")?), |data| {
        same_hash(&case.value, "leaf_hash", &data.hash())?;
        parameters(&case.value, &data.parameters)
    })
}

pub(super) fn root_hash_message(case: &Case) -> Result<(), String> {
    let message = RootHashMessage::parse_proto(&plain(&case.bytes("bytes")?)?).map_err(text_of)?;
    let content = MediatorContent::parse(&case.bytes("envelope_content_bytes")?, version(case)?).map_err(text_of)?;
    fields::same("content", &MediatorContent::RootHashMessage(message.clone()), &content)?;
    same_hash(&case.value, "root_hash", &message.root_hash)?;
    fields::same("view_type", &case.integer("view_type")?, &message.view_type.number().into())?;
    let time = time(case, "submission_topology_time")?;
    fields::same("submission_topology_time", &time, &message.submission_topology_time)?;
    fields::same("version of the synchronizer", &version(case)?, &message.psid.protocol_version())?;
    fields::same_bytes("payload", &case.bytes("payload")?, &message.payload)
}
