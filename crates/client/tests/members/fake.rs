//! The sequencer: its state, and what tests do with it. The services are in `services`.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use synod_client::MemberIdentity;
use synod_crypto::{KeyUsages, SigningPublicKey, sequenced_event_hash};
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_testkit::requests::{Network, TestMember};
use synod_topology::genesis::StoredTransaction;
use synod_topology::{
    DynamicSynchronizerParameters, SignedTopologyTransaction, StaticSynchronizerParameters, TopologyState, init_state,
};
use synod_types::{CantonTimestamp, MemberKind, MessageId, PhysicalSynchronizerId, ProtocolVersion, Recipient};
use synod_wire::{
    Batch, Envelope, Recipients, SequencedEvent, SequencedEventContent, SignedContent, TopologyBroadcast,
};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::Status;

use crate::services;

/// A sequencer on a free port. It ends with this.
pub(crate) struct Fake {
    url: String,
    core: Arc<Core>,
    server: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.server.abort();
    }
}

pub(crate) struct Core {
    pub(crate) sequencer: TestMember,
    pub(crate) network: Network,
    state: Mutex<State>,
    /// Counts what streams have to look at again.
    pub(crate) changes: watch::Sender<u64>,
}

/// How a subscription ends, after this many events; `Ok`: without an error.
pub(crate) type Ending = (usize, Result<(), Status>);

/// What the sequencer says, and what it was told.
pub(crate) struct State {
    pub(crate) api: &'static str,
    /// Nobody can connect.
    pub(crate) is_down: bool,
    pub(crate) handshake_version: i32,
    pub(crate) psid: PhysicalSynchronizerId,
    pub(crate) parameters: StaticSynchronizerParameters,
    /// Keys of those who may log in, by member.
    pub(crate) members: BTreeMap<String, (SigningPublicKey, SigningPublicKey)>,
    /// The same, whole.
    pub(crate) identities: Vec<MemberIdentity>,
    /// Offered before the keys of the member.
    pub(crate) other_fingerprints: Vec<String>,
    pub(crate) nonce: u8,
    pub(crate) tokens: Vec<Bytes>,
    pub(crate) token_life: Duration,
    pub(crate) logins: usize,
    pub(crate) logouts: usize,
    /// What it says about unknown tokens, and whether it sends them back.
    pub(crate) unknown_token: (&'static str, bool),
    pub(crate) may_become_active: bool,
    pub(crate) registered: Vec<SignedTopologyTransaction>,
    pub(crate) questions: usize,
    pub(crate) send_refusal: Option<Status>,
    /// Acknowledgements and submissions are not answered.
    pub(crate) is_mute: bool,
    /// Calls to send, refused or not.
    pub(crate) sends: usize,
    pub(crate) sent: Vec<Bytes>,
    pub(crate) acknowledged: Vec<Bytes>,
    pub(crate) subscriptions: Vec<Option<i64>>,
    pub(crate) endings: VecDeque<Ending>,
    /// Why all subscriptions that there were ended.
    pub(crate) kicks: Vec<Status>,
    pub(crate) events: Vec<(CantonTimestamp, Bytes)>,
    pub(crate) items: Vec<Item>,
    pub(crate) hash: Bytes,
}

impl Fake {
    pub(crate) async fn start() -> Self {
        let sequencer = TestMember::new(MemberKind::Sequencer, "sequencer");
        Self::of(Network::new(sequencer.clone()), sequencer).await
    }

