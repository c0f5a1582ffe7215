//! Participants that register.

mod common;

use common::{Node, Synchronizer, seconds};
use synod_topology::build;
use synod_topology::registration::{RegistrationRefused, check};
use synod_topology::{DynamicSynchronizerParameters, OnboardingRestriction, Operation};
use synod_types::MemberKind;

fn refused(result: Result<Vec<synod_topology::SignedTopologyTransaction>, RegistrationRefused>) -> RegistrationRefused {
    result.expect_err("is refused")
}

#[test]
fn a_participant_registers_once() {
    let synchronizer = Synchronizer::new();
    let mut state = synchronizer.genesis().state;
    let node = Node::new(MemberKind::Participant, "participant");
    let mut transactions = node.registration(synchronizer.id());
    transactions.push(transactions[0].clone());
    let accepted = check(&state, &node.member, transactions, seconds(1)).expect("is accepted");
    assert_eq!(accepted.len(), 3, "of each unique key one");

    let changes = state.apply(seconds(1), seconds(2), accepted, false);
    assert_eq!(changes.registrations, [(node.member.clone(), seconds(2))]);
    let snapshot = state.snapshot(seconds(3));
    assert!(snapshot.is_member_active(&node.member) && snapshot.is_known(&node.member));
    let again = check(&state, &node.member, node.registration(synchronizer.id()), seconds(4));
    assert!(matches!(refused(again), RegistrationRefused::AlreadyOnboarded { .. }));
}

#[test]
fn a_registration_consists_of_the_participants_own_mappings() {
    let synchronizer = Synchronizer::new();
    let state = synchronizer.genesis().state;
    let (node, other) =
        (Node::new(MemberKind::Participant, "participant"), Node::new(MemberKind::Participant, "other"));
    let own = node.registration(synchronizer.id());
    let of = |transactions| refused(check(&state, &node.member, transactions, seconds(1)));

    assert!(matches!(of(Vec::new()), RegistrationRefused::TrustCertificates { found: 0 }));
    assert!(matches!(of(vec![own[2].clone()]), RegistrationRefused::KeyMappings { found: 0 }));
    assert!(matches!(of(own[1..].to_vec()), RegistrationRefused::MissingMapping { .. }));
    let with_group: Vec<_> = own.iter().cloned().chain(synchronizer.transactions().pop()).collect();
    assert!(matches!(of(with_group), RegistrationRefused::UnexpectedMapping { .. }));
    let with_root: Vec<_> = own.iter().cloned().chain([other.identity()[0].clone()]).collect();
    assert!(matches!(of(with_root), RegistrationRefused::OtherNamespace { .. }));
    assert!(matches!(of(other.registration(synchronizer.id())), RegistrationRefused::OtherIdentifier { .. }));
    let proposal: Vec<_> = own.iter().cloned().map(|transaction| transaction.with_proposal(true)).collect();
    assert!(matches!(of(proposal), RegistrationRefused::Proposal { .. }));
    let mapping = own[2].transaction().mapping().clone();
    let removal = vec![own[0].clone(), own[1].clone(), node.sign(Operation::Remove, 1, mapping)];
    assert!(matches!(of(removal), RegistrationRefused::Removal { .. }));
    let eight = (0..6).map(|number| {
        let target = common::key(&format!("delegate {number}"), synod_crypto::KeyUsages::NAMESPACE);
        let delegation = synod_topology::mapping::NamespaceDelegation::new(
            common::namespace_of(&node.namespace_key),
            target.public_key().clone(),
            synod_topology::mapping::DelegationRestriction::CanSignAllMappings,
        );
        node.sign(Operation::Replace, 1, delegation.expect("a delegation"))
    });
    assert!(matches!(of(own.iter().cloned().chain(eight).collect()), RegistrationRefused::TooMany { found: 9 }));
    // Without the root certificate's own signature nothing is authorized.
    let unsigned = build::sign(own[0].transaction().clone(), [&other.namespace_key], false).expect("signs");
    let rejected = of(vec![unsigned, own[1].clone(), own[2].clone()]);
    assert!(matches!(rejected, RegistrationRefused::Rejected(_)) && rejected.is_confidential());
}

#[test]
fn who_may_register_is_up_to_the_owners() {
    let synchronizer = Synchronizer::new();
    let mut state = synchronizer.genesis().state;
    let node = Node::new(MemberKind::Participant, "participant");
    let mediator = check(&state, &synchronizer.mediator.member, Vec::new(), seconds(1));
    assert!(matches!(refused(mediator), RegistrationRefused::NotAParticipant { .. }));
    let locked = DynamicSynchronizerParameters {
        onboarding_restriction: OnboardingRestriction::RestrictedLocked,
        ..DynamicSynchronizerParameters::default()
    };
    let change = synchronizer.by_owners(synchronizer.parameters(2, locked), 2);
    state.apply(seconds(1), seconds(2), vec![change], false);
    // It is sequenced, not effective yet, and counts.
    let result = check(&state, &node.member, node.registration(synchronizer.id()), seconds(2));
    assert_eq!(refused(result), RegistrationRefused::Locked);
}
