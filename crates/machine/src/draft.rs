//! A block while it is applied: the state so far, and what has to be stored.

use std::collections::BTreeMap;

use synod_types::{CantonTimestamp, MemberIndex};

use crate::app_hash::BlockHash;
use crate::ordered::{Call, Ordered};
use crate::parallel;
use crate::rules::AcknowledgementKeys;
use crate::times::Clockwork;
use crate::validation::{Timed, validate};
use crate::{
    AggregationChange, Alarm, AlarmKind, BlockOutcome, EventRecord, Machine, OrderedBlock, SignedAcknowledgement,
    State, checks,
};

/// A block while it is applied.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) block: &'a OrderedBlock,
    pub(crate) state: State,
    /// Time of the last event of the block before.
    pub(crate) last_block_time: CantonTimestamp,
    pub(crate) outcome: BlockOutcome,
    pub(crate) hash: BlockHash,
    acknowledged: BTreeMap<MemberIndex, CantonTimestamp>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(machine: &'a Machine, state: State, block: &'a OrderedBlock) -> Self {
        let outcome = BlockOutcome {
            height: block.height,
            base_time: block.base_time,
            last_time: state.last_time,
            latest_sequencer_event: state.latest_sequencer_event,
            latest_pending_topology: state.latest_pending_topology,
            events: Vec::new(),
            topology: Default::default(),
            registrations: Vec::new(),
            traffic_consumed: Vec::new(),
            traffic_purchased: Vec::new(),
            aggregations: Vec::new(),
            acknowledgements: Vec::new(),
            frames: Vec::new(),
            alarms: Vec::new(),
            app_hash: state.app_hash,
        };
        let hash = BlockHash::new(state.app_hash);
        let last_block_time = state.last_time;
        Self { machine, block, state, last_block_time, outcome, hash, acknowledged: BTreeMap::new() }
    }

    /// Remembers the block's frames.
    pub(crate) fn frames(&mut self) {
        self.state.frames.expire(self.block.base_time);
        for frame in &self.block.frames {
            if self.state.frames.insert(*frame) {
                self.hash.frame(frame);
                self.outcome.frames.push(*frame);
            }
        }
    }

    /// Parses all events; those that are none are dropped.
    pub(crate) fn parse(&mut self) -> Vec<Ordered> {
        let version = self.state.protocol_version();
        let parsed = self.machine.parse(self.block, version);
        let mut events = Vec::with_capacity(parsed.len());
        for event in parsed {
            match event {
                Ok(event) => events.push(event),
                Err(alarm) => self.alarm(alarm),
            }
        }
        events
    }

    /// Processes a chunk: times, checks of each submission in parallel, then one after the other what depends on the others.
    pub(crate) fn chunk(&mut self, events: &[Ordered]) {
        let mut clockwork = Clockwork::after(self.state.last_time);
        let mut timed = Vec::new();
        for event in events {
            if let Call::Send(submission) = &event.call {
                timed.push(Timed { time: clockwork.next(event.time), origin: &event.origin, submission });
            }
        }
        let state = &self.state;
        let validated = parallel::map(self.machine.threads, &timed, |timed| validate(state, *timed));
        self.acknowledge(events);
        for (timed, validated) in timed.into_iter().zip(validated) {
            self.submission(timed, validated);
        }
        // Times of dropped submissions count here, although they do not move the time of the last event.
        self.expire_aggregations(clockwork.last());
    }

    pub(crate) fn expire_aggregations(&mut self, time: CantonTimestamp) {
        for id in self.state.aggregations.expire(time) {
            self.aggregation(AggregationChange::Expired { id });
        }
    }

    pub(crate) fn aggregation(&mut self, change: AggregationChange) {
        self.hash.aggregation(&change);
        self.outcome.aggregations.push(change);
    }

    pub(crate) fn alarm(&mut self, alarm: Alarm) {
        self.outcome.alarms.push(alarm);
    }

    /// Stores an event. Everything that a member can receive goes through here.
    pub(crate) fn event(&mut self, event: EventRecord, request: &[u8]) {
        self.state.last_time = event.time;
        self.hash.event(&event, request);
        self.outcome.events.push(event);
    }

    /// Takes over the acknowledgements of a chunk. They are judged by the end of the block before, whatever the chunk.
    fn acknowledge(&mut self, events: &[Ordered]) {
        for event in events {
            let Call::Acknowledge(acknowledgement) = &event.call else { continue };
            match self.judge(acknowledgement) {
                Ok(member) => {
                    let newest = self.acknowledged.entry(member).or_insert(acknowledgement.request.timestamp);
                    *newest = acknowledgement.request.timestamp.max(*newest);
                }
                Err((kind, detail)) => {
                    let request = &acknowledgement.request;
                    let detail = format!("{} acknowledges {}: {detail}", request.member, request.timestamp);
                    self.alarm(Alarm { kind, time: event.time, origin: event.origin.clone(), detail });
                }
            }
        }
    }

    fn judge(&self, acknowledgement: &SignedAcknowledgement) -> Result<MemberIndex, (AlarmKind, String)> {
        let (member, time) = (&acknowledgement.request.member, acknowledgement.request.timestamp);
        if time > self.last_block_time {
            let detail = format!("the previous block ended at {}", self.last_block_time);
            return Err((AlarmKind::InvalidAcknowledgementTimestamp, detail));
        }
        let keys_at = match self.state.rules().acknowledgement_keys {
            AcknowledgementKeys::OfPreviousBlock => self.last_block_time,
            AcknowledgementKeys::OfAcknowledgedTime => time,
        };
        let invalid = |detail: String| (AlarmKind::InvalidAcknowledgementSignature, detail);
        checks::acknowledgement_signature(&self.state, &self.state.snapshot(keys_at), acknowledgement)
            .map_err(|error| invalid(error.to_string()))?;
        // Who has keys but was never registered receives nothing that it could acknowledge. (Canton's sequencer fails here.)
        let registration = self.state.members.get(member).ok_or_else(|| invalid("it is not registered".to_owned()))?;
        Ok(registration.index)
    }

    /// The end of the block: the state after it, and what has to be stored.
    pub(crate) fn finish(mut self) -> (State, BlockOutcome) {
        for (member, time) in self.acknowledged {
            if self.state.acknowledgements.get(&member).is_none_or(|before| *before < time) {
                self.state.acknowledgements.insert(member, time);
                self.hash.acknowledgement(member, time);
                self.outcome.acknowledgements.push((member, time));
            }
        }
        let (mut state, mut outcome) = (self.state, self.outcome);
        state.height = Some(self.block.height);
        state.base_time = self.block.base_time;
        state.app_hash = self.hash.finish();
        state.forget_history();
        outcome.last_time = state.last_time;
        outcome.latest_sequencer_event = state.latest_sequencer_event;
        outcome.latest_pending_topology = state.latest_pending_topology;
        outcome.app_hash = state.app_hash;
        (state, outcome)
    }
}
