//! A consortium of operators with real CometBFT, run as its users do: founded by `synod localnet --bft`, then one
//! `synod sequencer` for each operator.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use synod_client::{
    ConnectOptions, MemberIdentity, OnboardingLimits, SequencerConnection, Session, Submission, max_sequencing_time,
};
use synod_types::{MessageId, Recipient};
use synod_wire::{Batch, Envelope, Recipients};
use tokio::time::timeout;

use crate::support::{Localnet, Process, next_port_base, synod};

/// A network is founded, or serves again, within this time, also on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(120);
/// A signal ends a process within this time.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// What was sent is delivered within this time.
const DELIVERY_LIMIT: Duration = Duration::from_secs(120);

/// The sequencers of a consortium, each in a process of its own.
struct Operators {
    dir: PathBuf,
    urls: Vec<String>,
    processes: Vec<Option<Process>>,
}

impl Operators {
    fn new(dir: PathBuf, ready: &serde_json::Value) -> Self {
        let sequencers = ready["sequencers"].as_array().expect("a list");
        let url =
            |sequencer: &serde_json::Value| format!("http://{}", sequencer["public"].as_str().expect("an address"));
        let urls: Vec<_> = sequencers.iter().map(url).collect();
        let processes = urls.iter().map(|_| None).collect();
        Self { dir, urls, processes }
    }

    fn start(&mut self, index: usize) {
        let dir = self.dir.join(format!("sequencer{}", index + 1));
        let config = dir.join("sequencer.toml").display().to_string();
        self.processes[index] = Some(Process::start(&["sequencer", "-c", &config], &dir.join("log")));
    }

    fn take(&mut self, index: usize) -> Process {
        self.processes[index].take().expect("it runs")
    }

