//! What is set once, and what may change.

use bytes::Bytes;
use synod_machine::Checkpoint;
use synod_mediator::store::MediatorConfiguration;
use synod_store::{StoreError, StoreFault, StoreRefused};
use synod_types::CantonTimestamp;

use crate::TestDatabase;
use crate::samples::{CONNECTIONS, Node, STATIC_PARAMETERS, psid, topology_row};

pub(crate) async fn a_mediator_is_initialized_once(database: TestDatabase) {
    let node = Node::initialized(&database).await.restart(&database).await;
    let expected = MediatorConfiguration {
        psid: psid("sync"),
        static_parameters: STATIC_PARAMETERS,
        sequencer_connections: CONNECTIONS,
        is_topology_initialized: false,
    };
    assert_eq!(node.mediator.configuration().await.expect("reads"), Some(expected.clone()));
    let of_node = node.store.synchronizer_configuration().await.expect("reads");
    assert_eq!(of_node, Some((psid("sync"), STATIC_PARAMETERS)), "others find the synchronizer where they look for it");
    for name in ["sync", "other"] {
        let again = node.mediator.initialize(&node.lease, &psid(name), &STATIC_PARAMETERS, &Bytes::new()).await;
        let Err(StoreError::Refused(StoreRefused::AlreadyInitialized { stored })) = again else {
            panic!("{again:?}");
        };
        assert_eq!(stored, psid("sync").to_string());
    }
    assert_eq!(node.mediator.configuration().await.expect("reads"), Some(expected));
}

pub(crate) async fn a_sequencer_is_no_mediator(database: TestDatabase) {
    let node = Node::start(&database).await;
    let genesis = Checkpoint {
        psid: psid("sync"),
        static_parameters: STATIC_PARAMETERS,
        height: None,
        base_time: CantonTimestamp::MIN,
        last_time: CantonTimestamp::EPOCH,
        latest_sequencer_event: None,
        latest_pending_topology: None,
        topology: vec![topology_row(0, 0)],
        members: Vec::new(),
        traffic_consumed: Vec::new(),
        traffic_purchased: Vec::new(),
        aggregations: Vec::new(),
        acknowledgements: Vec::new(),
        frames: Vec::new(),
        app_hash: [0; 32],
    };
    node.store.initialize(&node.lease, &genesis).await.expect("a sequencer");
    let refused = node.mediator.initialize(&node.lease, &psid("sync"), &STATIC_PARAMETERS, &CONNECTIONS).await;
    let Err(StoreError::Refused(StoreRefused::AlreadyInitialized { stored })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(stored, "a sequencer");
}

pub(crate) async fn connections_change(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    node.mediator.set_connections(&node.lease, &Bytes::from_static(b"others")).await.expect("is set");
    let node = node.restart(&database).await;
    let configuration = node.mediator.configuration().await.expect("reads").expect("is initialized");
    assert_eq!(configuration.sequencer_connections, Bytes::from_static(b"others"));
    assert_eq!(configuration.static_parameters, STATIC_PARAMETERS);
}

pub(crate) async fn the_initial_topology_is_stored_once(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    // What fails leaves nothing behind.
    let twice = [topology_row(0, 10), topology_row(0, 10)];
    let failed = node.mediator.store_initial_topology(&node.lease, &twice).await;
    assert!(matches!(failed, Err(StoreFault::Database { .. })), "{failed:?}");
    assert!(!node.load().await.configuration.is_topology_initialized);

    let mut rows: Vec<_> = (0..300).map(|id| topology_row(id, 10)).collect();
    rows[3].valid_until = Some(crate::samples::time(40));
    node.mediator.store_initial_topology(&node.lease, &rows).await.expect("is stored");
    let again = node.mediator.store_initial_topology(&node.lease, &[]).await;
    assert!(matches!(again, Err(StoreFault::Order(_))), "{again:?}");
    let state = node.restart(&database).await.load().await;
    assert!(state.configuration.is_topology_initialized);
    assert_eq!(state.topology, rows);
    assert_eq!((state.head, state.prehead), (None, None));
}
