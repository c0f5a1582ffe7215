//! A hundred thousand hosted parties are held in a hundred mebibytes.

mod common;

use std::fs;

use common::{Node, Synchronizer, VERSION, seconds};
use synod_topology::mapping::{HostingParticipant, ParticipantPermission, PartyToParticipant, UniqueKey};
use synod_topology::{
    Operation, SignedTopologyTransaction, TopologyRow, TopologySignature, TopologyState, TopologyTransaction,
};
use synod_types::{MemberKind, PartyId, UniqueIdentifier};

const PARTIES: u64 = 100_000;
const PAGE: u64 = 1_000;
const LIMIT_BYTES: u64 = 100 << 20;

/// Bytes of memory that this process uses.
fn used() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split(' ').nth(1).and_then(|field| field.parse().ok()).expect("a number of pages");
    pages * 4_096
}

#[test]
fn hosted_parties_are_small() {
    let synchronizer = Synchronizer::new();
    let (node, other) = (Node::new(MemberKind::Participant, "one"), Node::new(MemberKind::Participant, "other"));
    let genesis = synchronizer.genesis();
    let mut state: TopologyState = genesis.state;
    let registrations = [&node, &other].into_iter().flat_map(|node| node.registration(synchronizer.id())).collect();
    state.apply(seconds(0), seconds(1), registrations, false);
    // The signatures are those of one transaction: a state that is loaded verifies nothing.
    let [root, _] = node.identity();
    let [other_root, _] = other.identity();
    let signatures = [root.signatures()[0].clone(), other_root.signatures()[0].clone()];
    let first = state.next_row_id();
    let before = used();
    for page in 0..PARTIES / PAGE {
        let rows =
            (page * PAGE..(page + 1) * PAGE).map(|number| row(first + number, number, [&node, &other], &signatures));
        state.load(rows.collect()).expect("rows of a state");
    }
    let bytes = used() - before;
    println!("{PARTIES} parties: {} MiB, {} bytes each", bytes >> 20, bytes / PARTIES);
    assert!(bytes < LIMIT_BYTES, "{bytes} bytes");

    let snapshot = state.snapshot(seconds(10));
    let hosted = |number| snapshot.hosting(&PartyId::new(party(number, &node))).map(|found| found.participants.len());
    assert_eq!([hosted(0), hosted(PARTIES - 1), hosted(PARTIES)], [Some(2), Some(2), None]);
    let clones: Vec<TopologyState> = (0..10_000).map(|_| state.clone()).collect();
    assert!(used() - before < LIMIT_BYTES, "{} clones share everything", clones.len());
}

fn party(number: u64, node: &Node) -> UniqueIdentifier {
    UniqueIdentifier::new(&format!("party-{number:032x}"), &node.member.uid().namespace()).expect("an identifier")
}

/// A party that two participants host, signed by both.
fn row(id: u64, number: u64, hosts: [&Node; 2], signatures: &[TopologySignature]) -> TopologyRow {
    let party = PartyId::new(party(number, hosts[0]));
    let hosting = hosts.map(|host| HostingParticipant::new(host.participant(), ParticipantPermission::Confirmation));
    let mapping = PartyToParticipant::new(party.clone(), 1, hosting.to_vec(), None).expect("a threshold");
    let transaction = TopologyTransaction::new(Operation::Replace, 1, mapping, VERSION).expect("a serial");
    let tx_hash = *transaction.hash();
    let signed = SignedTopologyTransaction::new(transaction, signatures.to_vec(), false).expect("signatures");
    TopologyRow {
        id,
        sequenced: seconds(1),
        valid_from: seconds(2),
        valid_until: None,
        batch_index: 0,
        signed: signed.encode(VERSION),
        is_proposal: false,
        rejection: None,
        tx_hash,
        code: synod_topology::MappingCode::PartyToParticipant,
        namespace: party.uid().namespace(),
        identifier: Some(party.uid().identifier().to_owned()),
        unique_key: UniqueKey::party_to_participant(&party),
        serial: 1,
        operation: Operation::Replace,
    }
}
