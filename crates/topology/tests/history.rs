//! What the state remembers, and what it forgets.

mod common;

use common::{Node, Synchronizer, seconds};
use synod_topology::{
    DynamicSynchronizerParameters, LoadFault, Operation, SignedTopologyTransaction, TopologyRow, TopologyState,
    init_state,
};
use synod_types::{CantonTimestamp, MemberKind};

/// A state, and the rows that a store has of it.
struct Stored {
    state: TopologyState,
    rows: Vec<TopologyRow>,
}

impl Stored {
    fn apply(&mut self, at: i64, transactions: Vec<SignedTopologyTransaction>) {
        let changes = self.state.apply(seconds(at), seconds(at + 1), transactions, false);
        assert!(changes.validated.iter().all(|validated| validated.rejection.is_none()), "{:?}", changes.validated);
        self.rows.extend(changes.inserted);
        for (id, until) in changes.closed {
            self.rows.iter_mut().filter(|row| row.id == id).for_each(|row| row.valid_until = Some(until));
        }
    }

    fn empty(&self) -> TopologyState {
        TopologyState::new(self.state.psid().clone(), self.state.static_parameters())
    }
}

/// A participant that joins at 11 s and leaves at 31 s, and parameters that change at 21 s and 41 s.
fn history(synchronizer: &Synchronizer, node: &Node) -> Stored {
    let genesis = synchronizer.genesis();
    let mut stored = Stored { state: genesis.state, rows: genesis.rows };
    stored.apply(10, node.registration(synchronizer.id()));
    let parameters = |serial| {
        let max_request_size = 1_000 + serial;
        let parameters = DynamicSynchronizerParameters { max_request_size, ..DynamicSynchronizerParameters::default() };
        synchronizer.by_owners(synchronizer.parameters(serial, parameters), 2)
    };
    stored.apply(20, vec![parameters(2)]);
    let certificate = node.certificate(synchronizer.id(), 1).transaction().mapping().clone();
    stored.apply(30, vec![node.sign(Operation::Remove, 2, certificate)]);
    stored.apply(40, vec![parameters(3)]);
    stored
}

fn answers(state: &TopologyState, node: &Node, at: CantonTimestamp) -> (Option<u32>, bool, bool, usize) {
    let snapshot = state.snapshot(at);
    let size = snapshot.parameters().map(|parameters| parameters.max_request_size);
    let is_active = snapshot.is_participant_active(&node.participant());
    (size, is_active, snapshot.is_known(&node.member), snapshot.known_members().len())
}

#[test]
fn a_restart_changes_no_answer() {
    let (synchronizer, node) = (Synchronizer::new(), Node::new(MemberKind::Participant, "participant"));
    let stored = history(&synchronizer, &node);
    for page in [1, 2, 100] {
        let mut loaded = stored.empty();
        for rows in stored.rows.chunks(page) {
            loaded.load(rows.to_vec()).expect("rows of a state");
        }
        assert_eq!(loaded.next_row_id(), stored.state.next_row_id());
        assert_eq!(loaded.latest_change(), stored.state.latest_change());
        for at in (0..60).map(seconds).chain((0..60).map(|at| seconds(at).immediate_successor())) {
            assert_eq!(answers(&loaded, &node, at), answers(&stored.state, &node, at), "{at}");
        }
        assert_eq!(loaded.first_known(&node.member), stored.state.first_known(&node.member));
    }
}

#[test]
fn intervals_are_open_at_their_beginning() {
    let (synchronizer, node) = (Synchronizer::new(), Node::new(MemberKind::Participant, "participant"));
    let state = history(&synchronizer, &node).state;
    let is_active = |at| answers(&state, &node, at).1;
    assert!(!is_active(seconds(11)) && is_active(seconds(11).immediate_successor()));
    assert!(is_active(seconds(31)) && !is_active(seconds(31).immediate_successor()));
    assert!(state.snapshot(seconds(50)).was_ever_onboarded(&node.participant()));
    assert_eq!(state.first_known(&node.member).map(|known| known.effective), Some(seconds(11)));
}