    /// A sequencer of this synchronizer.
    pub(crate) async fn of(network: Network, sequencer: TestMember) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = State {
            api: "sequencer-public-api",
            is_down: false,
            handshake_version: 35,
            psid: network.psid().clone(),
            parameters: StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35),
            members: BTreeMap::new(),
            identities: Vec::new(),
            other_fingerprints: vec!["1220ab".to_owned()],
            nonce: 0,
            tokens: Vec::new(),
            token_life: Duration::from_secs(3_600),
            logins: 0,
            logouts: 0,
            unknown_token: ("MissingToken", true),
            may_become_active: true,
            registered: Vec::new(),
            questions: 0,
            send_refusal: None,
            is_mute: false,
            sends: 0,
            sent: Vec::new(),
            acknowledged: Vec::new(),
            subscriptions: Vec::new(),
            endings: VecDeque::new(),
            kicks: Vec::new(),
            events: Vec::new(),
            items: Vec::new(),
            hash: Bytes::new(),
        };
        let core = Core { sequencer, network, state: Mutex::new(state), changes: watch::Sender::new(0) };
        let core = Arc::new(core);
        let server = tokio::spawn(services::serve(core.clone(), listener));
        Self { url, core, server }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.core.state()
    }

    pub(crate) fn network(&self) -> &Network {
        &self.core.network
    }

    pub(crate) fn sequencer(&self) -> &TestMember {
        &self.core.sequencer
    }

    /// Lets the member log in and send.
    pub(crate) fn know(&self, identity: &MemberIdentity) {
        let keys = identity.keys();
        let keys = (keys.authentication.public_key().clone(), keys.protocol.public_key().clone());
        let mut state = self.state();
        state.members.insert(identity.member().to_string(), keys);
        state.identities.push(identity.clone());
    }

    /// Forgets all logins.
    pub(crate) fn forget_tokens(&self) {
        self.state().tokens.clear();
    }

    /// The next event of the member, signed by the sequencer.
    pub(crate) fn deliver(&self, message_id: &str, envelopes: Vec<(Envelope, Recipients)>) -> CantonTimestamp {
        let event = self.next_event(message_id, envelopes);
        let time = event.timestamp;
        self.send_signed_by(&event, &self.core.sequencer.clone());
        time
    }

    /// An event that follows the last one, a second later.
    pub(crate) fn next_event(&self, message_id: &str, envelopes: Vec<(Envelope, Recipients)>) -> SequencedEvent {
        let previous = self.state().events.last().map(|(time, _)| *time);
        let first = CantonTimestamp::from_micros(1_800_000_000_000_000).unwrap();
        SequencedEvent {
            previous_timestamp: previous,
            timestamp: previous.unwrap_or(first).saturating_add(Duration::from_secs(1)),
            psid: self.network().psid().clone(),
            message_id: Some(MessageId::parse(message_id).unwrap()),
            content: SequencedEventContent::Deliver { batch: Batch::new(ProtocolVersion::V35, envelopes) },
            topology_timestamp: None,
            traffic_receipt: None,
        }
    }

    pub(crate) fn send_signed_by(&self, event: &SequencedEvent, signer: &TestMember) {
        self.send_as(event, signer, None);
    }

    pub(crate) fn send_as(&self, event: &SequencedEvent, signer: &TestMember, signing_time: Option<CantonTimestamp>) {
        let content = event.to_versioned_bytes();
        let signature = signer.sign(&sequenced_event_hash(&content));
        let signed = SignedContent::new(content, signature, signing_time).to_versioned_bytes(ProtocolVersion::V35);
        self.state().events.push((event.timestamp, signed));
        self.core.changed();
    }

    /// Ends all subscriptions that there are.
    pub(crate) fn end_subscriptions(&self, status: Status) {
        self.state().kicks.push(status);
        self.core.changed();
    }

    /// Waits until the sequencer is told what is asked for.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&State) -> bool) {
        let mut changes = self.core.changes.subscribe();
        let waiting = async {
            while !is_so(&self.state()) {
                changes.changed().await.unwrap();
            }
        };
        crate::soon(what, waiting).await;
    }

    /// Has the topology of a synchronizer of this sequencer and the members that it knows, and the hash for it.
    pub(crate) fn found(&self) {
        self.found_with(&[self.sequencer()]);
    }

    /// The same with several sequencers.
    pub(crate) fn found_with(&self, sequencers: &[&TestMember]) {
        let mediator = TestMember::new(MemberKind::Mediator, "mediator");
        let parameters = DynamicSynchronizerParameters::default();
        let network = self.network();
        let mut transactions = network.genesis(parameters, sequencers, (1, &[&mediator]), &[]);
        for identity in &self.state().identities {
            transactions.extend(identity.onboarding_transactions(network.psid()).unwrap());
        }
        let time = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        let mut topology = TopologyState::new(network.psid().clone(), &self.state().parameters);
        let rows = topology.apply(time, time, transactions, true).inserted;
        assert!(rows.iter().all(|row| row.rejection.is_none()), "{rows:?}");
        let items = rows.iter().map(synod_topology::genesis::item).collect();
        let hash = Bytes::copy_from_slice(&init_state::hash(&rows).multihash());
        let mut state = self.state();
        (state.items, state.hash) = (items, hash);
    }

    /// An envelope with topology transactions for everybody.
    pub(crate) fn broadcast(&self, transactions: &[SignedTopologyTransaction]) -> (Envelope, Recipients) {
        let version = ProtocolVersion::V35;
        let transactions = transactions.iter().map(|transaction| transaction.encode(version)).collect();
        let content =
            TopologyBroadcast { psid: self.network().psid().clone(), transactions }.to_versioned_content(version);
        let everybody = Recipients::group([Recipient::AllMembersOfSynchronizer]).unwrap();
        (Envelope { content, signatures: Vec::new() }, everybody)
    }
}

impl Core {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Wakes everybody who waits for something.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

/// Checks that an item of a download is well formed.
pub(crate) fn stored(item: &Item) -> StoredTransaction {
    StoredTransaction::from_item(item.clone(), ProtocolVersion::V35).unwrap()
}

/// What a key has to be for to sign requests.
pub(crate) const PROTOCOL: KeyUsages = KeyUsages::PROTOCOL;
