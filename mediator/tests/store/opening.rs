//! Databases that are not ours.

use synod_mediator::store::MediatorStore;
use synod_store::{StoreError, StoreFault, StoreRefused};

use crate::TestDatabase;
use crate::samples::{Node, commit};

pub(crate) async fn a_newer_schema_is_refused(database: TestDatabase) {
    Node::start(&database).await.store.close().await;
    database.sql("INSERT INTO mediator_schema (version, checksum) SELECT 7, checksum FROM mediator_schema").await;
    let store = database.open().await;
    let refused = MediatorStore::open(&store).await;
    let Err(StoreError::Refused(error @ StoreRefused::NewerSchema { tables: "mediator", found: 7, .. })) = refused
    else {
        panic!("{refused:?}");
    };
    assert!(error.to_string().contains("upgrade the program"), "{error}");
}

pub(crate) async fn foreign_tables_are_refused(database: TestDatabase) {
    Node::start(&database).await.store.close().await;
    database.sql("UPDATE mediator_schema SET checksum = substr(checksum, 2)").await;
    let store = database.open().await;
    let refused = MediatorStore::open(&store).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(StoreRefused::ForeignSchema { tables: "mediator", version: 1 }))),
        "{refused:?}"
    );
}

pub(crate) async fn nothing_is_there_at_first(database: TestDatabase) {
    let node = Node::start(&database).await;
    assert_eq!(node.mediator.configuration().await.expect("reads"), None);
    assert_eq!(node.mediator.load(&node.lease).await.expect("reads"), None);
    assert_eq!(node.mediator.progress().await.expect("reads"), (None, None));
    assert_eq!(node.mediator.oldest_finalized().await.expect("reads"), None);
    let early = node.mediator.commit(&node.lease, &commit(10, 10)).await;
    assert!(matches!(early, Err(StoreFault::Order(_))), "{early:?}");
    let early = node.mediator.store_initial_topology(&node.lease, &[]).await;
    assert!(matches!(early, Err(StoreFault::Order(_))), "{early:?}");
    let early = node.mediator.set_connections(&node.lease, &bytes::Bytes::new()).await;
    assert!(matches!(early, Err(StoreFault::Order(_))), "{early:?}");
}
