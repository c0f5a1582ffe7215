//! What recorded Consoles asked running sequencers about members, traffic and pruning, at a sequencer that knows what the
//! recorded one knew. (That our own knows the same is compared by `cargo xtask replay`.)

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use prost::Message;
use synod_node_admin::sequencer::{
    OnboardingReference, OnboardingRefused, OnboardingState, PurchaseRefused, SequencerAdministrationAdmin,
    SequencerMember, SequencerOnboarding, SequencerPruneRefused, SequencerPruning, SequencerPruningAdmin,
    SequencerPruningState, SequencerTraffic, TrafficTime,
};
use synod_node_admin::{AdminServer, NodeFault, NodeStage, StageReceiver};
use synod_proto::protocol::v30::TrafficState;
use synod_proto::sequencer::admin::v30::{DisableMemberRequest, PruningStatusResponse, TrafficControlStateResponse};
use synod_testkit::recordings::Call;
use synod_types::{CantonTimestamp, Member, SequencerId, UniqueIdentifier};
use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, async_trait};

use super::data::{calls, request, response};
use super::raw;

/// The methods that are compared.
const METHODS: [&str; 5] = ["PruningStatus", "Prune", "DisableMember", "TrafficControlState", "SetTrafficPurchased"];

/// A sequencer that knows what the recorded one told.
#[derive(Debug)]
pub(crate) struct FakeSequencer {
    pruning: Option<SequencerPruningState>,
    /// What it tells of traffic, call by call.
    traffic: Mutex<VecDeque<Vec<(Member, TrafficState)>>>,
    serials: Mutex<BTreeMap<Member, u32>>,
    disabled: Mutex<Vec<Member>>,
    /// What it gives to this new sequencer.
    pub(crate) onboarding: Option<(SequencerId, OnboardingState)>,
}

#[async_trait]
impl SequencerPruning for FakeSequencer {
    async fn pruning_state(&self) -> Result<SequencerPruningState, NodeFault> {
        self.pruning.clone().ok_or(NodeFault::Unavailable)
    }

    async fn prune(&self, before: CantonTimestamp) -> Result<String, SequencerPruneRefused> {
        let safe = self.pruning_state().await?.safe_pruning_time();
        if before > safe {
            return Err(SequencerPruneRefused::Unsafe { requested: before, safe });
        }
        Ok("pruned".to_owned())
    }

    async fn disable_member(&self, member: &Member) -> Result<(), NodeFault> {
        self.disabled.lock().expect("no panic").push(member.clone());
        Ok(())
    }
}

#[async_trait]
impl SequencerOnboarding for FakeSequencer {
    async fn onboarding_state(&self, reference: OnboardingReference) -> Result<OnboardingState, OnboardingRefused> {
        match (&self.onboarding, reference) {
            (Some((expected, state)), OnboardingReference::Sequencer(new)) if *expected == new => Ok(state.clone()),
            (_, reference) => panic!("{reference:?} is not recorded"),
        }
    }
}

#[async_trait]
impl SequencerTraffic for FakeSequencer {
    async fn traffic_states(
        &self,
        members: &[Member],
        time: TrafficTime,
    ) -> Result<Vec<(Member, TrafficState)>, NodeFault> {
        assert_eq!((members, time), ([].as_slice(), TrafficTime::LatestSafe), "the Console asks for all");
        self.traffic.lock().expect("no panic").pop_front().ok_or(NodeFault::Unavailable)
    }

    async fn purchase(&self, member: &Member, serial: NonZeroU32, _: u64) -> Result<(), PurchaseRefused> {
        let mut serials = self.serials.lock().expect("no panic");
        if let Some(latest) = serials.get(member).copied().filter(|latest| *latest >= serial.get()) {
            return Err(PurchaseRefused::SerialTooLow { serial, latest });
        }
        serials.insert(member.clone(), serial.get());
        Ok(())
    }
}

fn member(text: &str) -> Member {
    Member::parse(text).expect("a member")
}

fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("a time")
}

fn of_method<'a>(calls: &'a [Call], method: &'static str) -> impl Iterator<Item = &'a Call> {
    calls.iter().filter(move |call| call.method_name() == method)
}

