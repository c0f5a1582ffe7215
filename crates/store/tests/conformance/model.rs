//! What a store should hold after some blocks, kept in plain maps.

use std::collections::BTreeMap;

use synod_machine::{AggregationChange, BlockOutcome, Checkpoint, EventRecipients, EventRecord, InFlightAggregation};
use synod_topology::TopologyRow;
use synod_types::{CantonTimestamp, MemberIndex};

/// The state, and all events.
pub(crate) struct Model {
    pub(crate) state: Checkpoint,
    pub(crate) events: Vec<EventRecord>,
}

impl Model {
    pub(crate) fn new(state: Checkpoint) -> Self {
        Self { state, events: Vec::new() }
    }

    pub(crate) fn apply(&mut self, outcome: &BlockOutcome) {
        let state = &mut self.state;
        state.height = Some(outcome.height);
        state.base_time = outcome.base_time;
        state.last_time = outcome.last_time;
        state.latest_sequencer_event = outcome.latest_sequencer_event;
        state.latest_pending_topology = outcome.latest_pending_topology;
        state.app_hash = outcome.app_hash;
        state.topology.extend(outcome.topology.inserted.iter().cloned());
        for (id, valid_until) in &outcome.topology.closed {
            let row = state.topology.iter_mut().find(|row| row.id == *id).expect("a row to close");
            row.valid_until = Some(*valid_until);
        }
        state.members.extend(outcome.registrations.iter().cloned());
        keep_last(&mut state.traffic_consumed, &outcome.traffic_consumed, |row| row.member);
        keep_last(&mut state.traffic_purchased, &outcome.traffic_purchased, |row| row.member.clone());
        self.aggregations(outcome);
        let mut acknowledged: BTreeMap<MemberIndex, CantonTimestamp> =
            self.state.acknowledgements.iter().copied().collect();
        for (member, time) in &outcome.acknowledgements {
            let newest = acknowledged.entry(*member).or_insert(*time);
            *newest = (*newest).max(*time);
        }
        self.state.acknowledgements = acknowledged.into_iter().collect();
        self.state.frames.extend(&outcome.frames);
        self.state.frames.retain(|frame| frame.valid_until >= outcome.base_time);
        self.state.frames.sort();
        self.events.extend(outcome.events.iter().cloned());
    }

    fn aggregations(&mut self, outcome: &BlockOutcome) {
        for change in &outcome.aggregations {
            match change {
                AggregationChange::Contributed { id, max_sequencing_time, rule, contribution, delivered_at } => {
                    let open = &mut self.state.aggregations;
                    let at = open.iter().position(|aggregation| aggregation.id == *id).unwrap_or_else(|| {
                        open.push(InFlightAggregation {
                            id: *id,
                            max_sequencing_time: *max_sequencing_time,
                            rule: rule.clone(),
                            contributions: Vec::new(),
                            delivered_at: None,
                        });
                        open.len() - 1
                    });
                    open[at].contributions.push(contribution.clone());
                    open[at].delivered_at = *delivered_at;
                }
                AggregationChange::Expired { id } => self.state.aggregations.retain(|open| open.id != *id),
            }
        }
        self.state.aggregations.sort_by_key(|aggregation| aggregation.id);
    }

    /// The state as it is loaded: without the topology rows that a state can miss.
    pub(crate) fn loaded(&self) -> Checkpoint {
        let mut state = self.state.clone();
        let last = state.topology.last().map(|row| row.id);
        let counts = |row: &TopologyRow| row.rejection.is_none() && (!row.is_proposal || row.valid_until.is_none());
        state.topology.retain(|row| counts(row) || Some(row.id) == last);
        state
    }

    /// All events of a member, in order.
    pub(crate) fn stream(&self, member: MemberIndex) -> Vec<EventRecord> {
        let since = self.state.members.iter().find(|row| row.index == member).expect("a member").registered_from;
        let reaches = |event: &&EventRecord| {
            event.time > since
                && match &event.recipients {
                    EventRecipients::All => true,
                    EventRecipients::Members(members) => members.contains(&member),
                }
        };
        self.events.iter().filter(reaches).cloned().collect()
    }
}

fn keep_last<T: Clone, K: Ord>(rows: &mut Vec<T>, newer: &[T], key: impl Fn(&T) -> K) {
    let mut last: BTreeMap<K, T> = rows.drain(..).map(|row| (key(&row), row)).collect();
    last.extend(newer.iter().map(|row| (key(row), row.clone())));
    rows.extend(last.into_values());
}
