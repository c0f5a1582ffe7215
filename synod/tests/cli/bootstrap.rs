//! A synchronizer of nodes in processes of their own, founded from a file.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use synod_proto::mediator::admin::v30::verdicts_response::Payload;
use synod_proto::mediator::admin::v30::{Verdict, VerdictResult, VerdictsRequest};
use synod_rpc::mediator::admin::v30::mediator_inspection_service_client::MediatorInspectionServiceClient;
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
        let dir = tempfile::tempdir().expect("a directory");
        let mut nodes = Self { dir, base: next_port_base(), sequencer: None, mediators: Vec::new() };
        nodes.write("sequencer", &format!("[public_api]\nport = {}", nodes.base), nodes.base + 1);
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
    let channel = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL").connect().await;
    let mut inspection = MediatorInspectionServiceClient::new(channel.expect("connects"));
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
    let synchronizer = nodes.bootstrap(&description);
    assert!(synchronizer.starts_with("apart::1220") && synchronizer.ends_with("::35-0"), "{synchronizer}");
    nodes.probe();
    assert_eq!(nodes.bootstrap(&description), synchronizer, "a second run changes nothing");

    nodes.kill_mediator(0);
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
