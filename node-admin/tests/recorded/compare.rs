//! Answers as texts in which only what cannot be the same is left out: times, the release, what is under way, the order of
//! sets.

use bytes::Bytes;
use prost::Message;
use synod_proto::admin::mediator::v30::MediatorStatusResponse;
use synod_proto::admin::sequencer::v30::SequencerStatusResponse;
use synod_proto::admin::sequencer::v30::sequencer_status_response::Kind;
use synod_proto::crypto::admin::v30 as vault;
use synod_proto::mediator::admin::v30::VerdictsResponse;
use synod_proto::mediator::admin::v30::verdict::Views;
use synod_proto::mediator::admin::v30::verdicts_response::Payload;
use synod_proto::protocol::v30::SignedTopologyTransaction;
use synod_proto::topology::admin::v30 as admin;
use synod_topology::genesis::{item, parse_v2};
use synod_types::ProtocolVersion;

/// The answers of one call, field by field.
pub(crate) fn text(method: &str, answers: &[Bytes]) -> String {
    match method {
        "SequencerStatus" => status(answers),
        "MediatorStatus" => mediator_status(answers),
        "Verdicts" => verdicts(answers),
        "ListAllV2" => {
            let answer: admin::ListAllV2Response = one(answers);
            items(answer.result.expect("transactions").items)
        }
        "ExportTopologySnapshotV2" | "GenesisStateV2" => {
            // Both answers have their bytes in field 1.
            let parts = answers.iter().map(|part| admin::GenesisStateV2Response::decode(part.clone()).expect("a part"));
            let all: Vec<u8> = parts.flat_map(|part| part.chunk.to_vec()).collect();
            let stored = parse_v2(&all.into(), ProtocolVersion::V35).expect("stored transactions");
            items(stored.into_iter().map(|one| item(&one.into_row(0, 0, ProtocolVersion::V35))).collect())
        }
        "Authorize" => format!("{:#?}", sorted(one::<admin::AuthorizeResponse>(answers).transaction.expect("set"))),
        "ListSynchronizerParametersState" => {
            let mut answer: admin::ListSynchronizerParametersStateResponse = one(answers);
            for context in answer.results.iter_mut().filter_map(|result| result.context.as_mut()) {
                without_times(context);
            }
            format!("{answer:#?}")
        }
        "ListMyKeys" => {
            let keys: vault::ListMyKeysResponse = one(answers);
            set(keys.private_keys_metadata)
        }
        "ListPublicKeys" => set(one::<vault::ListPublicKeysResponse>(answers).public_keys),
        "ListAvailableStores" => set(one::<admin::ListAvailableStoresResponse>(answers).store_ids),
        _ => format!("{answers:?}"),
    }
}

fn one<M: Message + Default>(answers: &[Bytes]) -> M {
    assert_eq!(answers.len(), 1);
    M::decode(answers[0].clone()).expect("a message")
}

fn set<T: std::fmt::Debug>(all: Vec<T>) -> String {
    let mut texts: Vec<String> = all.iter().map(|one| format!("{one:#?}")).collect();
    texts.sort();
    texts.join("\n")
}

fn status(answers: &[Bytes]) -> String {
    let mut status: SequencerStatusResponse = one(answers);
    if let Some(Kind::NotInitialized(waiting)) = &mut status.kind {
        assert!(!waiting.version.is_empty());
        waiting.version.clear();
    }
    format!("{status:#?}")
}

fn mediator_status(answers: &[Bytes]) -> String {
    use synod_proto::admin::mediator::v30::mediator_status_response::Kind;
    let mut status: MediatorStatusResponse = one(answers);
    match &mut status.kind {
        Some(Kind::NotInitialized(waiting)) => waiting.version.clear(),
        Some(Kind::Status(running)) => {
            let common = running.common_status.as_mut().expect("set");
            assert!(common.uptime.take().is_some());
            // What has just been ordered is counted.
            assert!(common.topology_queues.take().is_some());
            common.version.clear();
        }
        None => panic!("neither"),
    }
    format!("{status:#?}")
}

/// The parties of a view, and those of a quorum, are sets.
fn verdicts(answers: &[Bytes]) -> String {
    let sorted = answers.iter().map(|answer| {
        let mut response = VerdictsResponse::decode(answer.clone()).expect("a message");
        if let Some(Payload::Verdict(verdict)) = &mut response.payload
            && let Some(Views::TransactionViews(all)) = &mut verdict.views
        {
            for view in all.views.values_mut() {
                view.informees.sort();
                view.confirming_parties.iter_mut().for_each(|quorum| quorum.parties.sort());
            }
        }
        format!("{response:#?}")
    });
    sorted.collect::<Vec<_>>().join("\n")
}

/// Only which times there are counts; signers are a set.
fn without_times(context: &mut admin::BaseResult) {
    for time in [&mut context.sequenced, &mut context.valid_from, &mut context.valid_until].into_iter().flatten() {
        *time = prost_types::Timestamp::default();
    }
    context.signed_by_fingerprints.sort();
}

/// Signatures are a set.
fn sorted(mut transaction: SignedTopologyTransaction) -> SignedTopologyTransaction {
    transaction.signatures.sort_by(|one, other| one.signed_by.cmp(&other.signed_by));
    transaction
}

/// Stored transactions without their times: only which times there are counts. Their order is not told by Canton.
fn items(items: Vec<admin::topology_transactions::Item>) -> String {
    let masked = items.into_iter().map(|mut item| {
        for time in [&mut item.sequenced, &mut item.valid_from, &mut item.valid_until].into_iter().flatten() {
            *time = prost_types::Timestamp::default();
        }
        let inner = synod_wire::versioned::unwrap(&item.transaction).expect("versioned");
        let signed = SignedTopologyTransaction::decode(inner.data).expect("a signed transaction");
        item.transaction = sorted(signed).encode_to_vec().into();
        (item, inner.version)
    });
    set(masked.collect())
}
