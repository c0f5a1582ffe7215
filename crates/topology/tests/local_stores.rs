//! Stores without a synchronizer, and which keys of a node sign.

mod common;

use std::collections::BTreeSet;

use common::{VERSION, key, namespace_of, seconds};
use synod_crypto::{KeyUsages, SigningPrivateKey};
use synod_topology::mapping::{DelegationRestriction, NamespaceDelegation};
use synod_topology::{LocalTopology, MappingCode, Operation, SignedTopologyTransaction, TopologyTransaction, build};
use synod_types::Fingerprint;

fn namespace_key(name: &str) -> SigningPrivateKey {
    key(name, KeyUsages::NAMESPACE)
}

fn fingerprint(key: &SigningPrivateKey) -> Fingerprint {
    key.public_key().fingerprint().clone()
}

fn delegation(
    root: &SigningPrivateKey,
    by: &SigningPrivateKey,
    to: &SigningPrivateKey,
    restriction: DelegationRestriction,
) -> SignedTopologyTransaction {
    let mapping = NamespaceDelegation::new(namespace_of(root), to.public_key().clone(), restriction).expect("valid");
    let transaction = TopologyTransaction::new(Operation::Replace, 1, mapping, VERSION).expect("a serial");
    build::sign(transaction, [by], false).expect("signs")
}

#[test]
fn the_key_farthest_from_the_root_signs() {
    let [root, one, two, other_two] = ["root", "one", "two", "other two"].map(namespace_key);
    let all = || DelegationRestriction::CanSignAllMappings;
    let mut topology = LocalTopology::new(false);
    let root_certificate = build::root_certificate(&root, VERSION).expect("signs");
    let transactions = [
        root_certificate,
        delegation(&root, &root, &one, all()),
        delegation(&root, &one, &two, DelegationRestriction::CanSignAllButNamespaceDelegations),
        delegation(&root, &one, &other_two, all()),
    ];
    for (second, transaction) in (1..).zip(transactions) {
        let changes = topology.apply(seconds(second), transaction, true);
        assert_eq!(changes.validated[0].rejection, None);
    }
    let target = namespace_key("new");
    let to_sign = delegation(&root, &root, &target, all());
    let to_sign = to_sign.transaction();
    let choose = |own: &[&SigningPrivateKey], all| {
        let own: BTreeSet<Fingerprint> = own.iter().map(|key| fingerprint(key)).collect();
        topology.rows().signing_keys(to_sign, &own, all).keys
    };
    let set = |keys: &[&SigningPrivateKey]| keys.iter().map(|key| fingerprint(key)).collect::<BTreeSet<_>>();
    assert_eq!(choose(&[&root], false), set(&[&root]));
    assert_eq!(choose(&[&root, &one], false), set(&[&one]));
    assert_eq!(choose(&[&root, &one, &two], false), set(&[&one]), "the other may not sign delegations");
    assert_eq!(choose(&[&root, &one, &two, &other_two], false), set(&[&other_two]));
    assert_eq!(choose(&[&root, &one, &two, &other_two], true), set(&[&root, &one, &other_two]));
    assert_eq!(choose(&[&target], false), BTreeSet::new());
    assert_eq!(to_sign.mapping().code(), MappingCode::NamespaceDelegation);
}

#[test]
fn a_root_certificate_is_signed_by_its_own_key_also_before_it_is_there() {
    let root = namespace_key("root");
    let certificate = build::root_certificate(&root, VERSION).expect("signs");
    let topology = LocalTopology::new(true);
    let keys = topology.rows().signing_keys(certificate.transaction(), &BTreeSet::new(), false).keys;
    assert_eq!(keys, BTreeSet::from([fingerprint(&root)]));
}

#[test]
fn a_delegation_that_nobody_rooted_is_refused_and_serials_follow() {
    let [root, one] = ["root", "one"].map(namespace_key);
    let mut topology = LocalTopology::new(true);
    let unrooted = delegation(&root, &root, &one, DelegationRestriction::CanSignAllMappings);
    let refused = topology.apply(seconds(1), unrooted.clone(), false);
    assert_eq!(
        refused.validated[0].rejection.as_ref().map(|rejection| rejection.class()),
        Some("NoDelegationFoundForKeys")
    );
    topology.apply(seconds(2), build::root_certificate(&root, VERSION).expect("signs"), true);
    let accepted = topology.apply(seconds(3), unrooted.clone(), true);
    assert_eq!(accepted.validated[0].rejection, None);
    let hash = unrooted.transaction().hash();
    assert!(topology.rows().with_hash(hash).is_some() && topology.rows().same(unrooted.transaction()).is_some());
    assert!(topology.rows().has_root_certificate(&namespace_of(&root)));
}
