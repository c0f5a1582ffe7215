//! `GetTrafficStateForMember` (ch. 03 §5.7, `SequencerRateLimitManagerImpl.getTrafficStateForMemberAt`).

use synod_machine::traffic::TrafficBalance;
use synod_proto::protocol::v30::TrafficState;
use synod_proto::sequencer::api::v30::{GetTrafficStateForMemberRequest, GetTrafficStateForMemberResponse};
use synod_types::{CantonTimestamp, Member};
use tonic::Status;

use super::{Inner, MemberCall};
use crate::core::not_permitted;
use crate::errors::PROTO_DESERIALIZATION_FAILURE;

impl Inner {
    /// The caller's own traffic after the events up to a time. What accrued since its last event counts.
    pub(super) async fn traffic_state(
        &self,
        call: MemberCall<GetTrafficStateForMemberRequest>,
    ) -> Result<GetTrafficStateForMemberResponse, Status> {
        let malformed = || {
            call.context.of_rpc(PROTO_DESERIALIZATION_FAILURE.rpc_status("Deserialization of protobuf message failed"))
        };
        let member = Member::parse(&call.message.member).map_err(|_| malformed())?;
        let time = CantonTimestamp::from_micros(call.message.timestamp).map_err(|_| malformed())?;
        if member != call.caller.member {
            return Err(Status::permission_denied(not_permitted(&call.caller.member, &member)));
        }
        let head = self.core.head();
        let Some(index) = head.state.members().get(&member).map(|registration| registration.index) else {
            return Err(Status::out_of_range(format!("TrafficNotFound({})", crate::texts::short_member(&member))));
        };
        let stored = self.core.store.traffic_state_at(&member, index, time).await;
        let stored = stored.map_err(|fault| Self::fault(&call.context, &fault))?;
        let balance =
            stored.consumed.map_or(TrafficBalance { time, ..TrafficBalance::INITIAL }, |consumed| TrafficBalance {
                time: consumed.time,
                extra_consumed: consumed.extra_consumed,
                base_remainder: consumed.base_remainder,
                last_cost: consumed.last_cost,
            });
        let snapshot = head.state.snapshot(time);
        let parameters = snapshot.parameters().and_then(|parameters| parameters.traffic_control.as_ref());
        let balance = match parameters {
            Some(parameters) if time > balance.time => balance.advanced(time, parameters),
            _ => balance,
        };
        let purchased_at = stored.purchased.as_ref().map_or(balance.time, |purchased| purchased.time);
        Ok(GetTrafficStateForMemberResponse {
            traffic_state: Some(TrafficState {
                extra_traffic_purchased: stored.purchased.as_ref().map_or(0, |purchased| purchased.extra_purchased),
                extra_traffic_consumed: balance.extra_consumed,
                base_traffic_remainder: balance.base_remainder,
                last_consumed_cost: u64::try_from(balance.last_cost).unwrap_or(0),
                timestamp: balance.time.max(purchased_at).as_micros(),
                serial: stored.purchased.as_ref().map(|purchased| purchased.serial),
            }),
        })
    }
}
