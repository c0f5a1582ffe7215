//! `DownloadTopologyStateForInit` and its hash: the topology that a new member starts with (ch. 02 §6.1).

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::Stream;
use synod_crypto::TopologyStateHash;
use synod_proto::sequencer::api::v30::{
    DownloadTopologyStateForInitHashRequest, DownloadTopologyStateForInitHashResponse,
    DownloadTopologyStateForInitRequest, DownloadTopologyStateForInitResponse,
};
use synod_proto::topology::admin::v30::TopologyTransactions;
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_store::{StoreFault, to_its_end};
use synod_topology::TopologyRow;
use synod_topology::init_state::{NoInitialState, as_of, reference_time};
use synod_types::{CantonTimestamp, Member};
use tonic::Status;

use super::{Inner, MemberCall};
use crate::core::Core;
use crate::errors::{CallContext, PROTO_DESERIALIZATION_FAILURE};
use crate::limits::CallPermit;
use crate::texts::short_member;

/// Items of a message.
const ITEMS: usize = 100;
/// Rows that are read from the store at a time.
const PAGE_ROWS: usize = 1000;

/// The stream as gRPC takes it.
pub(super) type TopologyStream =
    Pin<Box<dyn Stream<Item = Result<DownloadTopologyStateForInitResponse, Status>> + Send>>;

/// The rows of an initial state, page by page.
struct Rows {
    core: Arc<Core>,
    reference: CantonTimestamp,
    max_valid_from: CantonTimestamp,
    after: Option<u64>,
    pending: VecDeque<TopologyRow>,
    is_read: bool,
}

impl Rows {
    /// The rows that were sequenced up to `reference`.
    async fn open(core: Arc<Core>, reference: CantonTimestamp) -> Result<Self, StoreFault> {
        let max_valid_from = core.store.topology_max_valid_from(reference).await?.unwrap_or(CantonTimestamp::MIN);
        Ok(Self { core, reference, max_valid_from, after: None, pending: VecDeque::new(), is_read: false })
    }

    /// The next rows, at most `limit`; empty at the end.
    async fn next(&mut self, limit: usize) -> Result<Vec<TopologyRow>, StoreFault> {
        if self.pending.is_empty() && !self.is_read {
            let (store, after, reference) = (self.core.store.clone(), self.after, self.reference);
            let page = to_its_end(async move { store.topology_page(after, reference, PAGE_ROWS).await }).await?;
            self.is_read = page.len() < PAGE_ROWS;
            self.after = page.last().map(|row| row.id).or(self.after);
            self.pending = page.into_iter().map(|row| as_of(row, self.max_valid_from)).collect();
        }
        Ok(self.pending.drain(..limit.min(self.pending.len())).collect())
    }
}

impl Inner {
    /// The whole state, as it was when the member was onboarded.
    pub(super) async fn topology_state(
        &self,
        call: MemberCall<DownloadTopologyStateForInitRequest>,
    ) -> Result<TopologyStream, Status> {
        let MemberCall { message, context, permit, .. } = call;
        let reference = self.reference_time(&message.member, &context)?;
        let rows = Rows::open(Arc::clone(&self.core), reference).await;
        let rows = rows.map_err(|fault| Self::fault(&context, &fault))?;
        Ok(stream(rows, context, permit))
    }

    /// The hash by which a member compares the states of several sequencers.
    pub(super) async fn topology_state_hash(
        &self,
        call: MemberCall<DownloadTopologyStateForInitHashRequest>,
    ) -> Result<DownloadTopologyStateForInitHashResponse, Status> {
        let reference = self.reference_time(&call.message.member, &call.context)?;
        let hash = async {
            let mut rows = Rows::open(Arc::clone(&self.core), reference).await?;
            let mut hash = TopologyStateHash::new();
            loop {
                let page = rows.next(PAGE_ROWS).await?;
                if page.is_empty() {
                    return Ok::<_, StoreFault>(hash.finish());
                }
                hash = page.iter().fold(hash, |hash, row| hash.add_transaction(&row.tx_hash));
            }
        };
        let hash = hash.await.map_err(|fault| Self::fault(&call.context, &fault))?;
        Ok(DownloadTopologyStateForInitHashResponse { topology_state_hash: Bytes::copy_from_slice(&hash.multihash()) })
    }

    /// The caller may ask for any member: the topology is no secret among members.
    fn reference_time(&self, member: &str, context: &CallContext) -> Result<CantonTimestamp, Status> {
        let member = Member::parse(member).map_err(|_| {
            context.of_rpc(PROTO_DESERIALIZATION_FAILURE.rpc_status("Deserialization of protobuf message failed"))
        })?;
        reference_time(self.core.head().state.topology(), &member, None).map_err(|refused| match refused {
            NoInitialState::Sequencer => Status::invalid_argument(refused.to_string()),
            NoInitialState::NotOnboarded { .. } => Status::failed_precondition(format!(
                "No onboarding transaction found for {} as of {}",
                short_member(&member),
                self.core.head().state.last_time(),
            )),
        })
    }
}

fn stream(rows: Rows, context: CallContext, permit: CallPermit) -> TopologyStream {
    let start = Some((rows, context, permit));
    Box::pin(futures::stream::unfold(start, |state| async {
        let (mut rows, context, permit) = state?;
        match rows.next(ITEMS).await {
            Ok(page) if page.is_empty() => None,
            Ok(page) => {
                let items = page.into_iter().map(item).collect();
                let transactions = Some(TopologyTransactions { items });
                let response = DownloadTopologyStateForInitResponse { topology_transactions: transactions };
                Some((Ok(response), Some((rows, context, permit))))
            }
            Err(fault) => Some((Err(Inner::fault(&context, &fault)), None)),
        }
    }))
}

fn item(row: TopologyRow) -> Item {
    let time = |time: CantonTimestamp| {
        let (seconds, nanos) = time.as_seconds_and_nanos();
        prost_types::Timestamp { seconds, nanos }
    };
    Item {
        sequenced: Some(time(row.sequenced)),
        valid_from: Some(time(row.valid_from)),
        valid_until: row.valid_until.map(time),
        transaction: row.signed,
        rejection_reason: row.rejection,
    }
}