#[test]
fn forgetting_changes_no_answer_after_it() {
    let (synchronizer, node) = (Synchronizer::new(), Node::new(MemberKind::Participant, "participant"));
    let stored = history(&synchronizer, &node);
    for before in 0..60 {
        let mut pruned = stored.state.clone();
        pruned.prune_window(seconds(before));
        for at in before..60 {
            for at in [seconds(at), seconds(at).immediate_successor()] {
                assert_eq!(answers(&pruned, &node, at), answers(&stored.state, &node, at), "{before} {at}");
            }
        }
        assert!(pruned.first_known(&node.member).is_some(), "is not forgotten");
    }
}

#[test]
fn keys_and_parameters_are_not_forgotten() {
    let (synchronizer, node) = (Synchronizer::new(), Node::new(MemberKind::Participant, "participant"));
    let mut stored = history(&synchronizer, &node);
    let keys = node.identity()[1].transaction().mapping().clone();
    stored.apply(45, vec![node.sign(Operation::Remove, 2, keys)]);
    let (whole, mut pruned) = (stored.state.clone(), stored.state);
    pruned.prune_window(seconds(59));
    let at = seconds(15);
    assert!(answers(&whole, &node, at).1 && !answers(&pruned, &node, at).1, "its membership is forgotten");
    let keys = |state: &TopologyState, at| state.snapshot(at).signing_keys(&node.member).len();
    assert_eq!((keys(&pruned, at), keys(&pruned, seconds(59))), (1, 0));
    let changes = |state: &TopologyState| state.snapshot(seconds(59)).parameter_changes().len();
    assert_eq!((changes(&pruned), changes(&whole)), (3, 3));
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let (synchronizer, node) = (Synchronizer::new(), Node::new(MemberKind::Participant, "participant"));
    let stored = history(&synchronizer, &node);
    let mut twice = stored.rows.clone();
    twice.push(twice[0].clone());
    assert_eq!(stored.empty().load(twice), Err(LoadFault::Order { id: 0 }));
    let mut open = stored.rows.clone();
    let (ended, by) =
        (8, open.iter().filter(|row| row.unique_key == open[8].unique_key).nth(1).expect("a follower").id);
    open[8].valid_until = None;
    assert_eq!(stored.empty().load(open), Err(LoadFault::End { id: ended, by }));
    let mut damaged = stored.rows.clone();
    damaged[3].signed = damaged[3].signed.slice(1..);
    assert!(matches!(stored.empty().load(damaged), Err(LoadFault::Row { id: 3, .. })));
}

#[test]
fn an_initial_state_ends_when_its_member_begins() {
    let (synchronizer, node) = (Synchronizer::new(), Node::new(MemberKind::Participant, "participant"));
    let stored = history(&synchronizer, &node);
    let reference = init_state::reference_time(&stored.state, &node.member, None).expect("was onboarded");
    assert_eq!(reference, seconds(11));
    let rows = init_state::select(stored.rows.clone(), reference);
    assert_eq!(rows.len(), 14, "genesis and the registration");
    assert!(rows.iter().all(|row| row.valid_until.is_none()), "what ended later was not known then");
    let bound = init_state::reference_time(&stored.state, &node.member, Some(seconds(25)));
    let rows = init_state::select(stored.rows.clone(), bound.expect("was onboarded"));
    assert_eq!(rows.len(), 15, "and the first change of parameters");
    assert_ne!(init_state::hash(&rows), init_state::hash(&stored.rows));
    let sequencer = init_state::reference_time(&stored.state, &synchronizer.sequencer.member, None);
    assert_eq!(sequencer, Err(init_state::NoInitialState::Sequencer));
    let stranger = Node::new(MemberKind::Participant, "stranger");
    assert!(init_state::reference_time(&stored.state, &stranger.member, None).is_err());
}
