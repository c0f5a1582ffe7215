//! A synchronizer of one node: it orders what the node broadcasts at once, and stores what becomes of it.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use synod_machine::{BlockOutcome, Checkpoint, State};
use synod_node_admin::{NotBroadcast, SynchronizerTopology, SynchronizerView, TopologyBroadcaster};
use synod_ordering::{Clock, SystemClock};
use synod_store::{Acquired, Lease, Store};
use synod_topology::{SignedTopologyTransaction, TopologyChanges, TopologyState, broadcast::parse_transactions};
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::EnvelopeContent;
use tokio::sync::watch;
use tonic::async_trait;

/// What happens to a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is sequenced; what it does is not effective yet.
    Sequenced,
    /// It is sequenced, and time passes until it is effective.
    Effective,
    /// It is taken, and never sequenced.
    Lost,
    /// Nobody takes it.
    Refused,
}

#[derive(Debug)]
struct Founded {
    lease: Lease,
    topology: TopologyState,
    height: u64,
    last: CantonTimestamp,
}

/// The synchronizer, from when it is founded.
#[derive(Debug)]
pub(crate) struct FakeSynchronizer {
    store: Store,
    founded: Mutex<Option<Founded>>,
    fates: Mutex<VecDeque<Fate>>,
    broadcasts: Mutex<Vec<Vec<Bytes>>>,
    observed: watch::Sender<CantonTimestamp>,
    /// How many broadcasts there were.
    count: watch::Sender<usize>,
}

/// How long a broadcast may take.
const LIFETIME: Duration = Duration::from_secs(20);

impl FakeSynchronizer {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            founded: Mutex::default(),
            fates: Mutex::default(),
            broadcasts: Mutex::default(),
            observed: watch::Sender::new(CantonTimestamp::MIN),
            count: watch::Sender::new(0),
        }
    }

    /// Begins with this state.
    pub(crate) async fn found(&self, checkpoint: Checkpoint) {
        let Acquired::Lease(lease) = self.store.acquire_lease("test", 60_000).await.expect("a lease") else {
            panic!("nobody else has it")
        };
        self.store.initialize(&lease, &checkpoint).await.expect("an empty store");
        let topology = State::restore(checkpoint).expect("a sound genesis").topology().clone();
        let last = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        *self.founded.lock().expect("no panic") = Some(Founded { lease, topology, height: 0, last });
    }

    /// What happens to the next broadcasts; after them each is [`Fate::Effective`].
    pub(crate) fn expect(&self, fates: &[Fate]) {
        self.fates.lock().expect("no panic").extend(fates);
    }

    /// The transactions of the broadcasts so far, those that were lost and refused too, as soon as there are `count`.
    pub(crate) async fn broadcasts(&self, count: usize) -> Vec<Vec<Bytes>> {
        self.count.subscribe().wait_for(|made| *made >= count).await.expect("it is there");
        self.broadcasts.lock().expect("no panic").clone()
    }

    /// Sequences a broadcast of anybody.
    pub(crate) async fn sequence(&self, transactions: Vec<SignedTopologyTransaction>) {
        let now = SystemClock.now();
        let (lease, outcome) = {
            let mut founded = self.founded.lock().expect("no panic");
            let founded = founded.as_mut().expect("it is founded");
            founded.last = now.max(founded.last.saturating_add(Duration::from_secs(1)));
            let effective = founded.last.saturating_add(Duration::from_millis(250));
            let topology = founded.topology.apply(founded.last, effective, transactions, false);
            (founded.lease.clone(), founded.block(topology))
        };
        self.store.commit(&lease, &[outcome]).await.expect("stores");
        self.tell();
    }

    /// Time passes.
    pub(crate) async fn pass(&self, time: Duration) {
        let (lease, outcome) = {
            let mut founded = self.founded.lock().expect("no panic");
            let founded = founded.as_mut().expect("it is founded");
            founded.last = founded.last.saturating_add(time);
            (founded.lease.clone(), founded.block(TopologyChanges::default()))
        };
        self.store.commit(&lease, &[outcome]).await.expect("stores");
        self.tell();
    }

    fn tell(&self) {
        let last = self.founded.lock().expect("no panic").as_ref().expect("it is founded").last;
        self.observed.send_replace(last);
    }
}

impl Founded {
    fn block(&mut self, topology: TopologyChanges) -> BlockOutcome {
        let height = self.height;
        self.height += 1;
        let mut app_hash = [0; 32];
        app_hash[..8].copy_from_slice(&height.to_be_bytes());
        BlockOutcome {
            height,
            base_time: self.last,
            last_time: self.last,
            latest_sequencer_event: None,
            latest_pending_topology: None,
            events: Vec::new(),
            topology,
            registrations: Vec::new(),
            traffic_consumed: Vec::new(),
            traffic_purchased: Vec::new(),
            aggregations: Vec::new(),
            acknowledgements: Vec::new(),
            frames: Vec::new(),
            alarms: Vec::new(),
            app_hash,
        }
    }
}

impl SynchronizerTopology for FakeSynchronizer {
    fn current(&self) -> Option<SynchronizerView> {
        let founded = self.founded.lock().expect("no panic");
        let Founded { topology, last, .. } = founded.as_ref()?;
        let (topology, as_of) = (topology.clone(), last.immediate_successor());
        Some(SynchronizerView { topology, as_of, sequenced_up_to: *last })
    }
}

#[async_trait]
impl TopologyBroadcaster for FakeSynchronizer {
    async fn broadcast(&self, content: Bytes) -> Result<CantonTimestamp, NotBroadcast> {
        let parsed = EnvelopeContent::parse(&content, ProtocolVersion::V35).expect("versioned content");
        let EnvelopeContent::TopologyBroadcast(broadcast) = parsed else { panic!("no broadcast: {parsed:?}") };
        let transactions = parse_transactions(&broadcast.transactions, ProtocolVersion::V35).expect("transactions");
        let fate = self.fates.lock().expect("no panic").pop_front().unwrap_or(Fate::Effective);
        self.broadcasts.lock().expect("no panic").push(broadcast.transactions);
        self.count.send_modify(|count| *count += 1);
        match fate {
            Fate::Refused => return Err(NotBroadcast::new("not now")),
            Fate::Lost => {}
            Fate::Sequenced => self.sequence(transactions).await,
            Fate::Effective => {
                self.sequence(transactions).await;
                self.pass(Duration::from_secs(1)).await;
            }
        }
        Ok(SystemClock.now().max(*self.observed.borrow()).saturating_add(LIFETIME))
    }

    async fn observed_after(&self, time: CantonTimestamp) {
        self.observed.subscribe().wait_for(|last| *last > time).await.expect("it is there");
    }
}
