//! The traffic of members at a sequencer.

use std::collections::BTreeMap;

use synod_proto::protocol::v30::TrafficState;
use synod_proto::sequencer::admin::v30::traffic_control_state_request::{RelativeTimestamp, TimestampSelector};
use synod_proto::sequencer::admin::v30::{SetTrafficPurchasedRequest, TrafficControlStateRequest};
use synod_rpc::sequencer::admin::v30::sequencer_administration_service_client::SequencerAdministrationServiceClient;
use synod_types::{CantonTimestamp, Member};

use super::connecting::AdminChannel;
use super::{AdminCallError, NodeAdmin};

/// As of when the traffic is meant (`TimestampSelector`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TrafficTime {
    /// After the last processed event.
    LatestSafe,
    /// After the last event of each member that changed it.
    LastUpdate,
    /// By the clock of the sequencer.
    Approximate,
    /// A time.
    Exact(CantonTimestamp),
}

impl NodeAdmin {
    /// The service of a running sequencer.
    pub(super) fn sequencer(&self) -> SequencerAdministrationServiceClient<AdminChannel> {
        SequencerAdministrationServiceClient::new(self.channel())
    }

    /// The traffic of these members, of all when there are none, by member.
    pub(crate) async fn traffic(
        &self,
        members: &[Member],
        time: TrafficTime,
    ) -> Result<BTreeMap<String, TrafficState>, AdminCallError> {
        let relative = |time: RelativeTimestamp| TimestampSelector::RelativeTimestamp(time.into());
        let selector = match time {
            TrafficTime::LatestSafe => relative(RelativeTimestamp::LatestSafeUnspecified),
            TrafficTime::LastUpdate => relative(RelativeTimestamp::LastUpdatePerMember),
            TrafficTime::Approximate => relative(RelativeTimestamp::LatestApproximate),
            TrafficTime::Exact(at) => TimestampSelector::ExactTimestamp(at.as_micros().cast_unsigned()),
        };
        let request = TrafficControlStateRequest {
            members: members.iter().map(ToString::to_string).collect(),
            timestamp_selector: Some(selector),
        };
        let answer =
            self.sequencer().traffic_control_state(request).await.map_err(self.refused("TrafficControlState"))?;
        Ok(answer.into_inner().traffic_states.into_iter().collect())
    }

    /// Has the sequencer send its part of a purchase: the total of a member from then on.
    pub(crate) async fn purchase_traffic(
        &self,
        member: &Member,
        serial: u32,
        total: i64,
    ) -> Result<(), AdminCallError> {
        let request = SetTrafficPurchasedRequest { member: member.to_string(), serial, total_traffic_purchased: total };
        let sent = self.sequencer().set_traffic_purchased(request).await;
        sent.map(|_| ()).map_err(self.refused("SetTrafficPurchased"))
    }
}
