//! What all services of a gateway share.

use std::sync::Arc;

use synod_ordering::{Clock, Orderer};
use synod_pipeline::{EventLog, Head, HeadReceiver};
use synod_store::Store;
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId, ProtocolVersion, SequencerId};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::auth::Sessions;
use crate::disabled::DisabledMembers;
use crate::errors::{CallContext, TraceId};
use crate::limits::{CallLimits, CallPermit};
use crate::signing::EventSigner;
use crate::{GatewayMetrics, GatewaySettings, SequencingTimeSource};

/// What all services of a gateway share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) psid: PhysicalSynchronizerId,
    pub(crate) sequencer: SequencerId,
    pub(crate) node_name: Arc<str>,
    pub(crate) head: HeadReceiver,
    pub(crate) orderer: Arc<dyn Orderer>,
    pub(crate) events: Arc<EventLog>,
    pub(crate) store: Store,
    pub(crate) signer: EventSigner,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: GatewaySettings,
    pub(crate) metrics: GatewayMetrics,
    pub(crate) sessions: Sessions,
    pub(crate) disabled: DisabledMembers,
    pub(crate) limits: CallLimits,
    /// Cancelled when the gateway stops.
    pub(crate) stopping: CancellationToken,
}

impl Core {
    pub(crate) fn version(&self) -> ProtocolVersion {
        self.psid.protocol_version()
    }

    /// The last committed state.
    pub(crate) fn head(&self) -> Arc<Head> {
        self.head.current()
    }

    /// What errors of a call with these headers say about it.
    pub(crate) fn call(&self, headers: &MetadataMap) -> CallContext {
        CallContext::new(Arc::clone(&self.node_name), TraceId::of_headers(headers))
    }

    /// A call of `service/method`, with a place among those that are served.
    pub(crate) fn enter(
        &self,
        service: &str,
        method: &str,
        headers: &MetadataMap,
    ) -> Result<(CallContext, CallPermit), Status> {
        let call = self.call(headers);
        let permit = self.limits.enter(service, method, &call)?;
        Ok((call, permit))
    }

    /// A time that what is sent from now on is sequenced after.
    pub(crate) fn sequencing_time(&self, head: &Head) -> CantonTimestamp {
        match self.settings.sequencing_time {
            SequencingTimeSource::LocalClock => self.latest_time(head),
            SequencingTimeSource::LastBlock => head.state.base_time(),
        }
    }

    /// The later of this node's clock and the last block: members sign with keys that are valid at their own clock.
    pub(crate) fn latest_time(&self, head: &Head) -> CantonTimestamp {
        self.clock.now().max(head.state.base_time())
    }

    /// Largest request and largest decompressed part of one, in bytes.
    pub(crate) fn max_request_size(&self, head: &Head) -> usize {
        const DEFAULT_BYTES: usize = 10 * 1024 * 1024;
        self.settings.override_max_request_size.unwrap_or_else(|| {
            let snapshot = head.state.snapshot(head.state.approximate_time());
            let parameters = snapshot.parameters();
            parameters.map_or(DEFAULT_BYTES, |parameters| usize::try_from(parameters.max_request_size).unwrap_or(0))
        })
    }

    /// Whether `member` is this sequencer.
    pub(crate) fn is_this_sequencer(&self, member: &Member) -> bool {
        *member == self.sequencer.member()
    }
}

/// The refusal of whoever asks for somebody else (`MatchesAuthenticatedMember`).
pub(crate) fn not_permitted(caller: &Member, member: &Member) -> String {
    use crate::texts::short_member as short;
    let (caller, member) = (short(caller), short(member));
    format!("Authenticated member {caller} just tried to use sequencer on behalf of {member} without permission")
}
