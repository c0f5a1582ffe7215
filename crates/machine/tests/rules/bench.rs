//! A synchronizer in memory that blocks are fed to.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use synod_machine::{
    AlarmKind, BlockOutcome, EventKind, EventRecord, Machine, OrderedBlock, OrderedEvent, OrderedKind, State, genesis,
};
use synod_testkit::requests::{Network, Submission, TestMember, acknowledgement, genesis_state};
use synod_topology::{
    DynamicSynchronizerParameters, SignedTopologyTransaction, StaticSynchronizerParameters, TopologyRow,
    TrafficControlParameters,
};
use synod_types::{CantonTimestamp, MemberIndex, MemberKind, ProtocolVersion, SequencerId};
use synod_wire::TopologyBroadcast;

/// The times of these tests begin here: 2020-01-01.
const START_MICROS: i64 = 1_577_836_800_000_000;

/// The time `micros` microseconds after the beginning.
pub(crate) fn at(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(START_MICROS + micros).expect("in range")
}

/// How long topology changes take here unless a test says otherwise.
pub(crate) const DELAY_MICROS: i64 = 250_000;

/// A synchronizer with one sequencer, three mediators (group 0, threshold 2) and two participants.
pub(crate) struct Bench {
    pub(crate) network: Network,
    pub(crate) sequencer: TestMember,
    pub(crate) mediators: [TestMember; 3],
    pub(crate) participants: [TestMember; 2],
    pub(crate) machine: Machine,
    pub(crate) state: State,
    /// All topology rows, as a store keeps them.
    pub(crate) rows: Vec<TopologyRow>,
}

/// What a test wants to be different.
pub(crate) struct Setup {
    pub(crate) parameters: DynamicSynchronizerParameters,
    pub(crate) delay: Duration,
}

impl Default for Setup {
    fn default() -> Self {
        Self { parameters: parameters(), delay: Duration::from_micros(DELAY_MICROS.unsigned_abs()) }
    }
}

/// The parameters of these tests: the defaults.
pub(crate) fn parameters() -> DynamicSynchronizerParameters {
    DynamicSynchronizerParameters::default()
}

/// Parameters with traffic control.
pub(crate) fn with_traffic(traffic: TrafficControlParameters) -> Setup {
    let parameters = DynamicSynchronizerParameters { traffic_control: Some(traffic), ..parameters() };
    Setup { parameters, ..Setup::default() }
}

