//! Nodes whose database, or whose sequencer, goes away and comes back, or does not.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use synod_proto::admin::health::v30::component_status::Status as ComponentState;
use synod_proto::admin::health::v30::{ComponentStatus, Status};
use synod_proto::admin::mediator::v30::{MediatorStatusRequest, mediator_status_response};
use synod_proto::admin::sequencer::v30::{SequencerStatusRequest, sequencer_status_response};
use synod_rpc::admin::mediator::v30::mediator_status_service_client::MediatorStatusServiceClient;
use synod_rpc::admin::sequencer::v30::sequencer_status_service_client::SequencerStatusServiceClient;
use synod_testkit::postgres::TestServer;
use tempfile::TempDir;
use tonic::Streaming;
use tonic::transport::Channel;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::support::{Process, next_port_base, synod, wait};

const LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// A node that does not wait long.
const IMPATIENT: [(&str, &str); 2] =
    [("SYNOD_STORAGE__FAILED_TO_FATAL_DELAY_MS", "3000"), ("SYNOD_SEQUENCER_CLIENT__FAILED_TO_FATAL_DELAY_MS", "5000")];

/// A sequencer and a mediator, each in a process of its own.
struct Pair {
    dir: TempDir,
    base: u16,
}

impl Pair {
    /// Their configurations; `url` tells the database of each.
    fn new(url: impl Fn(&str) -> String) -> Self {
        let pair = Self { dir: tempfile::tempdir().expect("a directory"), base: next_port_base() };
        let (base, health) = (pair.base, |port| format!("[monitoring]\ngrpc_health_port = {port}\n"));
        let public = format!("[public_api]\nport = {base}\n{}", health(base + 3));
        pair.write("sequencer", &url("sequencer"), base + 1, &public);
        pair.write("mediator", &url("mediator"), base + 2, &health(base + 4));
        let describe = format!(
            "name = \"outages\"\n[[sequencers]]\nname = \"s\"\nadmin = \"http://127.0.0.1:{}\"\n\
             public = \"http://127.0.0.1:{base}\"\n[[mediators]]\nname = \"m\"\nadmin = \"http://127.0.0.1:{}\"\n",
            base + 1,
            base + 2
        );
        fs::write(pair.path("synchronizer"), describe).expect("written");
        pair
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.toml"))
    }

    fn write(&self, name: &str, url: &str, admin: u16, more: &str) {
        let text = format!("name = \"{name}\"\n[storage]\nurl = \"{url}\"\n[admin_api]\nport = {admin}\n{more}\n");
        fs::write(self.path(name), text).expect("written");
    }

    fn run(&self, name: &str, variables: &[(&str, &str)]) -> Process {
        let config = self.path(name).display().to_string();
        let no_ports = [("SYNOD_MONITORING__HTTP_HEALTH_PORT", "0"), ("SYNOD_MONITORING__METRICS_PORT", "0")];
        let log = self.dir.path().join(format!("{name}.log"));
        Process::start_with(&[name, "-c", &config], &[&no_ports, variables].concat(), &log)
    }

    /// Starts both, and founds the synchronizer.
    fn start(&self) -> (Process, Process) {
        let mut both = (self.run("sequencer", &[]), self.run("mediator", &[]));
        self.wait_for_port(self.base + 1, &mut both.0);
        self.wait_for_port(self.base + 2, &mut both.1);
        let done = synod(&["bootstrap", "-c", &self.path("synchronizer").display().to_string()]);
        assert_eq!(done.status.code(), Some(0), "{done:?}");
        both
    }

    fn wait_for_port(&self, port: u16, process: &mut Process) {
        let open = || {
            process.assert_runs();
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        };
        wait(LIMIT, open).expect("the port opens");
    }

    /// Members register, send, receive, and have a transaction approved.
    fn probe(&self) {
        let probed = synod(&["probe", &format!("http://127.0.0.1:{}", self.base), "--json"]);
        let found: serde_json::Value = serde_json::from_slice(&probed.stdout).expect("JSON");
        assert_eq!(found["ok"], true, "{found}");
        assert!(found["approved_in_ms"].is_u64(), "{found}");
    }

    async fn channel(&self, offset: u16) -> Channel {
        let url = format!("http://127.0.0.1:{}", self.base + offset);
        Channel::from_shared(url).expect("a URL").connect().await.expect("connects")
    }

    /// Follows the health of a node.
    async fn watch(&self, kind: &str, offset: u16) -> Watch {
        let mut health = HealthClient::new(self.channel(offset).await);
        let request = HealthCheckRequest { service: kind.to_owned() };
        Watch(health.watch(request).await.expect("watches").into_inner())
    }

    async fn sequencer_components(&self) -> Vec<ComponentStatus> {
        let mut client = SequencerStatusServiceClient::new(self.channel(1).await);
        let answer = client.sequencer_status(SequencerStatusRequest {}).await.expect("answers").into_inner();
        let Some(sequencer_status_response::Kind::Status(status)) = answer.kind else { panic!("{answer:?}") };
        components(status.common_status)
    }

    async fn mediator_components(&self) -> Vec<ComponentStatus> {
        let mut client = MediatorStatusServiceClient::new(self.channel(2).await);
        let answer = client.mediator_status(MediatorStatusRequest {}).await.expect("answers").into_inner();
        let Some(mediator_status_response::Kind::Status(status)) = answer.kind else { panic!("{answer:?}") };
        components(status.common_status)
    }
}

