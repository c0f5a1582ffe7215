//! The state from which a recorded sequencer was added to a running synchronizer: ours after the same blocks is the same, and
//! it is taken.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use synod_machine::{Machine, OrderedBlock, OrderedEvent, OrderedKind, State, genesis};
use synod_node_admin::NodeStage;
use synod_node_admin::sequencer::{InitializeRefused, OnboardingState};
use synod_proto::sequencer::admin::v30::{
    ImplementationSpecificInfo, InitializeSequencerFromGenesisStateV2Request,
    InitializeSequencerFromOnboardingStateV2Request, InitializeSequencerFromOnboardingStateV2Response,
    OnboardingStateV2Request, OnboardingStateV2Response, SequencerSnapshot, onboarding_state_v2_request,
};
use synod_store::{Acquired, Store, StoreConfig};
use synod_testkit::recordings::{Call, OrderedRow, Request};
use synod_types::{CantonTimestamp, Member, SequencerId, UniqueIdentifier};
use synod_wire::versioned;
use tonic::Code;

use super::data::{bytes, calls, recording, request, response};
use super::node::serve as serve_node;
use super::operations::{knowledge, serve};
use super::raw;

const RECORDING: &str = "pv35-growing";

fn call(node: &str, method: &str) -> Call {
    let mut calls = calls(RECORDING, node).into_iter();
    calls.find(|call| call.method_name() == method).expect("it is recorded")
}

fn recorded_state() -> OnboardingState {
    let answers = bytes(&call("sequencer1", "OnboardingStateV2").responses);
    let parts = answers.into_iter().map(|part| OnboardingStateV2Response::decode(part).expect("a part"));
    let whole: Vec<u8> = parts.flat_map(|part| part.onboarding_state_for_sequencer.to_vec()).collect();
    OnboardingState::parse(&whole.into()).expect("a state")
}

fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("a time")
}

fn block(row: &OrderedRow) -> OrderedBlock {
    let event = |request: &Request| {
        let kind = if request.tag == "send" { OrderedKind::Send } else { OrderedKind::Acknowledge };
        let name = request.sequencer.trim_start_matches("SEQ::");
        let origin = SequencerId::new(UniqueIdentifier::parse(name).expect("a sequencer"));
        OrderedEvent { time: time(request.time_us), origin, kind, bytes: request.body.clone() }
    };
    let events = row.requests.iter().map(event).collect();
    OrderedBlock { height: row.height, base_time: time(row.base_time_us), tick_at: None, frames: Vec::new(), events }
}

/// A store after the recorded blocks up to this one.
async fn replay_to(height: u64, folder: &std::path::Path) -> Store {
    let requests = bytes(&call("sequencer1", "InitializeSequencerFromGenesisStateV2").requests);
    let parts =
        requests.into_iter().map(|part| InitializeSequencerFromGenesisStateV2Request::decode(part).expect("a part"));
    let parts: Vec<_> = parts.collect();
    let parameters = parts[0].synchronizer_parameters.clone().expect("set");
    let snapshot: Vec<u8> = parts.iter().flat_map(|part| part.topology_snapshot.to_vec()).collect();
    let parameters = versioned::wrap(30, &parameters.encode_to_vec());
    let checkpoint = genesis(&parameters, &snapshot.into()).expect("a genesis");
    let store = Store::open(&StoreConfig::new(format!("sqlite://{}", folder.join("node.db").display()))).await;
    let store = store.expect("opens");
    let Acquired::Lease(lease) = store.acquire_lease("test", 60_000).await.expect("a lease") else { panic!("free") };
    store.initialize(&lease, &checkpoint).await.expect("an empty store");
    let (machine, mut state) = (Machine::new(NonZeroUsize::MIN), State::restore(checkpoint).expect("sound"));
    let rows = recording(RECORDING).ordered("ordered").expect("blocks");
    let apply = |row: &OrderedRow| machine.apply(&mut state, &block(row)).expect("no fault");
    let outcomes: Vec<_> = rows.iter().filter(|row| row.height <= height).map(apply).collect();
    store.commit(&lease, &outcomes).await.expect("stores");
    store
}

/// Members, their times and aggregations are sets; each ordering layer adds something of its own.
fn sorted(mut snapshot: SequencerSnapshot) -> SequencerSnapshot {
    snapshot.additional = None;
    snapshot.in_flight_aggregations.sort_by(|one, other| one.aggregation_id.cmp(&other.aggregation_id));
    for aggregation in &mut snapshot.in_flight_aggregations {
        aggregation.aggregated_senders.sort_by(|one, other| one.sender.cmp(&other.sender));
    }
    snapshot.member_previous_timestamps.sort_by(|one, other| one.member.cmp(&other.member));
    if let Some(status) = &mut snapshot.status {
        status.members.sort_by(|one, other| one.member.cmp(&other.member));
    }
    snapshot
}

