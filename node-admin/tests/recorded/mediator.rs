//! The recorded calls of Consoles to mediators, each sent to a mediator whose verdicts are the stored ones of the recorded
//! mediator: equal status and equal answers. How it connects and judges is not looked at here.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use synod_mediator::store::FinalizedRow;
use synod_node_admin::mediator::{
    ChangeScheduleRefused, MediatorInitializationAdmin, MediatorInitializer, MediatorInspectionAdmin, MediatorPruning,
    MediatorPruningAdmin, MediatorStatusAdmin, MediatorStatusSource, MediatorStatusView, PruneRefused, PruningSchedule,
    ScheduleChange, VerdictPage, VerdictRecord, VerdictSource, check_connections,
};
use synod_node_admin::{
    InitializeRefused, NodeFault, NodeLifecycle, NodeStage, SynchronizerTime, SynchronizerTimeAdmin,
    SynchronizerTopology, SynchronizerView,
};
use synod_proto::admin::health::v30::{Status, TopologyQueueStatus};
use synod_proto::admin::mediator::v30::MediatorStatusResponse;
use synod_proto::admin::mediator::v30::mediator_status_response::Kind;
use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_proto::mediator::admin::v30::InitializeMediatorRequest;
use synod_proto::time::admin::v30::FetchTimeResponse;
use synod_proto::topology::admin::v30::GetIdResponse;
use synod_testkit::fields;
use synod_testkit::recordings::Call;
use synod_types::{CantonTimestamp, MemberKind, PhysicalSynchronizerId, ProtocolVersion, UniqueIdentifier};
use tokio::sync::watch;
use tonic::async_trait;

/// The node's own code.
#[path = "../../../synod/src/node/mediator/told.rs"]
mod told;

use super::data::{authorized_answer, calls, private_keys, recording, request, response, rows};
use super::node::Base;
use super::replay::{Rules, put_first_keys, replay};

const MEDIATOR: Rules = Rules {
    status: "MediatorStatus",
    initializes: "InitializeMediator",
    not_compared: &[
        ("Authorize", "a change of the synchronizer, which this mediator does not know"),
        ("ListOwnerToKeyMapping", "tells what was ordered, which this mediator does not know"),
    ],
};

/// A mediator that is told what it has judged.
#[derive(Debug)]
struct FakeMediator {
    lifecycle: NodeLifecycle,
    initialized: Mutex<Option<(PhysicalSynchronizerId, SequencerConnections)>>,
    /// Its port, and the names of its parts.
    admin_port: u16,
    components: Vec<String>,
    verdicts: Vec<VerdictRecord>,
    watermark: watch::Sender<Option<CantonTimestamp>>,
    /// The latest time that may be pruned.
    safe: CantonTimestamp,
    /// The time that it has observed.
    now: CantonTimestamp,
    stage: synod_node_admin::StageReceiver,
}

#[async_trait]
impl MediatorInitializer for FakeMediator {
    async fn initialize(
        &self,
        psid: PhysicalSynchronizerId,
        connections: SequencerConnections,
    ) -> Result<(), InitializeRefused> {
        *self.initialized.lock().expect("no panic") = Some((psid, connections));
        self.lifecycle.running();
        Ok(())
    }
}

impl MediatorStatusSource for FakeMediator {
    fn status(&self) -> Option<MediatorStatusView> {
        let (psid, _) = self.initialized.lock().expect("no panic").clone()?;
        Some(MediatorStatusView {
            uid: self.stage.uid()?,
            psid,
            uptime: Duration::from_secs(3),
            admin_port: self.admin_port,
            active: true,
            components: self.components.iter().map(|name| (name.clone(), None)).collect(),
            topology_queues: TopologyQueueStatus::default(),
        })
    }
}

#[async_trait]
impl VerdictSource for FakeMediator {
    async fn verdicts(
        &self,
        after: CantonTimestamp,
        up_to: CantonTimestamp,
        limit: usize,
    ) -> Result<VerdictPage, NodeFault> {
        let in_range = |one: &&VerdictRecord| one.record_time > after && one.record_time <= up_to;
        // Pages are shorter than asked for, so that there are several.
        let limit = limit.min(5);
        let verdicts: Vec<_> = self.verdicts.iter().filter(in_range).take(limit).cloned().collect();
        let last = verdicts.last().map(|one| one.record_time).filter(|_| verdicts.len() == limit);
        Ok(VerdictPage { read_to: last.unwrap_or(up_to), verdicts })
    }

