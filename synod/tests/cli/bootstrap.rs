//! A synchronizer of nodes in processes of their own, founded from a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use synod_proto::admin::pruning::v30::{
    FindPruningTimestampRequest, GetScheduleRequest, PruningSchedule, SetScheduleRequest,
};
use synod_proto::admin::sequencer::v30::SequencerConnectionValidation;
use synod_proto::admin::sequencer::v30::sequencer_connection::Type;
use synod_proto::mediator::admin::v30::mediator_pruning::PruneRequest;
use synod_proto::mediator::admin::v30::verdicts_response::Payload;
use synod_proto::mediator::admin::v30::{
    GetConnectionRequest, LogoutRequest, SetConnectionRequest, Verdict, VerdictResult, VerdictsRequest,
};
use synod_proto::time::admin::v30::{AwaitTimeRequest, FetchTimeRequest};
use synod_rpc::mediator::admin::v30::mediator_administration_service_client::MediatorAdministrationServiceClient;
use synod_rpc::mediator::admin::v30::mediator_inspection_service_client::MediatorInspectionServiceClient;
use synod_rpc::mediator::admin::v30::sequencer_connection_service_client::SequencerConnectionServiceClient;
use synod_rpc::time::admin::v30::synchronizer_time_service_client::SynchronizerTimeServiceClient;
use tempfile::TempDir;
use tonic::transport::Channel;

use crate::support::{Process, next_port_base, synod, wait};

const LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A sequencer and some mediators, each in a process of its own.
pub(crate) struct Nodes {
    dir: TempDir,
    pub(crate) base: u16,
    sequencer: Option<Process>,
    mediators: Vec<Option<Process>>,
}

impl Nodes {
    pub(crate) fn start(mediators: u16) -> Self {
        Self::start_with(mediators, "")
    }

    /// With more in the configuration of the sequencer.
    pub(crate) fn start_with(mediators: u16, more: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut nodes = Self { dir, base: next_port_base(), sequencer: None, mediators: Vec::new() };
        nodes.write("sequencer", &format!("[public_api]\nport = {}\n{more}", nodes.base), nodes.base + 1);
        nodes.sequencer = Some(nodes.run("sequencer", "sequencer"));
        for index in 0..mediators {
            let name = format!("mediator{index}");
            nodes.write(&name, "", nodes.mediator_port(index));
            let process = nodes.run("mediator", &name);
            nodes.mediators.push(Some(process));
        }
        nodes.wait_until_open();
        nodes
    }

    pub(crate) fn mediator_port(&self, index: u16) -> u16 {
        self.base + 2 + index
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.toml"))
    }

    fn write(&self, name: &str, more: &str, admin: u16) {
        let database = self.dir.path().join(format!("{name}.db"));
        // Without the ports of monitoring, which are fixed.
        let text = format!(
            "name = \"{name}\"\n[storage]\nurl = \"sqlite://{}\"\n[admin_api]\nport = {admin}\n{more}\n",
            database.display()
        );
        fs::write(self.path(name), text).expect("written");
    }

    fn run(&self, kind: &str, name: &str) -> Process {
        let config = self.path(name).display().to_string();
        let no_ports = [("SYNOD_MONITORING__HTTP_HEALTH_PORT", "0"), ("SYNOD_MONITORING__METRICS_PORT", "0")];
        let grpc = [("SYNOD_MONITORING__GRPC_HEALTH_PORT", "0")];
        let log = self.dir.path().join(format!("{name}.log"));
        Process::start_with(&[kind, "-c", &config], &[no_ports.as_slice(), &grpc].concat(), &log)
    }

    fn wait_until_open(&mut self) {
        let mut ports = vec![self.base + 1];
        ports.extend((0..).zip(&self.mediators).map(|(index, _)| self.mediator_port(index)));
        for port in ports {
            let open = || {
                self.sequencer.as_mut().expect("it runs").assert_runs();
                self.mediators.iter_mut().flatten().for_each(Process::assert_runs);
                std::net::TcpStream::connect(("127.0.0.1", port)).ok()
            };
            wait(LIMIT, open).expect("the port opens");
        }
    }

    /// Writes `synchronizer.toml`.
    pub(crate) fn describe(&self, more: &str) -> PathBuf {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let mut text = format!(
            "name = \"apart\"\n{more}\n[[sequencers]]\nname = \"first\"\nadmin = \"{}\"\npublic = \"{}\"\n",
            url(self.base + 1),
            url(self.base)
        );
        for (index, _) in (0..).zip(&self.mediators) {
            text += &format!("[[mediators]]\nname = \"m{index}\"\nadmin = \"{}\"\n", url(self.mediator_port(index)));
        }
        let path = self.dir.path().join("synchronizer.toml");
        fs::write(&path, text).expect("written");
        path
    }

