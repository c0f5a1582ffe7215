//! From owners' keys to a synchronizer, and how the owners change it.

mod common;

use common::{Synchronizer, VERSION, key, namespace_of, seconds};
use synod_crypto::KeyUsages;
use synod_topology::build;
use synod_topology::genesis::{Genesis, InvalidGenesis, encode_v1, encode_v2, parse_v1, replay};
use synod_topology::{
    DynamicSynchronizerParameters, OnboardingRestriction, StaticSynchronizerParameters, TopologyChanges, TopologyState,
};
use synod_types::{CantonTimestamp, MediatorId, SequencerId};

const GENESIS: CantonTimestamp = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;

#[test]
fn owners_found_a_synchronizer() {
    let synchronizer = Synchronizer::new();
    let genesis = synchronizer.genesis();
    assert_eq!(genesis.psid.logical(), synchronizer.id());
    assert!(genesis.rows.iter().all(|row| row.valid_from == GENESIS && row.rejection.is_none() && !row.is_proposal));
    let members: Vec<_> = genesis.registrations.iter().map(|(member, _)| member.clone()).collect();
    assert_eq!(members, [synchronizer.mediator.member.clone(), synchronizer.sequencer.member.clone()]);

    let before = genesis.state.snapshot(GENESIS);
    assert!(before.sequencer_group().is_none() && before.known_members().is_empty(), "not in force yet");
    let after = genesis.state.snapshot(GENESIS.immediate_successor());
    let sequencer = SequencerId::try_from(synchronizer.sequencer.member.clone()).expect("a sequencer");
    let mediator = MediatorId::try_from(synchronizer.mediator.member.clone()).expect("a mediator");
    assert!(after.is_sequencer_active(&sequencer) && after.is_mediator_active(&mediator));
    assert_eq!(after.parameters(), Some(&DynamicSynchronizerParameters::default()));
    assert_eq!(after.signing_keys(&sequencer.member()), [synchronizer.sequencer.protocol_key.public_key().clone()]);
}

#[test]
fn a_genesis_travels_in_both_formats() {
    let genesis = Synchronizer::new().genesis();
    let parameters = genesis.static_parameters.encode();
    let of_v1 = Genesis::from_v1(&parameters, &encode_v1(&genesis.rows, VERSION)).expect("the first format");
    let of_v2 = Genesis::from_v2(&parameters, &encode_v2(&genesis.rows, VERSION)).expect("the second format");
    assert_eq!(of_v1.rows, genesis.rows);
    assert_eq!(of_v2.rows, genesis.rows);
    let cut = encode_v2(&genesis.rows, VERSION);
    let cut = cut.slice(..cut.len() - 1);
    assert!(matches!(Genesis::from_v2(&parameters, &cut), Err(InvalidGenesis::Topology(_))));
}

#[test]
fn a_genesis_that_is_not_authorized_is_refused() {
    let synchronizer = Synchronizer::new();
    let parameters = || StaticSynchronizerParameters::jce_defaults(VERSION);
    let mut transactions = synchronizer.transactions();
    let last = transactions.len() - 1;
    let unsigned = transactions[last].transaction().clone();
    transactions[last] = synchronizer.by_owners(unsigned, 1);
    let refused = Genesis::new(parameters(), Genesis::prepare(transactions.clone()));
    assert!(matches!(refused, Err(InvalidGenesis::Mismatch(mismatch)) if mismatch.index == last), "{refused:?}");

    transactions.truncate(last);
    let refused = Genesis::new(parameters(), Genesis::prepare(transactions));
    assert_eq!(refused.err(), Some(InvalidGenesis::NoSequencers));
}

#[test]
fn repetitions_are_merged() {
    let synchronizer = Synchronizer::new();
    let mut transactions = synchronizer.transactions();
    let of_third = build::sign(transactions[8].transaction().clone(), [&synchronizer.owners[2]], false).expect("signs");
    transactions.push(of_third);
    let prepared = Genesis::prepare(transactions.clone());
    assert_eq!(prepared.len(), transactions.len() - 1);
    assert_eq!(prepared[8].transaction.signatures().len(), 3);
    let genesis = Genesis::new(StaticSynchronizerParameters::jce_defaults(VERSION), prepared).expect("a genesis");
    assert_eq!(genesis.rows.len(), transactions.len() - 1);
}

fn locked() -> DynamicSynchronizerParameters {
    DynamicSynchronizerParameters {
        onboarding_restriction: OnboardingRestriction::UnrestrictedLocked,
        ..DynamicSynchronizerParameters::default()
    }
}

fn only(changes: &TopologyChanges) -> (bool, Option<&'static str>) {
    let [validated] = changes.validated.as_slice() else { panic!("one transaction") };
    (validated.is_proposal, validated.rejection.as_ref().map(synod_topology::TopologyRejection::class))
}

