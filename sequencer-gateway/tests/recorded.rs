//! The recorded genesis of a real Canton, served with the keys that its sequencer had and a simulated clock: what its
//! participants sent to connect gets the recorded answers, and their registrations become active (`pv35-basic`).

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
use synod_rpc::sequencer::api::v30::sequencer_connect_service_client::SequencerConnectServiceClient;
use synod_runtime::MetricsRegistry;
use synod_sequencer_gateway::{Gateway, GatewayMetrics, GatewayParts, GatewaySettings, PrivateKeys};
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
use tonic::Request;
use tonic::metadata::{MetadataKey, MetadataValue};
use tonic::transport::Channel;

type Connect = SequencerConnectServiceClient<Channel>;

/// Longest wait for a registration.
const ACTIVE_LIMIT: Duration = Duration::from_secs(30);
/// `VerifyActiveResponse`: success, active.
const ACTIVE: Bytes = Bytes::from_static(&[0x0a, 0x02, 0x08, 0x01]);

fn recording() -> Recording {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-basic");
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

struct Served {
    clock: Arc<SimulatedClock>,
    connect: Connect,
    stop: CancellationToken,
    tasks: [JoinHandle<()>; 2],
    _folder: TempDir,
}

impl Served {
    async fn start(recording: &Recording) -> Self {
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
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stop = CancellationToken::new();
        let (stopped, ordering_stop) = (stop.clone().cancelled_owned(), stop.clone());
        let tasks = [
            tokio::spawn(async move { gateway.serve(listener, stopped).await.expect("a clean end of the gateway") }),
            tokio::spawn(async move { ordering.run(ordering_stop).await.expect("a clean end of ordering") }),
        ];
        let connect = Connect::connect(format!("http://{address}")).await.expect("it listens");
        Self { clock, connect, stop, tasks, _folder: folder }
    }

    /// Sends a recorded call at its time, with its metadata, and compares the answer.
    async fn replay(&mut self, call: &Call) {
        self.clock.set(time(call.opened_us));
        let answer = match call.method_name() {
            "GetSynchronizerId" => encoded(self.connect.get_synchronizer_id(request(call)).await),
            "GetSynchronizerParameters" => encoded(self.connect.get_synchronizer_parameters(request(call)).await),
            "Handshake" => encoded(self.connect.handshake(request(call)).await),
            "VerifyActive" => encoded(self.connect.verify_active(request(call)).await),
            "RegisterOnboardingTopologyTransactions" => {
                encoded(self.connect.register_onboarding_topology_transactions(request(call)).await)
            }
            other => panic!("{other} is not known here"),
        };
        let expected = call.responses[0].bytes.clone().expect("not left out");
        assert_eq!(answer, Ok(expected), "{} (call {})", call.method, call.rpc);
        assert_eq!(call.end.as_ref().map(|end| end.status.as_str()), Some("OK"));
    }

    /// Asks, at the time of a recorded call, until the answer is the recorded one: the member is active.
    async fn until_active(&mut self, call: &Call) {
        self.clock.set(time(call.opened_us));
        let waiting = async {
            loop {
                let answer = encoded(self.connect.verify_active(request(call)).await).expect("answered");
                if answer == ACTIVE {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(ACTIVE_LIMIT, waiting).await.expect("the registration becomes active in time");
    }

    async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            task.await.expect("no panic");
        }
    }
}

fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::EPOCH.saturating_add_micros(micros)
}

fn request<M: Message + Default>(call: &Call) -> Request<M> {
    let bytes = call.requests[0].bytes.clone().expect("not left out");
    let mut request = Request::new(M::decode(bytes).expect("a message"));
    for (key, value) in call.metadata.iter().filter(|(key, _)| !key.ends_with("-bin")) {
        let key = MetadataKey::from_bytes(key.as_bytes()).expect("a key");
        request.metadata_mut().insert(key, MetadataValue::try_from(&value[..]).expect("a text"));
    }
    request
}

fn encoded<M: Message>(answer: Result<tonic::Response<M>, tonic::Status>) -> Result<Bytes, String> {
    answer.map(|answer| answer.into_inner().encode_to_vec().into()).map_err(|status| status.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_participants_register_at_the_recorded_synchronizer() {
    let recording = recording();
    let mut served = Served::start(&recording).await;
    for participant in ["participant1", "participant2"] {
        let calls = recording.calls(&format!("{participant}-sequencer1")).expect("calls");
        let calls: Vec<_> = calls.iter().filter(|call| call.service_name() == "SequencerConnectService").collect();
        let registration = calls.iter().position(|call| call.method_name() == "RegisterOnboardingTopologyTransactions");
        let registration = registration.expect("it registers");
        assert!(registration >= 6, "it asks first");
        for call in &calls[..=registration] {
            served.replay(call).await;
        }
        let is_active = |call: &&&Call| call.responses.first().is_some_and(|answer| answer.bytes == Some(ACTIVE));
        let active = calls[registration..].iter().find(is_active).expect("it became active");
        served.until_active(active).await;
    }
    served.stop().await;
}