    fn watermark(&self) -> watch::Receiver<Option<CantonTimestamp>> {
        self.watermark.subscribe()
    }
}

#[async_trait]
impl MediatorPruning for FakeMediator {
    async fn prune(&self, up_to: CantonTimestamp) -> Result<(), PruneRefused> {
        if up_to > self.safe {
            return Err(PruneRefused::TooLate { requested: up_to, safe: self.safe });
        }
        Ok(())
    }

    async fn find_pruning_timestamp(&self, _: NonZeroU32) -> Result<Option<CantonTimestamp>, NodeFault> {
        Err(NodeFault::broken("no recorded call"))
    }

    async fn schedule(&self) -> Result<Option<PruningSchedule>, NodeFault> {
        Err(NodeFault::broken("no recorded call"))
    }

    async fn set_schedule(&self, _: Option<PruningSchedule>) -> Result<(), NodeFault> {
        Err(NodeFault::broken("no recorded call"))
    }

    async fn change_schedule(&self, _: ScheduleChange) -> Result<(), ChangeScheduleRefused> {
        Err(NodeFault::broken("no recorded call").into())
    }
}

#[async_trait]
impl SynchronizerTime for FakeMediator {
    fn synchronizer(&self) -> Option<PhysicalSynchronizerId> {
        self.initialized.lock().expect("no panic").as_ref().map(|(psid, _)| psid.clone())
    }

    async fn fetch_time(&self, _: Duration) -> Result<CantonTimestamp, NodeFault> {
        Ok(self.now)
    }

    async fn await_time(&self, _: CantonTimestamp) -> Result<(), NodeFault> {
        Err(NodeFault::broken("no recorded call"))
    }
}

impl SynchronizerTopology for FakeMediator {
    fn current(&self) -> Option<SynchronizerView> {
        None
    }
}

/// What the recorded mediator has stored, told by the code of our node.
fn stored(name: &str, mediator: &str) -> Vec<VerdictRecord> {
    let rows = recording(name).table(mediator, "med_response_aggregations").expect("a table");
    let record = |row| {
        let time = |field| CantonTimestamp::from_micros(fields::integer(row, field).expect("set")).expect("a time");
        let bytes = |field| fields::bytes(row, field).expect("set");
        let row = FinalizedRow {
            request_id: time("request_id"),
            request: bytes("mediator_confirmation_request"),
            finalization_time: time("finalization_time"),
            verdict: bytes("verdict"),
        };
        told::record(&row, ProtocolVersion::V35).expect("it can be read")
    };
    rows.iter().filter_map(record).collect()
}

/// The first answer to a call of this method, if it was called.
fn first<M: prost::Message + Default>(calls: &[Call], method: &str) -> Option<M> {
    calls.iter().find(|call| call.method_name() == method).map(response)
}

/// How the mediator was when it ran for the first time.
fn first_status(calls: &[Call]) -> Status {
    let statuses = calls.iter().filter(|call| call.method_name() == MEDIATOR.status);
    let mut running = statuses.filter_map(|call| match response::<MediatorStatusResponse>(call).kind {
        Some(Kind::Status(status)) => status.common_status,
        _ => None,
    });
    running.next().expect("it ran")
}

fn time(proto: prost_types::Timestamp) -> CantonTimestamp {
    CantonTimestamp::from_seconds_and_nanos(proto.seconds, proto.nanos).expect("a time")
}

/// The latest time that the recorded mediator could prune, as it said when it was asked for too much.
fn safe(calls: &[Call]) -> Option<CantonTimestamp> {
    let prune = calls.iter().find(|call| call.method_name() == "Prune")?;
    let text = &prune.end.as_ref()?.details;
    let (date, micros) = text.rsplit_once('[')?.1.strip_suffix("Z]")?.rsplit_once('.')?;
    // A time of the day of the recording: all but the date is taken from the text.
    let clock: Vec<i64> = date.rsplit_once('T')?.1.split(':').map(|part| part.parse().expect("a number")).collect();
    let seconds = clock.iter().fold(0, |sum, part| sum * 60 + part);
    let day = prune.opened_us - prune.opened_us.rem_euclid(86_400_000_000);
    CantonTimestamp::from_micros(day + seconds * 1_000_000 + micros.parse::<i64>().ok()?).ok()
}

