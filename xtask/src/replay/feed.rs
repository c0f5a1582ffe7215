//! Feeds the recorded order to the machine.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use synod_crypto::SigningPublicKey;
use synod_machine::{BlockOutcome, EventRecord, Machine, OrderedBlock, OrderedEvent, OrderedKind, Registration, State};
use synod_testkit::recordings::{OrderedRow, Request};
use synod_topology::TopologyRow;
use synod_types::{CantonTimestamp, Member, SequencerId};

use super::start::Start;

/// What the machine made of the blocks.
pub(super) struct Replayed {
    /// Where it began.
    pub(super) start: Start,
    /// One per block.
    pub(super) outcomes: Vec<BlockOutcome>,
    /// All topology rows at the end, by id.
    pub(super) topology: Vec<TopologyRow>,
    /// All members at the end, by index.
    pub(super) members: Vec<Registration>,
    /// The signing keys of each sequencer at the time of each event.
    pub(super) keys: BTreeMap<CantonTimestamp, BTreeMap<Member, Vec<SigningPublicKey>>>,
    /// The state at the end.
    pub(super) state: State,
}

impl Replayed {
    /// All events, in order.
    pub(super) fn events(&self) -> impl Iterator<Item = &EventRecord> {
        self.outcomes.iter().flat_map(|outcome| &outcome.events)
    }

    /// The member with an index of the machine.
    pub(super) fn member(&self, index: synod_types::MemberIndex) -> Result<&Member, String> {
        let position = usize::try_from(index.0).map_err(|error| error.to_string())?;
        self.members.get(position).map(|found| &found.member).ok_or_else(|| format!("no member has index {}", index.0))
    }
}

/// The machine of all replays.
pub(super) fn machine() -> Machine {
    Machine::new(NonZeroUsize::new(2).expect("two is not zero"))
}

/// Applies the blocks to the state of `start`.
pub(super) fn feed(start: Start, blocks: &[OrderedBlock]) -> Result<Replayed, String> {
    let machine = machine();
    let mut state = State::restore(start.checkpoint.clone()).map_err(|error| chain(&error))?;
    let mut topology = start.checkpoint.topology.clone();
    let mut keys = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(blocks.len());
    for block in blocks {
        let outcome = machine.apply(&mut state, block).map_err(|error| chain(&error))?;
        apply_rows(&mut topology, &outcome)?;
        for event in &outcome.events {
            keys.insert(event.time, sequencer_keys(&state, event.time));
        }
        outcomes.push(outcome);
    }
    let members = state.members().iter().cloned().collect();
    Ok(Replayed { start, outcomes, topology, members, keys, state })
}

/// Brings the topology rows up to date, as a store does.
pub(super) fn apply_rows(rows: &mut Vec<TopologyRow>, outcome: &BlockOutcome) -> Result<(), String> {
    rows.extend(outcome.topology.inserted.iter().cloned());
    for (id, until) in &outcome.topology.closed {
        let row =
            rows.iter_mut().find(|row| row.id == *id).ok_or_else(|| format!("row {id} is closed but not there"))?;
        row.valid_until = Some(*until);
    }
    Ok(())
}

fn sequencer_keys(state: &State, time: CantonTimestamp) -> BTreeMap<Member, Vec<SigningPublicKey>> {
    let snapshot = state.snapshot(time);
    let sequencers =
        state.members().iter().filter(|registration| SequencerId::try_from(registration.member.clone()).is_ok());
    sequencers.map(|found| (found.member.clone(), snapshot.signing_keys(&found.member).to_vec())).collect()
}

/// The machine's form of a recorded block. The tick field of the recorded blocks does not count (`tests/recordings/README.md`).
pub(super) fn block(row: &OrderedRow) -> Result<OrderedBlock, String> {
    Ok(OrderedBlock {
        height: row.height,
        base_time: time(row.base_time_us)?,
        tick_at: None,
        frames: Vec::new(),
        events: row.requests.iter().map(event).collect::<Result<_, _>>()?,
    })
}

fn event(request: &Request) -> Result<OrderedEvent, String> {
    let kind = match request.tag.as_str() {
        "send" => OrderedKind::Send,
        "acknowledge" => OrderedKind::Acknowledge,
        other => return Err(format!("unknown tag {other}")),
    };
    let name = &request.sequencer;
    let named = if name.starts_with("SEQ::") { name.clone() } else { format!("SEQ::{name}") };
    let origin = Member::parse(&named).map_err(|error| error.to_string())?;
    let origin = SequencerId::try_from(origin).map_err(|_| format!("{named} is no sequencer"))?;
    Ok(OrderedEvent { time: time(request.time_us)?, origin, kind, bytes: request.body.clone() })
}

/// A time in microseconds.
pub(super) fn time(micros: i64) -> Result<CantonTimestamp, String> {
    CantonTimestamp::from_micros(micros).map_err(|error| error.to_string())
}

/// An error with all its causes.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
