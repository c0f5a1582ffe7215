//! Damaged bytes: they are refused, or read as something that can be written and read again.

mod common;

use bytes::Bytes;
use common::{Node, Synchronizer, VERSION, seconds};
use synod_topology::broadcast::TopologyTransactionsBroadcast;
use synod_topology::build;
use synod_topology::{SignedTopologyTransaction, TopologyState};
use synod_types::{Fingerprint, MemberKind};

/// All bytes that differ from these in one place, or end early.
fn damaged(bytes: &Bytes) -> impl Iterator<Item = Bytes> {
    let changed = (0..bytes.len()).flat_map(|place| [1, 0x10, 0x80].map(|bit| (place, bit)));
    let changed = changed.map(|(place, bit)| {
        let mut copy = bytes.to_vec();
        copy[place] ^= bit;
        Bytes::from(copy)
    });
    changed.chain((0..bytes.len()).map(|end| bytes.slice(..end)))
}

fn signers(transaction: &SignedTopologyTransaction) -> Vec<Fingerprint> {
    let mut signers: Vec<_> = transaction.signing_fingerprints().cloned().collect();
    signers.sort();
    signers
}

fn transactions(synchronizer: &Synchronizer) -> Vec<SignedTopologyTransaction> {
    let node = Node::new(MemberKind::Participant, "participant");
    let mut all = synchronizer.transactions();
    all.extend(node.registration(synchronizer.id()));
    let together = vec![synchronizer.parameters(2, Default::default()), synchronizer.parameters(3, Default::default())];
    let owners = [&synchronizer.owners[0], &synchronizer.owners[1]];
    all.extend(build::sign_together(together, &owners, true).expect("namespace keys"));
    all
}

#[test]
fn what_is_read_can_be_written_and_read_again() {
    let synchronizer = Synchronizer::new();
    let mut read = 0;
    for transaction in transactions(&synchronizer) {
        for bytes in damaged(&transaction.encode(VERSION)) {
            let Ok(found) = SignedTopologyTransaction::parse(&bytes, VERSION) else { continue };
            let again = SignedTopologyTransaction::parse(&found.encode(VERSION), VERSION).expect("what was written");
            assert_eq!(again.transaction().hash(), found.transaction().hash());
            assert_eq!(signers(&again), signers(&found));
            assert_eq!(again.is_proposal(), found.is_proposal());
            read += 1;
        }
    }
    assert!(read > 1_000, "damage to signatures is not seen by the parser: {read}");
}

#[test]
fn a_damaged_transaction_is_not_accepted() {
    let synchronizer = Synchronizer::new();
    let state: TopologyState = synchronizer.genesis().state;
    let change = synchronizer.by_owners(synchronizer.parameters(2, Default::default()), 2);
    let applied = |transaction| {
        let mut state = state.clone();
        state.apply(seconds(1), seconds(2), vec![transaction], false).validated.remove(0)
    };
    assert!(applied(change.clone()).rejection.is_none());
    let whole = change.transaction().bytes().clone();
    for bytes in damaged(&whole) {
        let Ok(content) = synod_topology::TopologyTransaction::parse(&bytes, VERSION) else { continue };
        let forged = SignedTopologyTransaction::new(content, change.signatures().to_vec(), false).expect("signatures");
        assert!(applied(forged).rejection.is_some(), "signatures are over all bytes");
    }
}

#[test]
fn one_damaged_transaction_voids_a_broadcast() {
    let synchronizer = Synchronizer::new();
    let psid = synchronizer.genesis().psid;
    let broadcast = TopologyTransactionsBroadcast { psid, transactions: synchronizer.transactions() };
    let parsed = TopologyTransactionsBroadcast::parse(&broadcast.encode(VERSION), VERSION).expect("what was written");
    assert_eq!(parsed.transactions.len(), broadcast.transactions.len());
    let mut proto = broadcast.to_proto(VERSION);
    let list = &mut proto.signed_transactions.as_mut().expect("is set").signed_transaction;
    list[5] = list[5].slice(1..);
    let bytes = prost::Message::encode_to_vec(&proto);
    assert!(TopologyTransactionsBroadcast::parse(&bytes, VERSION).is_err());
}