    /// A connection to an operator's sequencer, as soon as it serves.
    async fn connect(&mut self, index: usize) -> SequencerConnection {
        let process = self.processes[index].as_mut().expect("it runs");
        let connecting = async {
            loop {
                process.assert_runs();
                match SequencerConnection::open(&self.urls[index], &ConnectOptions::default()).await {
                    Ok(connection) => return connection,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        match timeout(READY_LIMIT, connecting).await {
            Ok(connection) => connection,
            Err(_) => panic!("operator {index} does not serve within {READY_LIMIT:?}"),
        }
    }
}

/// One member, known to all sequencers.
struct Sender {
    identity: Arc<MemberIdentity>,
    sessions: Vec<Session>,
}

impl Sender {
    async fn register(connections: &[SequencerConnection]) -> Self {
        let identity = MemberIdentity::fresh_participant("sender").expect("made");
        connections[0].onboard(&identity, OnboardingLimits::default()).await.expect("registered");
        for connection in connections {
            connection.await_active(&identity, OnboardingLimits::default()).await.expect("known everywhere");
        }
        let identity = Arc::new(identity);
        let sessions =
            connections.iter().map(|connection| Session::new(connection.clone(), Arc::clone(&identity))).collect();
        Self { identity, sessions }
    }

    fn submission(&self, message_id: &str) -> Submission {
        let recipients = Recipients::group([Recipient::Member(self.identity.member().clone())]).expect("one");
        let envelope = Envelope { content: Bytes::from(vec![7; 300]), signatures: Vec::new() };
        let version = self.sessions[0].connection().psid().protocol_version();
        let batch = Batch::new(version, vec![(envelope, recipients)]);
        let message_id = MessageId::parse(message_id).expect("short");
        Submission::new(message_id, batch, max_sequencing_time(Duration::from_secs(300)))
    }

    /// Sends messages of these numbers to these sequencers in turn.
    async fn send(&self, numbers: std::ops::Range<usize>, sequencers: &[usize]) {
        let sends = numbers.map(|number| {
            let session = &self.sessions[sequencers[number % sequencers.len()]];
            session.send(self.submission(&name(number)))
        });
        futures::future::try_join_all(sends).await.expect("all are accepted");
    }

    /// The bytes of the member's events from one sequencer, from the beginning to the last of these messages.
    async fn read(&self, sequencer: usize, messages: usize) -> Vec<Bytes> {
        let mut missing: BTreeSet<String> = (0..messages).map(name).collect();
        let mut events = Vec::new();
        let reading = async {
            let mut stream = self.sessions[sequencer].subscribe(None, Vec::new()).await.expect("subscribed");
            while !missing.is_empty() {
                let received = stream.next().await.expect("no error").expect("the stream goes on");
                if let Some(message_id) = &received.event.message_id {
                    assert!(missing.remove(message_id.as_str()), "{message_id:?} was there before");
                }
                events.push(received.bytes);
            }
        };
        if timeout(DELIVERY_LIMIT, reading).await.is_err() {
            panic!("sequencer {sequencer}: {} of {messages} messages are missing", missing.len());
        }
        events
    }

    async fn assert_equal_everywhere(&self, sequencers: &[usize], messages: usize) {
        let first = self.read(sequencers[0], messages).await;
        for sequencer in &sequencers[1..] {
            assert!(self.read(*sequencer, messages).await == first, "sequencer {sequencer} delivers something else");
        }
    }
}

fn name(number: usize) -> String {
    format!("message-{number}")
}

fn text_of(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_operators_deliver_the_same_and_one_may_be_killed() {
    let mut net = Localnet::start(&["--bft", "4", "--once"]);
    let ready = net.wait_until_ready(READY_LIMIT);
    assert_eq!(net.exit_code(READY_LIMIT), Some(0));
    assert_eq!(ready["sequencers"].as_array().map(Vec::len), Some(4), "{ready}");
    assert_eq!(ready["cometbft"].as_array().map(Vec::len), Some(4), "{ready}");

    let mut operators = Operators::new(net.dir(), &ready);
    let mut connections = Vec::new();
    (0..4).for_each(|index| operators.start(index));
    for index in 0..4 {
        connections.push(operators.connect(index).await);
    }
    assert_eq!(ready["synchronizer_id"].as_str(), Some(connections[3].psid().to_string().as_str()));
    let mut sender = Sender::register(&connections).await;
    sender.send(0..200, &[0, 1, 2, 3]).await;
    sender.assert_equal_everywhere(&[0, 1, 2, 3], 200).await;

    operators.take(3).kill();
    sender.send(200..240, &[0, 1, 2]).await;
    sender.assert_equal_everywhere(&[0, 1, 2], 240).await;

    operators.start(3);
    sender.sessions[3] = Session::new(operators.connect(3).await, Arc::clone(&sender.identity));
    sender.send(240..260, &[3]).await;
    sender.assert_equal_everywhere(&[0, 1, 2, 3], 260).await;
    for index in 0..4 {
        assert_eq!(operators.take(index).terminate(STOP_LIMIT), Some(0), "operator {index}");
    }
}

#[test]
fn a_killed_decentralized_network_resumes_as_the_same_synchronizer() {
    let mut net = Localnet::start(&["--bft", "2"]);
    let before = net.wait_until_ready(READY_LIMIT);
    let rpc = before["cometbft"][1]["rpc"].as_str().expect("an address");
    assert!(std::net::TcpStream::connect(rpc).is_ok(), "CometBFT answers at {rpc}");
    let home = Path::new(before["cometbft"][1]["home"].as_str().expect("a path"));
    assert!(home.join("config/genesis.json").is_file());
    net.kill();
    net.restart();
    let after = net.wait_until_ready(READY_LIMIT);
    assert_eq!(before["synchronizer_id"], after["synchronizer_id"]);
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
}

#[test]
fn without_cometbft_the_error_says_how_to_install_it() {
    let folder = tempfile::tempdir().expect("a directory");
    let (dir, empty) = (folder.path().join("net"), folder.path().display().to_string());
    let dir = dir.display().to_string();
    let base = next_port_base().to_string();
    let output = synod(&["localnet", "--dir", &dir, "--bft", "1", "--cometbft", &empty, "--port-base", &base]);
    assert!(!output.status.success());
    let text = text_of(&output.stderr);
    assert!(text.contains("go install github.com/cometbft/cometbft/cmd/cometbft@v0.38.25"), "{text}");
}

#[test]
fn an_operator_needs_the_keys_that_the_others_know() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let init = |home: &str, name: &str| {
        let home = path(home);
        synod(&["init", "operator", "--home", &home, "--name", name, "--p2p-address", "127.0.0.1:26656"])
    };
    let made = init("home", "alpha");
    assert!(made.status.success(), "{made:?}");
    assert_eq!(text_of(&made.stdout), text_of(&init("home", "alpha").stdout), "a second run prints the same");
    assert!(init("other", "beta").status.success());
    assert!(text_of(&init("third", "no name").stderr).contains("letters, digits"));
    assert!(!Path::new(&path("third")).exists(), "nothing is made for a name that cannot be used");

    std::fs::write(path("operators.toml"), &made.stdout).expect("written");
    let start = |operator: &str, home: &str| {
        let config = format!(
            "[storage]\nurl = 'sqlite://{}'\n[public_api]\nport = 0\n[admin_api]\nport = 0\n[cometbft]\n\
             operator = '{operator}'\noperators_file = '{}'\nhome = '{}'\n",
            path("node.db"),
            path("operators.toml"),
            path(home)
        );
        std::fs::write(path("sequencer.toml"), config).expect("written");
        let output = synod(&["sequencer", "-c", &path("sequencer.toml")]);
        assert_eq!(output.status.code(), Some(78), "{output:?}");
        text_of(&output.stderr)
    };
    assert!(start("alpha", "other").contains("`cometbft.home` has other keys than `alpha`"));
    assert!(start("beta", "home").contains("`cometbft.operator` is not in"));
    assert!(start("alpha", "third").contains("synod init operator --home"));
}