#[test]
fn owners_change_parameters_one_by_one() {
    let synchronizer = Synchronizer::new();
    let mut genesis = synchronizer.genesis();
    let state = &mut genesis.state;
    let change = synchronizer.parameters(2, locked());
    let by = |owner: usize, is_proposal| {
        build::sign(change.clone(), [&synchronizer.owners[owner]], is_proposal).expect("a namespace key")
    };
    // Not enough, and it does not say so; then as a proposal; then again; then the second owner.
    let refused = state.apply(seconds(1), seconds(2), vec![by(0, false)], false);
    assert_eq!(only(&refused), (false, Some("NotFullyAuthorized")));
    let proposed = state.apply(seconds(3), seconds(4), vec![by(0, true)], false);
    assert_eq!(only(&proposed), (true, None));
    let again = state.apply(seconds(5), seconds(6), vec![by(0, true)], false);
    assert_eq!(again.closed, [(proposed.inserted[0].id, seconds(6))], "the same proposal takes its place");
    let complete = state.apply(seconds(7), seconds(8), vec![by(1, true)], false);
    assert_eq!(only(&complete), (false, None));
    assert_eq!(complete.validated[0].signers.len(), 2);
    let restriction = |at| state.snapshot(at).parameters().map(|parameters| parameters.onboarding_restriction);
    assert_eq!(restriction(seconds(8)), Some(OnboardingRestriction::UnrestrictedOpen));
    assert_eq!(restriction(seconds(8).immediate_successor()), Some(OnboardingRestriction::UnrestrictedLocked));
}

#[test]
fn a_changed_signature_sinks_a_transaction_but_a_strangers_does_not() {
    let synchronizer = Synchronizer::new();
    let state = synchronizer.genesis().state;
    let change = synchronizer.by_owners(synchronizer.parameters(2, locked()), 2);
    let stranger = key("stranger", KeyUsages::NAMESPACE);
    let mut with_stranger = change.clone();
    build::add_signature(&mut with_stranger, &stranger).expect("signs");
    let changes = state.clone().apply(seconds(1), seconds(2), vec![with_stranger], false);
    assert_eq!(only(&changes), (false, None));
    assert!(!changes.validated[0].signers.contains(namespace_of(&stranger).fingerprint()), "is stripped");

    // The signature of another transaction, by the second owner.
    let other = build::sign(synchronizer.parameters(3, locked()), [&synchronizer.owners[1]], false).expect("signs");
    let signatures = vec![change.signatures()[0].clone(), other.signatures()[0].clone()];
    let forged = synod_topology::SignedTopologyTransaction::new(change.transaction().clone(), signatures, false);
    let changes = state.clone().apply(seconds(1), seconds(2), vec![forged.expect("signatures")], false);
    assert_eq!(only(&changes), (false, Some("SignatureCheckFailed")));
}

#[test]
fn one_signature_covers_several_transactions() {
    let synchronizer = Synchronizer::new();
    let mut state = synchronizer.genesis().state;
    let changes = vec![synchronizer.parameters(2, locked()), synchronizer.parameters(3, Default::default())];
    let owners = [&synchronizer.owners[0], &synchronizer.owners[2]];
    let signed = build::sign_together(changes, &owners, false).expect("signs");
    let changes = state.apply(seconds(1), seconds(2), signed, false);
    assert!(changes.validated.iter().all(|validated| validated.rejection.is_none() && !validated.is_proposal));
    assert!(changes.closed.contains(&(changes.inserted[0].id, seconds(2))), "it ended in the batch in which it began");
    let history = state.snapshot(seconds(3));
    assert_eq!(history.parameter_changes().len(), 3);
}

#[test]
fn signatures_can_be_verified_in_advance() {
    let synchronizer = Synchronizer::new();
    let mut state = synchronizer.genesis().state;
    let batch = vec![synchronizer.by_owners(synchronizer.parameters(2, locked()), 2)];
    let tasks = state.signature_tasks(seconds(2), &batch, false);
    assert_eq!(tasks.len(), 2);
    assert!(tasks.iter().all(|task| task.verify(state.crypto_restrictions()).is_ok()));
    state.remember_valid(&tasks);
    assert!(state.signature_tasks(seconds(2), &batch, false).is_empty(), "nothing is left to verify");
    assert_eq!(only(&state.apply(seconds(1), seconds(2), batch, false)), (false, None));
}

#[test]
fn a_state_is_judged_again_as_it_was() {
    let synchronizer = Synchronizer::new();
    let genesis = synchronizer.genesis();
    let (mut state, mut rows) = (genesis.state.clone(), genesis.rows.clone());
    for (number, owners) in [(1, 1), (2, 2), (3, 1)] {
        let change = synchronizer.by_owners(synchronizer.parameters(2, locked()), owners);
        let changes = state.apply(seconds(number), seconds(number + 1), vec![change], false);
        rows.extend(changes.inserted);
        for (id, until) in changes.closed {
            rows.iter_mut().filter(|row| row.id == id).for_each(|row| row.valid_until = Some(until));
        }
    }
    let stored = parse_v1(&encode_v1(&rows, VERSION), VERSION).expect("what was written");
    let empty = || TopologyState::new(genesis.psid.clone(), &genesis.static_parameters);
    let again = replay(empty(), stored.clone()).expect("the same judgement");
    assert_eq!(again.rows, rows);
    assert_eq!(again.registrations, genesis.registrations);

    let mut forged = stored;
    let last = forged.len() - 1;
    forged[last].rejection = if forged[last].rejection.is_some() { None } else { Some("no".to_owned()) };
    assert_eq!(replay(empty(), forged).err().map(|mismatch| mismatch.index), Some(last));
}
