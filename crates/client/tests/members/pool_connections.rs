//! Connections of a pool: who counts, and how they change.

use std::time::Duration;

use synod_client::{
    ClientError, ConnectionConfig, ConnectionState, ConnectionValidation, PoolConfig, PoolHealth, SequencerPool,
    SetConfigError, TopologyError,
};
use synod_crypto::TopologyStateHash;
use synod_topology::SignedTopologyTransaction;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, ProtocolVersion};

use crate::pool_group::{Group, topology};
use crate::{LIMIT, soon};

const SHORT: Duration = Duration::from_millis(50);

fn other_synchronizer(group: &Group) -> PhysicalSynchronizerId {
    let psid = group.fakes[0].state().psid.to_string();
    PhysicalSynchronizerId::parse(&psid.replace("test::", "other::")).unwrap()
}

fn is_contradicting(health: &PoolHealth, index: usize, part: &str) -> bool {
    matches!(&health.connections[index].state, ConnectionState::Contradicting { reason } if reason.contains(part))
}

#[tokio::test]
async fn who_serves_something_else_never_counts() {
    let group = Group::start(3).await;
    group.fakes[1].state().psid = other_synchronizer(&group);
    let pool = group.start_pool(group.config(&[0, 1, 2], 2));
    let health = pool.wait_until(LIMIT, |health| is_contradicting(health, 1, "other::")).await.unwrap();
    assert!(health.is_ready() && health.valid_sequencers == 2, "{health:?}");
    assert_eq!(pool.psid(), Some(group.fakes[0].state().psid.clone()));
    assert_eq!(pool.static_parameters(), Some(group.fakes[0].state().parameters.clone()));
    assert_eq!(topology(&pool).await.static_parameters(), &group.fakes[0].state().parameters);

    // Two that agree are not three.
    let pool = group.start_pool(group.config(&[0, 1, 2], 3));
    let error = pool.wait_ready(SHORT).await.unwrap_err();
    assert!(matches!(error, ClientError::NoSequencer { .. }), "{error:?}");
    assert_eq!(pool.psid(), None);
    assert!(pool.subscribe(None, Vec::new()).is_err());
}

#[tokio::test]
async fn the_expected_synchronizer_counts_only() {
    let group = Group::start(2).await;
    let other = other_synchronizer(&group);
    let signer = group.identity.signer().clone();
    let pool = SequencerPool::start(group.config(&[0, 1], 1), Some(other.clone()), signer);
    let health = pool.wait_until(LIMIT, |health| (0..2).all(|index| is_contradicting(health, index, "other::")));
    assert!(!health.await.unwrap().is_ready());
    let error = pool.wait_ready(SHORT).await.unwrap_err().to_string();
    assert!(error.contains(&other.to_string()) && error.contains(group.fakes[0].url()), "{error}");
}

#[tokio::test]
async fn other_static_parameters_do_not_count() {
    let group = Group::start(2).await;
    group.fakes[1].state().parameters.topology_change_delay = Duration::from_secs(9);
    let pool = group.start_pool(group.config(&[0], 1));
    pool.wait_ready(LIMIT).await.unwrap();
    pool.set_config(group.config(&[0, 1], 1), ConnectionValidation::Disabled, LIMIT).await.unwrap();
    let health = pool.wait_until(LIMIT, |health| is_contradicting(health, 1, "static parameters")).await.unwrap();
    assert_eq!(health.valid_sequencers, 1);
}

#[tokio::test]
async fn who_comes_later_counts_then() {
    let group = Group::start(3).await;
    for late in [1, 2] {
        group.fakes[late].state().is_down = true;
    }
    let pool = group.start_pool(group.config(&[0, 1, 2], 2));
    let is_tried = |health: &PoolHealth| {
        let is_down = |index: usize| matches!(&health.connections[index].state, ConnectionState::Down { reason } if reason.contains("starting"));
        is_down(1) && is_down(2) && health.connections[0].state == ConnectionState::Valid
    };
    let health = pool.wait_until(LIMIT, is_tried).await.unwrap();
    assert!(!health.is_ready());
    assert_eq!(pool.psid(), None);
    group.fakes[1].state().is_down = false;
    pool.wait_ready(LIMIT).await.unwrap();
    group.fakes[2].state().is_down = false;
    pool.wait_until(LIMIT, |health| health.valid_sequencers == 3).await.unwrap();
}

#[tokio::test]
async fn two_ways_to_one_sequencer_are_one() {
    let group = Group::start(2).await;
    let local = group.fakes[0].url().replace("127.0.0.1", "localhost");
    let both =
        ConnectionConfig { endpoints: vec![group.fakes[0].url().to_owned(), local.clone()], ..group.connection(0) };
    let pool = group.start_pool(PoolConfig::new(vec![both, group.connection(1)], 2).unwrap());
    let all_valid = |health: &PoolHealth| health.connections.iter().all(|one| one.state == ConnectionState::Valid);
    let health = pool.wait_until(LIMIT, all_valid).await.unwrap();
    assert_eq!((health.connections.len(), health.valid_sequencers), (3, 2));
    let again = ConnectionConfig { alias: "again".to_owned(), endpoints: vec![local], ..group.connection(0) };
    let pool = group.start_pool(PoolConfig::new(vec![group.connection(0), again], 2).unwrap());
    pool.wait_until(LIMIT, |health| health.connections.iter().all(|one| one.sequencer.is_some())).await.unwrap();
    assert!(pool.wait_ready(SHORT).await.is_err(), "one sequencer does not agree with itself");
}

