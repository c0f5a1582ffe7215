//! The state after the newest block, as it is stored.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message;
use synod_machine::{Checkpoint, Contribution, InFlightAggregation, Registration};
use synod_proto::crypto::v30::Signature;
use synod_proto::protocol::v30::{AggregationRule, TrafficConsumed, TrafficPurchased};
use synod_proto::sequencer::admin::v30::sequencer_snapshot::{
    AggregationBySender, InFlightAggregationWithId, MemberPreviousTimestamp, SignaturesForEnvelope,
};
use synod_proto::sequencer::admin::v30::{
    ImplementationSpecificInfo, SequencerMemberStatus, SequencerPruningStatus, SequencerSnapshot,
};
use synod_store::{Store, StoreFault};
use synod_topology::{TopologyRow, init_state};
use synod_types::{CantonTimestamp, MemberIndex};

use super::OnboardingState;

/// Rows that are read at once.
const PAGE: usize = 1000;

/// What is stored cannot be what the machine stored.
const TABLE: &str = "aggregations";

impl OnboardingState {
    /// The state after the newest block: everything in it belongs to that block. With what the ordering layer adds, made of
    /// the hash of the state. `None` before the first block.
    ///
    /// # Errors
    /// [`StoreFault`] when the database fails or holds what cannot be a state.
    pub async fn read(
        store: &Store,
        additional: impl FnOnce(&[u8; 32]) -> ImplementationSpecificInfo + Send,
    ) -> Result<Option<Self>, StoreFault> {
        let Some(checkpoint) = store.load_checkpoint().await? else { return Ok(None) };
        let Some(height) = checkpoint.height else { return Ok(None) };
        let at = checkpoint.last_time;
        let disabled: BTreeSet<MemberIndex> = store.disabled_members().await?.into_iter().collect();
        let known = || checkpoint.members.iter().filter(|member| member.registered_from <= at);
        let mut previous = Vec::new();
        // Those that are disabled are served no more.
        for member in known().filter(|member| !disabled.contains(&member.index)) {
            let newest = store.latest_event_before(member.index, member.registered_from, at.immediate_successor());
            let previous_timestamp = newest.await?.map(CantonTimestamp::as_micros);
            previous.push(MemberPreviousTimestamp { member: member.member.to_string(), previous_timestamp });
        }
        let members = known().map(|member| status(&checkpoint, member, &disabled)).collect();
        let lower_bound = store.lower_bound().await?.unwrap_or(CantonTimestamp::EPOCH);
        let snapshot = SequencerSnapshot {
            latest_timestamp: at.as_micros(),
            last_block_height: height,
            status: Some(SequencerPruningStatus {
                now: at.as_micros(),
                earliest_event_timestamp: lower_bound.as_micros(),
                members,
            }),
            additional: Some(additional(&checkpoint.app_hash)),
            in_flight_aggregations: checkpoint
                .aggregations
                .iter()
                .map(|found| aggregation(&checkpoint, found))
                .collect::<Result<_, _>>()?,
            traffic_purchased: checkpoint.traffic_purchased.iter().map(purchased).collect(),
            traffic_consumed: checkpoint
                .traffic_consumed
                .iter()
                .map(|row| consumed(&checkpoint, row))
                .collect::<Result<_, _>>()?,
            member_previous_timestamps: previous,
        };
        let topology = topology(store, at).await?;
        Ok(Some(Self { static_parameters: checkpoint.static_parameters, snapshot, topology }))
    }
}

/// `TopologyStore.findEssentialStateAtSequencedTime` with what was rejected.
async fn topology(store: &Store, at: CantonTimestamp) -> Result<Vec<TopologyRow>, StoreFault> {
    let mut rows: Vec<TopologyRow> = Vec::new();
    loop {
        let page = store.topology_page(rows.last().map(|row| row.id), at, PAGE).await?;
        if page.is_empty() {
            return Ok(init_state::select(rows, at));
        }
        rows.extend(page);
    }
}

fn status(checkpoint: &Checkpoint, member: &Registration, disabled: &BTreeSet<MemberIndex>) -> SequencerMemberStatus {
    let acknowledged = checkpoint.acknowledgements.iter().find(|(index, _)| *index == member.index);
    SequencerMemberStatus {
        member: member.member.to_string(),
        registered_at: member.registered_from.as_micros(),
        last_acknowledged: acknowledged.map(|(_, time)| time.as_micros()),
        enabled: !disabled.contains(&member.index),
    }
}

fn name(checkpoint: &Checkpoint, index: MemberIndex) -> Result<String, StoreFault> {
    let member = usize::try_from(index.0).ok().and_then(|index| checkpoint.members.get(index));
    member.map(|found| found.member.to_string()).ok_or_else(|| StoreFault::corrupt("members", "a member is missing"))
}

fn aggregation(checkpoint: &Checkpoint, found: &InFlightAggregation) -> Result<InFlightAggregationWithId, StoreFault> {
    let rule = AggregationRule::decode(found.rule.clone()).map_err(|error| StoreFault::corrupt(TABLE, error))?;
    let by_sender = found.contributions.iter().map(|contribution| by_sender(checkpoint, contribution));
    Ok(InFlightAggregationWithId {
        aggregation_id: Bytes::from(found.id.hash().multihash().to_vec()),
        aggregation_rule: Some(rule),
        max_sequencing_time: found.max_sequencing_time.as_micros(),
        aggregated_senders: by_sender.collect::<Result<_, _>>()?,
    })
}

fn by_sender(checkpoint: &Checkpoint, contribution: &Contribution) -> Result<AggregationBySender, StoreFault> {
    let mut signatures_by_envelope = Vec::new();
    for of_envelope in &contribution.signatures {
        let signatures = of_envelope.iter().cloned().map(Signature::decode).collect::<Result<_, _>>();
        let signatures = signatures.map_err(|error| StoreFault::corrupt(TABLE, error))?;
        signatures_by_envelope.push(SignaturesForEnvelope { signatures });
    }
    Ok(AggregationBySender {
        sender: name(checkpoint, contribution.sender)?,
        sequencing_timestamp: contribution.time.as_micros(),
        signatures_by_envelope,
    })
}

/// Amounts of traffic are never negative.
fn amount(amount: i64) -> u64 {
    u64::try_from(amount).unwrap_or_default()
}

fn consumed(checkpoint: &Checkpoint, row: &synod_machine::TrafficConsumed) -> Result<TrafficConsumed, StoreFault> {
    Ok(TrafficConsumed {
        member: name(checkpoint, row.member)?,
        extra_traffic_consumed: amount(row.extra_consumed),
        base_traffic_remainder: amount(row.base_remainder),
        last_consumed_cost: amount(row.last_cost),
        sequencing_timestamp: row.time.as_micros(),
    })
}

fn purchased(row: &synod_machine::TrafficPurchased) -> TrafficPurchased {
    TrafficPurchased {
        member: row.member.to_string(),
        serial: row.serial,
        extra_traffic_purchased: amount(row.extra_purchased),
        sequencing_timestamp: row.time.as_micros(),
    }
}
