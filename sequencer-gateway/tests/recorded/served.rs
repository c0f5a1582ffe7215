//! The recorded genesis of a real Canton, served with the keys that its sequencer had and a simulated clock.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use synod_crypto::SigningPrivateKey;
use synod_machine::{Checkpoint, Machine, genesis};
use synod_ordering::{BlockLimits, IntakeLimits, LocalOrdering, SimulatedClock};
use synod_proto::crypto::v30::SigningPrivateKey as SigningPrivateKeyProto;
use synod_proto::sequencer::admin::v30::InitializeSequencerFromGenesisStateV2Request;
use synod_runtime::MetricsRegistry;
use synod_sequencer_gateway::{Gateway, GatewayHandle, GatewayMetrics, GatewayParts, GatewaySettings, PrivateKeys};
use synod_testkit::fields;
use synod_testkit::nodes::NodeParts;
use synod_testkit::recordings::{Call, Recording};
use synod_types::{CantonTimestamp, SequencerId, UniqueIdentifier};
use synod_wire::versioned;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use crate::raw::{self, Answer};

/// Longest wait for a registration.
const ACTIVE_LIMIT: Duration = Duration::from_secs(30);
/// `VerifyActiveResponse`: success, active.
const ACTIVE: Bytes = Bytes::from_static(&[0x0a, 0x02, 0x08, 0x01]);

pub(crate) fn recording(name: &str) -> Recording {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings").join(name);
    Recording::open(&folder).expect("a recording")
}

/// The state that the recorded Console initialized the sequencer with.
fn recorded_genesis(recording: &Recording) -> Checkpoint {
    let calls = recording.calls("console-sequencer1-admin").expect("calls of the Console");
    let call = calls.iter().find(|call| call.method_name() == "InitializeSequencerFromGenesisStateV2");
    let parts = call.expect("it was initialized").requests.iter().map(|request| {
        let bytes = request.bytes.clone().expect("not left out");
        InitializeSequencerFromGenesisStateV2Request::decode(bytes).expect("a message")
    });
    let parts: Vec<_> = parts.collect();
    let topology: Vec<u8> = parts.iter().flat_map(|part| part.topology_snapshot.to_vec()).collect();
    let parameters = parts[0].synchronizer_parameters.clone().expect("parameters").encode_to_vec();
    genesis(&versioned::wrap(30, &parameters), &topology.into()).expect("what Canton accepted")
}

fn recorded_sequencer(recording: &Recording) -> SequencerId {
    let rows = recording.table("sequencer1", "common_node_id").expect("a table");
    let text = |field| fields::text(&rows[0], field).expect("a text").to_owned();
    let uid = format!("{}::{}", text("identifier"), text("namespace"));
    SequencerId::new(UniqueIdentifier::parse(&uid).expect("an identifier"))
}

fn recorded_keys(recording: &Recording) -> Vec<SigningPrivateKey> {
    let rows = recording.table("sequencer1", "common_crypto_private_keys").expect("a table");
    let key = |row| {
        let data = versioned::unwrap(&fields::bytes(row, "data").expect("bytes")).expect("a versioned key").data;
        let proto = SigningPrivateKeyProto::decode(data).expect("a key");
        SigningPrivateKey::from_proto(&proto).expect("a key that signs")
    };
    rows.iter().map(key).collect()
}

/// A sequencer in this process that is the recorded one.
pub(crate) struct Served {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) channel: Channel,
    pub(crate) handle: GatewayHandle,
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
    _folder: TempDir,
}

impl Served {
    pub(crate) async fn start(recording: &Recording) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("node.db").display());
        let machine = Machine::new(NonZeroUsize::MIN);
        let parts = NodeParts::open_with(machine, &url, &recorded_genesis(recording)).await;
        let NodeParts { store, executor, committer, log } = parts;
        let clock = Arc::new(SimulatedClock::new(CantonTimestamp::EPOCH));
        let (sequencer, head) = (recorded_sequencer(recording), committer.head());
        let limits = (IntakeLimits::default(), BlockLimits::default());
        let (orderer, ordering) = LocalOrdering::new(executor, committer, sequencer.clone(), clock.clone(), limits);
        let metrics = MetricsRegistry::new("sequencer1", "sequencer", "test").expect("a registry");
        let gateway = Gateway::new(GatewayParts {
            sequencer,
            head,
            orderer: Arc::new(orderer),
            events: log,
            store,
            keys: PrivateKeys::new(recorded_keys(recording)),
            clock: clock.clone(),
            settings: GatewaySettings { node_name: "sequencer1".to_owned(), ..GatewaySettings::default() },
            metrics: GatewayMetrics::register(&metrics).expect("good names"),
        });
        let gateway = gateway.await.expect("a gateway");
        let handle = gateway.handle();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let (stopped, ordering_stop) = (stop.clone().cancelled_owned(), stop.clone());
        let tasks = [
            tokio::spawn(async move { gateway.serve(listener, stopped).await.expect("a clean end of the gateway") }),
            tokio::spawn(async move { ordering.run(ordering_stop).await.expect("a clean end of ordering") }),
        ];
        let endpoint = Endpoint::try_from(format!("http://{address}")).expect("an address");
        let channel = endpoint.connect().await.expect("it listens");
        Self { clock, channel, handle, stop, tasks, _folder: folder }
    }

    /// Sends a recorded call at its time, with its metadata as `substitute` has it.
    pub(crate) async fn send(&self, call: &Call, substitute: impl Fn(&Bytes) -> Bytes) -> Answer {
        self.send_at(call.opened_us, call, substitute).await
    }

    /// Sends a recorded call at this time, microseconds since the epoch.
    pub(crate) async fn send_at(&self, now_us: i64, call: &Call, substitute: impl Fn(&Bytes) -> Bytes) -> Answer {
        self.clock.set(time(now_us));
        raw::call(&self.channel, call, substitute).await
    }

    /// Sends a recorded call at its time as it is, and compares the answer.
    pub(crate) async fn replay(&self, call: &Call) {
        let answer = self.send(call, Bytes::clone).await;
        let expected = call.responses[0].bytes.clone().expect("not left out");
        assert_eq!(answer.messages, [expected], "{} (call {}): {:?}", call.method, call.rpc, answer.status);
        assert_eq!(call.end.as_ref().map(|end| end.status.as_str()), Some("OK"));
    }

    /// Asks as the first of `calls` that was told that its member is active, at the time of it, until it is.
    pub(crate) async fn until_active(&self, calls: &[&Call]) {
        let is_active = |call: &&&Call| call.responses.first().is_some_and(|answer| answer.bytes == Some(ACTIVE));
        let call = calls.iter().find(is_active).expect("it became active");
        let waiting = async {
            while self.send(call, Bytes::clone).await.messages != [ACTIVE] {
                tokio::task::yield_now().await;
            }
        };
        timeout(ACTIVE_LIMIT, waiting).await.expect("the registration becomes active in time");
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("no panic");
        }
    }
}

pub(crate) fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::EPOCH.saturating_add_micros(micros)
}