/// Sends all calls to a mediator; what it was initialized with has to be what the Console sent. How many were compared.
async fn run(name: &str, mediator: &str, is_manual: bool) -> usize {
    let calls = calls(name, mediator);
    let (stage, authorized) = if is_manual {
        (NodeStage::NoIdentity, Vec::new())
    } else {
        let id: GetIdResponse = first(&calls, "GetId").expect("a call");
        let uid = UniqueIdentifier::parse(&id.unique_identifier).expect("an identifier");
        (NodeStage::NoSynchronizer { uid }, rows(authorized_answer(&calls).1))
    };
    let base = Base::open(MemberKind::Mediator, stage, authorized).await;
    let verdicts = stored(name, mediator);
    let last = verdicts.iter().map(|one| one.record_time).max();
    let now = first::<FetchTimeResponse>(&calls, "FetchTime").and_then(|answer| answer.timestamp);
    let status = first_status(&calls);
    let node = Arc::new(FakeMediator {
        lifecycle: base.lifecycle.clone(),
        initialized: Mutex::default(),
        admin_port: u16::try_from(status.ports["admin"]).expect("a port"),
        components: status.components.into_iter().map(|component| component.name).collect(),
        verdicts,
        watermark: watch::Sender::new(last),
        safe: safe(&calls).unwrap_or(CantonTimestamp::MAX),
        now: now.map_or(CantonTimestamp::MIN, time),
        stage: base.stage.clone(),
    });
    let stage = base.stage.clone();
    let channel = base
        .serve(is_manual, Arc::clone(&node) as _, |routes| {
            routes
                .add_service(MediatorStatusAdmin::new(stage.clone(), Arc::clone(&node) as _).into_service())
                .add_service(MediatorInitializationAdmin::new(stage.clone(), Arc::clone(&node) as _).into_service())
                .add_service(MediatorInspectionAdmin::new(stage.clone(), Arc::clone(&node) as _).into_service())
                .add_service(MediatorPruningAdmin::new(stage.clone(), Arc::clone(&node) as _).into_service())
                .add_service(SynchronizerTimeAdmin::new(stage, Arc::clone(&node) as _).into_service())
        })
        .await;
    let keys = private_keys(&recording(name), mediator);
    if !is_manual {
        put_first_keys(&base.vault, &keys).await;
    }
    let compared = replay(&MEDIATOR, &channel, &base.vault, &keys, &calls).await;
    let call = calls.iter().find(|call| call.method_name() == MEDIATOR.initializes).expect("a call");
    let sent: InitializeMediatorRequest = request(call);
    let (psid, connections) = node.initialized.lock().expect("no panic").clone().expect("it was initialized");
    assert_eq!(psid.to_string(), sent.physical_synchronizer_id);
    let sent = sent.sequencer_connections.expect("set");
    assert_eq!(connections, sent, "what the Console sends is in the usual form");
    assert_eq!(check_connections(sent.clone()), Ok(sent));
    compared
}

#[tokio::test]
async fn a_mediator_is_administered_as_recorded() {
    assert_eq!(run("pv35-basic", "mediator1", false).await, 27);
}

#[tokio::test]
async fn mediators_of_two_owners_are_administered_as_recorded() {
    assert_eq!(run("pv35-consortium", "mediator1", false).await, 12);
    assert_eq!(run("pv35-consortium", "mediator2", false).await, 12);
}

#[tokio::test]
async fn mediators_of_operators_apart_are_administered_as_recorded() {
    assert_eq!(run("pv35-operators-apart", "mediator1", true).await, 21);
    assert_eq!(run("pv35-operators-apart", "mediator2", true).await, 19);
}

#[tokio::test]
async fn a_mediator_that_prunes_too_much_answers_as_recorded() {
    assert_eq!(run("pv35-growing", "mediator1", false).await, 16);
    assert_eq!(run("pv35-growing", "mediator2", false).await, 12);
    assert_eq!(run("pv35-growing", "mediator3", false).await, 12);
}
