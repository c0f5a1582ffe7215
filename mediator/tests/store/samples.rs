//! Rows to store.

use bytes::Bytes;
use synod_crypto::{Hash, HashPurpose};
use synod_mediator::messages::RequestUuid;
use synod_mediator::store::{DeduplicationRow, FinalizedRow, MediatorCommit, MediatorStore, SubmissionRow};
use synod_store::{Lease, Store};
use synod_testkit::databases::lease;
use synod_topology::{MappingCode, Operation, TopologyRow};
use synod_types::{CantonTimestamp, MessageId, Namespace, PhysicalSynchronizerId};

use crate::TestDatabase;

/// How long a verdict of [`submission`] can be sequenced, in microseconds.
pub(crate) const DECISION_MICROS: i64 = 1_000;

pub(crate) fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("a time in range")
}

pub(crate) fn psid(name: &str) -> PhysicalSynchronizerId {
    PhysicalSynchronizerId::parse(&format!("{name}::1220{:064x}::35-0", 7)).expect("a synchronizer")
}

pub(crate) fn uuid(number: i64) -> RequestUuid {
    RequestUuid::parse(&format!("0000-0-0-0-{number:012x}")).expect("a UUID")
}

/// The UUID of a request at `at`, taken for `micros`.
pub(crate) fn deduplication(at: i64, micros: i64) -> DeduplicationRow {
    DeduplicationRow { uuid: uuid(at), request_time: time(at), expire_after: time(at + micros) }
}

pub(crate) fn finalized(request_id: i64, at: i64) -> FinalizedRow {
    FinalizedRow {
        request_id: time(request_id),
        request: Bytes::from(format!("request \0 {request_id}").into_bytes()),
        finalization_time: time(at),
        verdict: Bytes::from(format!("verdict {at}")),
    }
}

pub(crate) fn message_id(request_id: i64, number: u32) -> MessageId {
    MessageId::parse(&format!("verdict-{request_id}-{number}")).expect("a message id")
}

pub(crate) fn submission(request_id: i64, number: u32) -> SubmissionRow {
    SubmissionRow {
        message_id: message_id(request_id, number),
        request_id: time(request_id),
        signed: Bytes::from(vec![0xff; 50]),
        send_at: time(request_id + i64::from(number)),
        decision_time: time(request_id + DECISION_MICROS),
    }
}

/// Events up to `head`, of which those up to `prehead` are finished.
pub(crate) fn commit(head: i64, prehead: i64) -> MediatorCommit {
    MediatorCommit::new(time(head), Some(time(prehead)))
}

/// A request is decided at `head`, with one verdict to send.
pub(crate) fn decided(request_id: i64, head: i64, prehead: i64) -> MediatorCommit {
    MediatorCommit {
        finalized: vec![finalized(request_id, head)],
        submissions: vec![submission(request_id, 0)],
        ..commit(head, prehead)
    }
}

pub(crate) fn topology_row(id: u64, sequenced: i64) -> TopologyRow {
    let hash = |text: &str| Hash::digest(HashPurpose::AGGREGATION_ID, text.as_bytes());
    TopologyRow {
        id,
        sequenced: time(sequenced),
        valid_from: time(sequenced + 5),
        valid_until: None,
        batch_index: 0,
        signed: Bytes::from(format!("transaction {id}")),
        is_proposal: false,
        rejection: None,
        tx_hash: hash(&format!("transaction {id}")),
        code: MappingCode::parse("stc").expect("a code"),
        namespace: Namespace::parse(&format!("1220{id:064x}")).expect("a namespace"),
        identifier: Some("member".to_owned()),
        unique_key: hash(&format!("key {id}")),
        serial: 1,
        operation: Operation::Replace,
    }
}

pub(crate) const STATIC_PARAMETERS: Bytes = Bytes::from_static(b"static \0 parameters");
pub(crate) const CONNECTIONS: Bytes = Bytes::from_static(b"connections");

/// A node whose process has just begun.
pub(crate) struct Node {
    pub(crate) store: Store,
    pub(crate) mediator: MediatorStore,
    pub(crate) lease: Lease,
}

impl Node {
    /// Not initialized when the database is empty.
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        let store = database.open().await;
        let mediator = MediatorStore::open(&store).await.expect("the tables are there");
        let lease = lease(&store, "holder").await;
        Self { store, mediator, lease }
    }

    /// A new mediator.
    pub(crate) async fn initialized(database: &TestDatabase) -> Self {
        let node = Self::start(database).await;
        let done = node.mediator.initialize(&node.lease, &psid("sync"), &STATIC_PARAMETERS, &CONNECTIONS).await;
        done.expect("is initialized");
        node
    }

    pub(crate) async fn restart(self, database: &TestDatabase) -> Self {
        drop(self.mediator);
        self.store.close().await;
        drop(self.store);
        Self::start(database).await
    }

    pub(crate) async fn commit(&self, commit: &MediatorCommit) -> synod_mediator::store::CommitReport {
        self.mediator.commit(&self.lease, commit).await.expect("commits")
    }

    pub(crate) async fn load(&self) -> synod_mediator::store::MediatorState {
        self.mediator.load(&self.lease).await.expect("loads").expect("is initialized")
    }

    pub(crate) async fn number(&self, select: &str) -> i64 {
        let mut connection = self.store.database().reader().await.expect("a connection");
        connection.session().fetch_one(select, &[]).await.expect("a row").int(0).expect("a number")
    }
}