fn components(status: Option<Status>) -> Vec<ComponentStatus> {
    status.expect("set").components
}

/// The health of one node, as it changes.
struct Watch(Streaming<HealthCheckResponse>);

impl Watch {
    async fn until(&mut self, wanted: ServingStatus) {
        let seen = async {
            loop {
                let next = self.0.message().await.expect("it goes on").expect("it goes on");
                if next.status() == wanted {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("never {wanted:?}"));
    }
}

fn has_failed(components: &[ComponentStatus], name: &str) -> bool {
    let named = components.iter().find(|component| component.name == name).expect("a component");
    matches!(named.status, Some(ComponentState::Failed(_)))
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

/// Returns when nothing has been committed for a while: a commit that is lost on its way ends a node.
fn wait_until_idle(server: &TestServer) {
    let state = || {
        let of = |database: &str, sql: &str| server.sql(database, sql).expect("answers");
        let blocks = of("sequencer", "SELECT height FROM head");
        blocks + &of("mediator", "SELECT head, prehead FROM mediator_progress")
    };
    let (mut before, mut same) = (state(), 0);
    wait(LIMIT, || {
        let now = state();
        same = if now == before { same + 1 } else { 0 };
        before = now;
        (same > 20).then_some(())
    })
    .expect("the nodes come to rest");
}

#[test]
fn nodes_wait_for_their_database_and_go_on() {
    let mut server = TestServer::start().expect("a server");
    let pair = Pair::new(|name| server.create_database(name).expect("a database"));
    let (mut sequencer, mut mediator) = pair.start();
    pair.probe();
    wait_until_idle(&server);
    server.stop().expect("it stops");
    run(async {
        let mut watches = (pair.watch("sequencer", 3).await, pair.watch("mediator", 4).await);
        watches.0.until(ServingStatus::NotServing).await;
        watches.1.until(ServingStatus::NotServing).await;
        assert!(has_failed(&pair.sequencer_components().await, "db-storage"));
        assert!(has_failed(&pair.mediator_components().await, "db-storage"));
        server.start_again().expect("it starts");
        watches.0.until(ServingStatus::Serving).await;
        watches.1.until(ServingStatus::Serving).await;
        assert!(!has_failed(&pair.sequencer_components().await, "db-storage"));
    });
    sequencer.assert_runs();
    mediator.assert_runs();
    pair.probe();
    assert_eq!(mediator.terminate(STOP_LIMIT), Some(0));
    assert_eq!(sequencer.terminate(STOP_LIMIT), Some(0));
}

#[test]
fn nodes_that_wait_too_long_for_their_database_end() {
    let mut server = TestServer::start().expect("a server");
    let pair = Pair::new(|name| server.create_database(name).expect("a database"));
    let (sequencer, mediator) = pair.start();
    assert_eq!(mediator.terminate(STOP_LIMIT), Some(0));
    assert_eq!(sequencer.terminate(STOP_LIMIT), Some(0));
    let (mut sequencer, mut mediator) = (pair.run("sequencer", &IMPATIENT[..1]), pair.run("mediator", &IMPATIENT[..1]));
    pair.wait_for_port(pair.base, &mut sequencer);
    pair.wait_for_port(pair.base + 2, &mut mediator);
    run(async { pair.watch("mediator", 4).await.until(ServingStatus::Serving).await });
    wait_until_idle(&server);
    server.stop().expect("it stops");
    for mut process in [sequencer, mediator] {
        assert_eq!(process.exit_code(LIMIT), Some(70));
        assert!(process.log().contains("the database could not be reached for more than 3000 ms"), "{}", process.log());
    }
}

#[test]
fn a_mediator_waits_for_its_sequencer_and_goes_on_or_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let pair = Pair::new(|name| format!("sqlite://{}", dir.path().join(name).display()));
    let (sequencer, mediator) = pair.start();
    let sequencer = run(async {
        let mut watch = pair.watch("mediator", 4).await;
        watch.until(ServingStatus::Serving).await;
        sequencer.kill();
        watch.until(ServingStatus::NotServing).await;
        assert!(has_failed(&pair.mediator_components().await, "sequencer-client"));
        let sequencer = pair.run("sequencer", &[]);
        watch.until(ServingStatus::Serving).await;
        sequencer
    });
    pair.probe();
    assert_eq!(mediator.terminate(STOP_LIMIT), Some(0));

    let mut mediator = pair.run("mediator", &IMPATIENT[1..]);
    pair.wait_for_port(pair.base + 4, &mut mediator);
    run(async { pair.watch("mediator", 4).await.until(ServingStatus::Serving).await });
    sequencer.kill();
    assert_eq!(mediator.exit_code(LIMIT), Some(70));
    assert!(mediator.log().contains("too few sequencers could be used for more than 5000 ms"), "{}", mediator.log());
}

#[test]
fn a_database_that_is_refused_is_a_mistake_in_the_configuration() {
    let dir = tempfile::tempdir().expect("a directory");
    let pair = Pair::new(|name| format!("sqlite://{}", dir.path().join("missing").join(name).display()));
    for name in ["sequencer", "mediator"] {
        let mut process = pair.run(name, &[]);
        assert_eq!(process.exit_code(LIMIT), Some(78));
    }
}