#[tokio::test]
async fn a_sequencer_gives_the_recorded_state_to_a_new_one() {
    let recorded = recorded_state();
    assert_eq!(recorded.snapshot.in_flight_aggregations.len(), 2);
    let folder = tempfile::tempdir().expect("a folder");
    let store = replay_to(recorded.snapshot.last_block_height, folder.path()).await;
    let own = |app_hash: &[u8; 32]| ImplementationSpecificInfo {
        implementation_name: "test".to_owned(),
        info: Bytes::copy_from_slice(app_hash),
    };
    let state = OnboardingState::read(&store, own).await.expect("reads").expect("there are blocks");

    let asked = call("sequencer1", "OnboardingStateV2");
    let request: OnboardingStateV2Request = request(&asked);
    let Some(onboarding_state_v2_request::Request::SequencerUid(new)) = request.request else { panic!("a sequencer") };
    let new = SequencerId::new(UniqueIdentifier::parse(&new).expect("an identifier"));
    let mut node = knowledge(&[]);
    node.onboarding = Some((new, state.clone()));
    let channel = serve(UniqueIdentifier::parse("own::1220ab").expect("an identifier"), Arc::new(node)).await;
    let answers = raw::call(&channel, &asked.method, bytes(&asked.requests), usize::MAX).await.expect("answers");
    let parts = answers.into_iter().map(|part| OnboardingStateV2Response::decode(part).expect("a part"));
    let whole: Vec<u8> = parts.flat_map(|part| part.onboarding_state_for_sequencer.to_vec()).collect();
    let told = OnboardingState::parse(&whole.into()).expect("a state");

    assert_eq!(told, state, "nothing is lost on the way");
    assert_eq!(told.static_parameters, recorded.static_parameters);
    assert_eq!(told.topology, recorded.topology, "the same rows in the same order, with the same times");
    assert_eq!(sorted(told.snapshot), sorted(recorded.snapshot));
}

#[tokio::test]
async fn the_recorded_onboarding_state_is_taken_or_refused_with_its_reason() {
    let uid = UniqueIdentifier::parse("own::1220ab").expect("an identifier");
    let port = serve_node(NodeStage::NoSynchronizer { uid }, Vec::new()).await;
    let recorded = call("sequencer2", "InitializeSequencerFromOnboardingStateV2");
    let initialize = async |requests| raw::call(&port.channel, &recorded.method, requests, usize::MAX).await;
    let answers = initialize(bytes(&recorded.requests)).await.expect("taken");
    // Canton's sequencers say that they have replicas where the database could have them.
    let _: InitializeSequencerFromOnboardingStateV2Response = response(&recorded);
    assert_eq!(answers.len(), 1);
    let taken = port.node.onboarding.lock().expect("no panic").pop().expect("it came");
    assert_eq!(taken, recorded_state());
    let founded = genesis(&taken.static_parameters, &taken.genesis().expect("a version")).expect("a genesis");
    let first = Member::parse(&taken.snapshot.status.as_ref().expect("set").members[0].member).expect("a member");
    assert!(founded.members.len() < taken.snapshot.status.as_ref().expect("set").members.len(), "{first} came later");

    *port.node.refuse.lock().expect("no panic") = Some(InitializeRefused::Invalid("it orders alone".to_owned()));
    let status = initialize(bytes(&recorded.requests)).await.expect_err("refused");
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().ends_with("): it orders alone"), "{status:?}");
    assert!(status.message().starts_with("SYNCHRONIZER_NODE_INITIALISATION_FAILED(9,"), "{status:?}");
    port.node.onboarding.lock().expect("no panic").clear();

    let whole = InitializeSequencerFromOnboardingStateV2Request::decode(bytes(&recorded.requests)[0].clone());
    let whole = whole.expect("a part").onboarding_state;
    for wrong in [Bytes::new(), whole.slice(..whole.len() - 1), whole.slice(3..)] {
        let part = InitializeSequencerFromOnboardingStateV2Request { onboarding_state: wrong };
        let status = initialize(vec![part.encode_to_vec().into()]).await.expect_err("refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    }
    assert!(port.node.onboarding.lock().expect("no panic").is_empty(), "nothing of it has reached the node");
}