pub(crate) fn knowledge(calls: &[Call]) -> FakeSequencer {
    let pruning = of_method(calls, "PruningStatus").next().map(|call| {
        let status = response::<PruningStatusResponse>(call).pruning_status.expect("set");
        let members = status.members.into_iter().map(|one| SequencerMember {
            member: member(&one.member),
            registered_at: time(one.registered_at),
            last_acknowledged: one.last_acknowledged.map(time),
            is_enabled: one.enabled,
        });
        SequencerPruningState { now: time(status.now), lower_bound: None, members: members.collect() }
    });
    let traffic = of_method(calls, "TrafficControlState").map(|call| {
        let told = response::<TrafficControlStateResponse>(call).traffic_states;
        told.into_iter().map(|(name, state)| (member(&name), state)).collect()
    });
    FakeSequencer {
        pruning,
        traffic: Mutex::new(traffic.collect()),
        serials: Mutex::default(),
        disabled: Mutex::default(),
        onboarding: None,
    }
}

pub(crate) async fn serve(uid: UniqueIdentifier, node: Arc<FakeSequencer>) -> Channel {
    let (_, stage) = StageReceiver::new(NodeStage::Running { uid });
    let server = AdminServer::new().expect("descriptors").with(|routes| {
        let (pruning, traffic, onboarding) = (Arc::clone(&node) as _, Arc::clone(&node) as _, Arc::clone(&node) as _);
        routes
            .add_service(SequencerPruningAdmin::new(stage.clone(), Arc::clone(&node) as _).into_service())
            .add_service(SequencerAdministrationAdmin::new(stage, pruning, traffic, onboarding).into_service())
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(server.serve(listener, std::future::pending()));
    Channel::from_shared(url).expect("a URL").connect().await.expect("connects")
}

/// An answer field by field; members are a set.
fn text(method: &str, answer: Bytes) -> String {
    match method {
        "PruningStatus" => {
            let mut answer = PruningStatusResponse::decode(answer).expect("a message");
            let status = answer.pruning_status.as_mut().expect("set");
            status.members.sort_by(|one, other| one.member.cmp(&other.member));
            format!("{answer:#?}")
        }
        "TrafficControlState" => format!("{:#?}", TrafficControlStateResponse::decode(answer).expect("a message")),
        _ => format!("{answer:?}"),
    }
}

fn code(name: &str) -> Code {
    match name {
        "FAILED_PRECONDITION" => Code::FailedPrecondition,
        "NOT_FOUND" => Code::NotFound,
        other => panic!("{other} is not recorded"),
    }
}

/// Sends all calls of a recorded sequencer; how many were compared.
async fn run(name: &str, sequencer: &str) -> usize {
    let all = calls(name, sequencer);
    let calls: Vec<&Call> = all.iter().filter(|call| METHODS.contains(&call.method_name())).collect();
    let uid = UniqueIdentifier::parse(&format!("{sequencer}::1220{}", "00".repeat(32))).expect("an identifier");
    let node = Arc::new(knowledge(&all));
    let channel = serve(uid, Arc::clone(&node)).await;
    for call in &calls {
        let (method, end) = (call.method_name(), call.end.as_ref().expect("it ended"));
        let place = format!("call {} of {method} in {name}", call.rpc);
        match raw::unary(&channel, call).await {
            Ok(answer) => {
                assert_eq!(end.status, "OK", "{place} was refused: {end:?}");
                let recorded = call.responses[0].bytes.clone().expect("not left out");
                assert_eq!(text(method, answer), text(method, recorded), "{place}");
            }
            Err(status) => {
                assert_ne!(end.status, "OK", "{place}: {status:?}");
                assert_eq!((status.code(), status.message()), (code(&end.status), end.details.as_str()), "{place}");
            }
        }
    }
    let asked = of_method(&all, "DisableMember").map(|call| member(&request::<DisableMemberRequest>(call).member));
    assert_eq!(*node.disabled.lock().expect("no panic"), asked.collect::<Vec<_>>());
    calls.len()
}

#[tokio::test]
async fn members_and_pruning_are_told_as_recorded() {
    assert_eq!(run("pv35-basic", "sequencer1").await, 2);
    assert_eq!(run("pv35-growing", "sequencer1").await, 2);
    assert_eq!(run("pv35-growing", "sequencer2").await, 1);
}

#[tokio::test]
async fn traffic_is_told_and_purchased_as_recorded() {
    assert_eq!(run("pv35-traffic", "sequencer1").await, 7);
    assert_eq!(run("pv35-scarce", "sequencer1").await, 4);
}
