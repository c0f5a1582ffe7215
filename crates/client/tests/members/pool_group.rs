//! Several sequencers of one synchronizer, and a member that uses them.

use std::time::Duration;

use synod_client::{
    Amplification, ClientError, ConnectionConfig, MemberIdentity, MemberTopology, PoolConfig, PoolDelays, PoolKeys,
    PoolSubscription, ReceivedEvent, SequencerPool,
};
use synod_testkit::requests::{Network, TestMember};
use synod_types::{CantonTimestamp, MemberKind, MessageId, SequencerId};
use synod_wire::SequencedEvent;

use crate::fake::Fake;
use crate::{LIMIT, soon};

/// Sequencers that say the same unless a test lets one say something else.
pub(crate) struct Group {
    pub(crate) fakes: Vec<Fake>,
    pub(crate) identity: MemberIdentity,
}

/// Nothing waits for long, except for what a test does not want to see.
pub(crate) const QUICK: PoolDelays = PoolDelays {
    min_restart: Duration::from_millis(1),
    max_restart: Duration::from_millis(20),
    subscription_request: Duration::from_millis(20),
    warn_validation: Duration::from_secs(20),
};

impl Group {
    pub(crate) async fn start(count: usize) -> Self {
        let member = |number| TestMember::new(MemberKind::Sequencer, &format!("sequencer{number}"));
        let sequencers: Vec<_> = (0..count).map(member).collect();
        let network = Network::new(sequencers[0].clone());
        let identity = MemberIdentity::fresh_participant("alice").unwrap();
        let mut fakes = Vec::new();
        for sequencer in &sequencers {
            let fake = Fake::of(network.clone(), sequencer.clone()).await;
            fake.know(&identity);
            fakes.push(fake);
        }
        fakes[0].found_with(&sequencers.iter().collect::<Vec<_>>());
        let (items, hash) = {
            let state = fakes[0].state();
            (state.items.clone(), state.hash.clone())
        };
        for fake in &fakes {
            let mut state = fake.state();
            (state.items, state.hash) = (items.clone(), hash.clone());
        }
        Self { fakes, identity }
    }

    pub(crate) fn id(&self, index: usize) -> SequencerId {
        SequencerId::try_from(self.fakes[index].sequencer().member().clone()).unwrap()
    }

    pub(crate) fn connection(&self, index: usize) -> ConnectionConfig {
        ConnectionConfig {
            alias: format!("s{index}"),
            endpoints: vec![self.fakes[index].url().to_owned()],
            trusted_certificates: None,
            sequencer: None,
        }
    }

    /// These sequencers, with the threshold.
    pub(crate) fn config(&self, indices: &[usize], threshold: u32) -> PoolConfig {
        let connections = indices.iter().map(|index| self.connection(*index)).collect();
        PoolConfig::new(connections, threshold).unwrap().with_delays(QUICK).unwrap()
    }

    pub(crate) fn start_pool(&self, config: PoolConfig) -> SequencerPool {
        SequencerPool::start(config, None, self.identity.signer().clone())
    }

    /// A pool in which all connections are valid.
    pub(crate) async fn pool(&self, config: PoolConfig) -> SequencerPool {
        let all = config.connections().len();
        let pool = self.start_pool(config);
        pool.wait_until(LIMIT, |health| health.valid_sequencers == all).await.unwrap();
        pool
    }

    /// All sequencers but the first ones, with amplification.
    pub(crate) fn amplified(&self, indices: &[usize], factor: u32, patience: Duration) -> PoolConfig {
        self.config(indices, 1).with_amplification(Amplification { factor, patience }).unwrap()
    }

    /// The next event of the member, the same from these sequencers.
    pub(crate) fn deliver_from(&self, indices: &[usize], message_id: &str) -> CantonTimestamp {
        let event = self.fakes[indices[0]].next_event(message_id, Vec::new());
        self.send_from(indices, &event);
        event.timestamp
    }

    pub(crate) fn send_from(&self, indices: &[usize], event: &SequencedEvent) {
        for index in indices {
            self.fakes[*index].send_signed_by(event, self.fakes[*index].sequencer());
        }
    }

    /// The same from all.
    pub(crate) fn deliver(&self, message_id: &str) -> CantonTimestamp {
        self.deliver_from(&(0..self.fakes.len()).collect::<Vec<_>>(), message_id)
    }

    /// Another event than the next one of that message.
    pub(crate) fn lie(&self, index: usize, event: &SequencedEvent) {
        let mut other = event.clone();
        other.message_id = Some(MessageId::parse("something else").unwrap());
        self.send_from(&[index], &other);
    }
}

/// The topology that the member starts from.
pub(crate) async fn topology(pool: &SequencerPool) -> MemberTopology {
    soon("the topology", pool.start_topology()).await.unwrap()
}

/// A subscription that checks everything.
pub(crate) async fn subscribe(pool: &SequencerPool, resume_at: Option<CantonTimestamp>) -> PoolSubscription {
    pool.subscribe(resume_at, PoolKeys::from(topology(pool).await)).unwrap()
}

pub(crate) async fn next(subscription: &mut PoolSubscription) -> Result<ReceivedEvent, ClientError> {
    soon("the next event", subscription.next()).await
}

pub(crate) async fn next_time(subscription: &mut PoolSubscription) -> CantonTimestamp {
    next(subscription).await.unwrap().event.timestamp
}