    /// Founds the synchronizer; its id.
    pub(crate) fn bootstrap(&self, description: &Path) -> String {
        let done = synod(&["bootstrap", "-c", &description.display().to_string()]);
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(0), "{out}{err}");
        out.lines().last().expect("a line").to_owned()
    }

    /// How the nodes are, and whether all are fit.
    fn status(&self, description: &Path) -> (serde_json::Value, Option<i32>) {
        let told = synod(&["status", "-c", &description.display().to_string(), "--json"]);
        (serde_json::from_slice(&told.stdout).expect("JSON"), told.status.code())
    }

    /// Members register, send, receive, and have a transaction approved.
    fn probe(&self) {
        let probed = synod(&["probe", &format!("http://127.0.0.1:{}", self.base), "--json"]);
        let out = String::from_utf8_lossy(&probed.stdout);
        let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(found["ok"], true, "{found}");
        assert!(found["approved_in_ms"].is_u64(), "{found}");
    }

    fn kill_mediator(&mut self, index: usize) {
        self.mediators[index].take().expect("it runs").kill();
    }

    fn restart_mediator(&mut self, index: u16) {
        let process = self.run("mediator", &format!("mediator{index}"));
        self.mediators[usize::from(index)] = Some(process);
        self.wait_until_open();
    }

    pub(crate) fn restart_sequencer(&mut self) {
        self.sequencer.take().expect("it runs").kill();
        self.sequencer = Some(self.run("sequencer", "sequencer"));
        self.wait_until_open();
    }

    pub(crate) fn stop(mut self) {
        for process in self.mediators.drain(..).flatten().chain(self.sequencer.take()) {
            assert_eq!(process.terminate(STOP_LIMIT), Some(0));
        }
    }
}