pub(crate) fn participant(name: &str) -> TestMember {
    TestMember::new(MemberKind::Participant, name)
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let sequencer = TestMember::new(MemberKind::Sequencer, "sequencer1");
        let mediators = ["mediator1", "mediator2", "mediator3"].map(|name| TestMember::new(MemberKind::Mediator, name));
        let participants = ["alice", "bob"].map(participant);
        let network = Network::new(sequencer.clone());
        let transactions = network.genesis(
            setup.parameters,
            &[&sequencer],
            (2, &[&mediators[0], &mediators[1], &mediators[2]]),
            &[&participants[0], &participants[1]],
        );
        let mut fixed = StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35);
        fixed.topology_change_delay = setup.delay;
        let checkpoint = genesis(&fixed.encode(), &genesis_state(&transactions)).expect("a sound genesis");
        assert_eq!(checkpoint.psid, *network.psid());
        let rows = checkpoint.topology.clone();
        let state = State::restore(checkpoint).expect("a sound genesis");
        let machine = Machine::new(NonZeroUsize::MIN);
        Self { network, sequencer, mediators, participants, machine, state, rows }
    }

    /// Applies a block. Its base time is that of its first event, or the given one.
    pub(crate) fn block_at(&mut self, base_time: CantonTimestamp, events: Vec<OrderedEvent>) -> BlockOutcome {
        let block =
            OrderedBlock { height: self.state.next_height(), base_time, tick_at: None, frames: Vec::new(), events };
        self.apply(&block)
    }

    pub(crate) fn apply(&mut self, block: &OrderedBlock) -> BlockOutcome {
        let outcome = self.machine.apply(&mut self.state, block).expect("the block follows");
        self.rows.extend(outcome.topology.inserted.iter().cloned());
        for (id, until) in &outcome.topology.closed {
            let row = self.rows.iter_mut().find(|row| row.id == *id).expect("closed rows are there");
            row.valid_until = Some(*until);
        }
        outcome
    }

    pub(crate) fn block(&mut self, events: Vec<OrderedEvent>) -> BlockOutcome {
        let base_time = events.iter().map(|event| event.time).min().expect("a block with events");
        self.block_at(base_time, events)
    }

    /// Applies a block with this submission alone.
    pub(crate) fn send_at(&mut self, micros: i64, submission: &Submission) -> BlockOutcome {
        let event = self.send(micros, submission);
        self.block(vec![event])
    }

    pub(crate) fn send(&self, micros: i64, submission: &Submission) -> OrderedEvent {
        self.event(micros, OrderedKind::Send, submission.bytes())
    }

    pub(crate) fn acknowledge(&self, micros: i64, member: &TestMember, time: CantonTimestamp) -> OrderedEvent {
        self.event(micros, OrderedKind::Acknowledge, acknowledgement(member.member(), time, member))
    }

    pub(crate) fn event(&self, micros: i64, kind: OrderedKind, bytes: Bytes) -> OrderedEvent {
        OrderedEvent { time: at(micros), origin: self.origin(), kind, bytes }
    }

    fn origin(&self) -> SequencerId {
        SequencerId::try_from(self.sequencer.member().clone()).expect("a sequencer")
    }

    /// A broadcast of topology transactions, sent by the sequencer.
    pub(crate) fn broadcast(&self, message_id: &str, transactions: &[SignedTopologyTransaction]) -> Submission {
        let transactions: Vec<Bytes> = transactions.iter().map(|found| found.encode(ProtocolVersion::V35)).collect();
        let broadcast = TopologyBroadcast { psid: self.network.psid().clone(), transactions };
        let content = broadcast.to_versioned_content(ProtocolVersion::V35);
        Submission::new(&self.sequencer, message_id).to(&["ALL::All"], &content)
    }

    pub(crate) fn index(&self, member: &TestMember) -> MemberIndex {
        self.state.members().get(member.member()).expect("registered").index
    }
}

/// The only event of a block.
pub(crate) fn only(outcome: &BlockOutcome) -> &EventRecord {
    let [event] = outcome.events.as_slice() else {
        panic!("{} events, alarms {:?}", outcome.events.len(), outcome.alarms)
    };
    event
}

/// Asserts that the block delivered its only request, and gives the event.
pub(crate) fn delivered(outcome: &BlockOutcome) -> &EventRecord {
    let event = only(outcome);
    assert_eq!(event.kind, EventKind::Deliver, "{:?}", status(event));
    event
}

/// Asserts that the block rejected its only request with this error.
pub(crate) fn rejected<'a>(outcome: &'a BlockOutcome, id: &str) -> &'a EventRecord {
    let event = only(outcome);
    assert_eq!(event.kind, EventKind::Error, "{id}");
    let found = status(event);
    assert!(found.contains(id), "{found}");
    event
}

/// Asserts that the block dropped its only request, and why.
pub(crate) fn dropped(outcome: &BlockOutcome, kind: AlarmKind) {
    assert!(outcome.events.is_empty(), "{:?}", outcome.events);
    let kinds: Vec<AlarmKind> = outcome.alarms.iter().map(|alarm| alarm.kind).collect();
    assert_eq!(kinds, [kind], "{:?}", outcome.alarms);
}

/// The bytes of a deliver error as text, as far as they are.
pub(crate) fn status(event: &EventRecord) -> String {
    String::from_utf8_lossy(event.status.as_deref().unwrap_or_default()).into_owned()
}

/// The message ids of the events, in order.
pub(crate) fn message_ids(outcome: &BlockOutcome) -> Vec<&str> {
    outcome.events.iter().map(|event| event.message_id.as_str()).collect()
}

/// The times of the events, in microseconds after the beginning.
pub(crate) fn times(outcome: &BlockOutcome) -> Vec<i64> {
    outcome.events.iter().map(|event| event.time.as_micros() - START_MICROS).collect()
}