#[tokio::test]
async fn only_the_expected_sequencer_counts() {
    let group = Group::start(2).await;
    let wrong = ConnectionConfig { sequencer: Some(group.id(0)), ..group.connection(1) };
    let right = ConnectionConfig { sequencer: Some(group.id(0)), ..group.connection(0) };
    let pool = group.start_pool(PoolConfig::new(vec![wrong, right], 1).unwrap());
    let expected = group.id(1).to_string();
    let health = pool.wait_until(LIMIT, |health| is_contradicting(health, 0, &expected) && health.is_ready());
    assert_eq!(health.await.unwrap().valid_sequencers, 1);
}

#[tokio::test]
async fn new_connections_are_tried_before_they_are_used() {
    let group = Group::start(4).await;
    let pool = group.pool(group.config(&[0], 1)).await;
    group.fakes[1].state().psid = other_synchronizer(&group);
    group.fakes[2].state().is_down = true;
    let before = pool.config();
    let set = |indices: Vec<usize>, threshold, validation| {
        let (pool, config) = (pool.clone(), group.config(&indices, threshold));
        async move { soon("the configuration", pool.set_config(config, validation, LIMIT)).await }
    };
    for validation in [ConnectionValidation::Active, ConnectionValidation::All, ConnectionValidation::ThresholdActive] {
        let error = set(vec![0, 1], 1, validation).await.unwrap_err();
        assert!(matches!(&error, SetConfigError::Invalid { alias, .. } if alias == "s1"), "{error:?}");
    }
    let error = set(vec![0, 2], 1, ConnectionValidation::All).await.unwrap_err();
    assert!(matches!(&error, SetConfigError::Unreachable { alias, .. } if alias == "s2"), "{error:?}");
    let error = set(vec![0, 2], 2, ConnectionValidation::ThresholdActive).await.unwrap_err();
    assert!(matches!(error, SetConfigError::TooFew { valid: 1, threshold: 2 }), "{error:?}");
    assert_eq!(pool.config(), before);
    assert_eq!(pool.health().connections.len(), 1);

    set(vec![3, 2], 1, ConnectionValidation::ThresholdActive).await.unwrap();
    let health = pool.wait_until(LIMIT, PoolHealth::is_ready).await.unwrap();
    let aliases: Vec<_> = health.connections.iter().map(|one| one.alias.as_str()).collect();
    assert_eq!(aliases, ["s3", "s2"]);
    group.fakes[2].state().is_down = false;
    pool.wait_until(LIMIT, |health| health.valid_sequencers == 2).await.unwrap();
    pool.close().await;
    assert!(matches!(set(vec![0], 1, ConnectionValidation::Disabled).await, Err(SetConfigError::Closed)));
}

#[tokio::test]
async fn the_topology_to_start_from_is_that_of_a_threshold() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 2)).await;
    let other = TopologyStateHash::new().finish().multihash().to_vec();
    group.fakes[1].state().hash = other.clone().into();
    let items = group.fakes[0].state().items.clone();
    // One of those that agree has lost a part of it.
    group.fakes[0].state().items.pop();
    for _ in 0..4 {
        assert_eq!(soon("the topology", pool.initial_topology()).await.unwrap(), items);
    }
    assert!(topology(&pool).await.head_snapshot().is_known(pool.member()));
    group.fakes[2].state().items.pop();
    let error = soon("the refusal", pool.initial_topology()).await.unwrap_err();
    assert!(matches!(error, ClientError::Topology(TopologyError::Hash { .. })), "{error:?}");
    let first = SignedTopologyTransaction::parse(&items[0].transaction, ProtocolVersion::V35).unwrap();
    let third = TopologyStateHash::new().add_transaction(first.transaction().hash()).finish();
    group.fakes[2].state().hash = third.multihash().to_vec().into();
    let error = soon("the refusal", pool.initial_topology()).await.unwrap_err();
    assert!(matches!(error, ClientError::Disagreement { agreeing: 1, threshold: 2, .. }), "{error:?}");
}

#[tokio::test]
async fn time_and_traffic_are_those_of_a_threshold() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 3)).await;
    assert_eq!(soon("the time", pool.time()).await.unwrap(), None);
    let first = group.deliver("first");
    group.deliver_from(&[0, 2], "second");
    assert_eq!(soon("the time", pool.time()).await.unwrap(), Some(first));
    assert_eq!(pool.traffic_state(CantonTimestamp::EPOCH).await.unwrap(), None);
    let traffic = soon("the traffic", pool.traffic_state(first)).await.unwrap().unwrap();
    assert_eq!((traffic.timestamp, traffic.last_consumed_cost), (first, 1));
}