/// The first verdicts that a mediator tells, in the order of their requests.
async fn verdicts(port: u16, count: usize) -> Vec<Verdict> {
    let mut inspection = MediatorInspectionServiceClient::new(connect(port).await);
    let mut found = Vec::new();
    let reading = async {
        // Not served before the mediator runs again.
        let mut stream = loop {
            match inspection.verdicts(VerdictsRequest::default()).await {
                Ok(stream) => break stream.into_inner(),
                Err(status) => assert_eq!(status.code(), tonic::Code::Unimplemented, "{status}"),
            }
        };
        while found.len() < count {
            let response = stream.message().await.expect("a stream").expect("it does not end");
            match response.payload {
                Some(Payload::Verdict(verdict)) => found.push(verdict),
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(LIMIT, reading).await.expect("verdicts in time");
    found
}

#[test]
fn nodes_apart_are_founded_from_a_file_and_survive_kills() {
    let mut nodes = Nodes::start(1);
    let description = nodes.describe("");
    let (waiting, code) = nodes.status(&description);
    assert_eq!((code, &waiting["nodes"][1]["state"]), (Some(1), &"waiting".into()), "{waiting}");
    let synchronizer = nodes.bootstrap(&description);
    let (running, code) = nodes.status(&description);
    assert_eq!((code, &running["ok"]), (Some(0), &true.into()), "{running}");
    for node in running["nodes"].as_array().expect("nodes") {
        assert_eq!(node["synchronizer_id"], synchronizer.as_str(), "{running}");
    }
    assert!(synchronizer.starts_with("apart::1220") && synchronizer.ends_with("::35-0"), "{synchronizer}");
    nodes.probe();
    assert_eq!(nodes.bootstrap(&description), synchronizer, "a second run changes nothing");

    nodes.kill_mediator(0);
    let (killed, code) = nodes.status(&description);
    assert_eq!((code, &killed["nodes"][1]["state"]), (Some(1), &"unreachable".into()), "{killed}");
    nodes.restart_mediator(0);
    nodes.probe();
    nodes.restart_sequencer();
    nodes.probe();

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let verdicts = runtime.block_on(verdicts(nodes.mediator_port(0), 3));
    assert!(verdicts.iter().all(|verdict| verdict.verdict() == VerdictResult::Accepted), "{verdicts:?}");
    assert!(verdicts.iter().all(|verdict| verdict.update_id.starts_with("1220")), "{verdicts:?}");
    let times: Vec<_> =
        verdicts.iter().map(|verdict| verdict.record_time).map(|time| time.map(|at| (at.seconds, at.nanos))).collect();
    assert!(times.is_sorted(), "{times:?}");
    nodes.stop();
}

#[test]
fn mediators_of_a_group_decide_together() {
    let nodes = Nodes::start(2);
    nodes.bootstrap(&nodes.describe("mediator_threshold = 2"));
    nodes.probe();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let told = [0, 1].map(|index| runtime.block_on(verdicts(nodes.mediator_port(index), 1)));
    assert_eq!(told[0], told[1], "both have decided alike");
    nodes.stop();
}

#[test]
fn all_mistakes_of_a_description_are_told_at_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("synchronizer.toml");
    let text = "name = \"a b\"\nprotocol_version = 34\nowners = [\"nobody\"]\nmediator_threshold = 2\n\
                [[sequencers]]\nname = \"s\"\nadmin = \"127.0.0.1:1\"\npublic = \"http://127.0.0.1:2\"\n\
                [[mediators]]\nname = \"s\"\nadmin = \"http://127.0.0.1:3\"\n";
    fs::write(&path, text).expect("written");
    let refused = synod(&["bootstrap", "-c", &path.display().to_string()]);
    assert_eq!(refused.status.code(), Some(78));
    let told = String::from_utf8_lossy(&refused.stderr);
    for key in ["name", "protocol_version", "owners", "mediator_threshold", "sequencers"] {
        assert!(told.contains(key), "{key} is missing in:\n{told}");
    }
}

#[test]
fn a_running_mediator_is_administered() {
    let nodes = Nodes::start(1);
    nodes.bootstrap(&nodes.describe(""));
    nodes.probe();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let port = nodes.mediator_port(0);
    runtime.block_on(async {
        connections_are_replaced_or_kept(port).await;
        pruning_has_a_limit(port).await;
        the_time_is_told(port).await;
    });
    nodes.probe();
    nodes.stop();
}

async fn connect(port: u16) -> Channel {
    let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL");
    endpoint.connect().await.expect("connects")
}

async fn connections_are_replaced_or_kept(port: u16) {
    let mut service = SequencerConnectionServiceClient::new(connect(port).await);
    let get = service.get_connection(GetConnectionRequest {}).await.expect("answers").into_inner();
    let connections = get.sequencer_connections.expect("set");
    assert_eq!(connections.sequencer_connections.len(), 1);
    let mut nowhere = connections.clone();
    let Some(Type::Grpc(grpc)) = &mut nowhere.sequencer_connections[0].r#type else { panic!("no connection") };
    grpc.connections = vec!["http://127.0.0.1:1".to_owned()];
    let set = |connections| SetConnectionRequest {
        sequencer_connections: Some(connections),
        sequencer_connection_validation: SequencerConnectionValidation::ThresholdActive.into(),
    };
    let refused = service.set_connection(set(nowhere)).await.expect_err("nobody is there");
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition, "{refused}");
    let get = service.get_connection(GetConnectionRequest {}).await.expect("answers").into_inner();
    assert_eq!(get.sequencer_connections, Some(connections.clone()), "the old ones stay");
    service.set_connection(set(connections)).await.expect("the same are accepted");
    // The mediator logs in again by itself.
    service.logout(LogoutRequest {}).await.expect("logged out");
}

async fn pruning_has_a_limit(port: u16) {
    let first = verdicts(port, 1).await.remove(0).record_time;
    let mut service = MediatorAdministrationServiceClient::new(connect(port).await);
    let found = service.find_pruning_timestamp(FindPruningTimestampRequest { index: 1 }).await.expect("answers");
    assert_eq!(found.into_inner().timestamp, first);
    let refused = service.prune(PruneRequest { timestamp: first }).await.expect_err("responses may still come");
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused}");
    let none = service.get_schedule(GetScheduleRequest {}).await.expect("answers").into_inner();
    assert_eq!(none.schedule, None);
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let schedule =
        PruningSchedule { cron: "0 0 3 * * ?".to_owned(), max_duration: seconds(60), retention: seconds(86_400) };
    service.set_schedule(SetScheduleRequest { schedule: Some(schedule.clone()) }).await.expect("set");
    let stored = service.get_schedule(GetScheduleRequest {}).await.expect("answers").into_inner();
    assert_eq!(stored.schedule, Some(schedule));
}

async fn the_time_is_told(port: u16) {
    let mut service = SynchronizerTimeServiceClient::new(connect(port).await);
    let fetch = |seconds| FetchTimeRequest {
        synchronizer: None,
        freshness_bound: Some(prost_types::Duration { seconds, nanos: 0 }),
    };
    let old = service.fetch_time(fetch(3_600)).await.expect("answers").into_inner().timestamp.expect("set");
    let new = service.fetch_time(fetch(0)).await.expect("answers").into_inner().timestamp.expect("set");
    assert!((new.seconds, new.nanos) > (old.seconds, old.nanos), "{old:?} {new:?}");
    let request = AwaitTimeRequest { synchronizer: None, timestamp: Some(new) };
    service.await_time(request).await.expect("it has passed");
}
