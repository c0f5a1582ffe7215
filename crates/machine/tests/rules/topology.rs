//! Topology broadcasts (ch. 02 §3.2 and §4.3).

use synod_testkit::requests::Submission;
use synod_topology::DynamicSynchronizerParameters;
use synod_types::ProtocolVersion;
use synod_wire::TopologyBroadcast;

use crate::bench::{Bench, DELAY_MICROS, at, parameters, participant};

#[test]
fn parameters_change_strictly_after_their_effective_time() {
    let mut bench = Bench::new();
    let changed = DynamicSynchronizerParameters { max_request_size: 77_777, ..parameters() };
    let broadcast = bench.broadcast("parameters", &[bench.network.parameters(2, changed)]);
    let outcome = bench.send_at(0, &broadcast);
    assert_eq!(outcome.topology.inserted.len(), 1);
    assert_eq!(
        (outcome.topology.inserted[0].sequenced, outcome.topology.inserted[0].valid_from),
        (at(0), at(DELAY_MICROS))
    );
    let size = |micros| bench.state.snapshot(at(micros)).parameters().expect("parameters").max_request_size;
    assert_eq!(size(DELAY_MICROS), parameters().max_request_size);
    assert_eq!(size(DELAY_MICROS + 1), 77_777);
}

#[test]
fn all_broadcasts_of_an_event_are_one_batch_and_others_do_not_count() {
    let mut bench = Bench::new();
    let version = ProtocolVersion::V35;
    let carol = participant("carol");
    let transactions = bench.network.participant(&carol);
    let content = |found: &[synod_topology::SignedTopologyTransaction]| {
        let encoded: Vec<_> = found.iter().map(|transaction| transaction.encode(version)).collect();
        TopologyBroadcast { psid: bench.network.psid().clone(), transactions: encoded }.to_versioned_content(version)
    };
    // The envelope for the sequencers alone is no broadcast; what does not parse is left out as a whole.
    let (first, second, third) =
        (content(&transactions[..1]), content(&transactions[1..2]), content(&transactions[2..]));
    let mut broken = third.to_vec();
    broken.truncate(third.len() - 3);
    let submission = Submission::new(&bench.sequencer, "several")
        .to(&["ALL::All"], &first)
        .to(&["SOD::"], &third)
        .to(&["ALL::All"], &broken)
        .to(&["ALL::All", "SOD::"], &second);
    let outcome = bench.send_at(0, &submission);
    let places: Vec<u32> = outcome.topology.inserted.iter().map(|row| row.batch_index).collect();
    assert_eq!(places, [0, 1]);
    assert!(outcome.registrations.is_empty(), "the certificate did not arrive");
    let submission = Submission::new(&bench.sequencer, "certificate").to(&["ALL::All"], &third);
    let outcome = bench.send_at(10, &submission);
    let [registration] = outcome.registrations.as_slice() else { panic!("{:?}", outcome.topology.validated) };
    assert_eq!((&registration.member, registration.registered_from), (carol.member(), at(10 + DELAY_MICROS)));
}

#[test]
fn a_broadcast_for_another_synchronizer_does_not_count() {
    let mut bench = Bench::new();
    let other = synod_testkit::requests::Network::new(participant("someone else"));
    let carol = participant("carol");
    let transactions = vec![carol.root().encode(ProtocolVersion::V35)];
    let content =
        TopologyBroadcast { psid: other.psid().clone(), transactions }.to_versioned_content(ProtocolVersion::V35);
    let submission = Submission::new(&bench.sequencer, "lost").to(&["ALL::All"], &content);
    let outcome = bench.send_at(0, &submission);
    assert_eq!(outcome.events.len(), 1);
    assert!(outcome.topology.inserted.is_empty());
    assert_eq!(outcome.latest_pending_topology, Some(at(0)), "only the form of the request counts here");
}

#[test]
fn a_member_is_registered_once() {
    let mut bench = Bench::new();
    let carol = participant("carol");
    let broadcast = bench.broadcast("joins", &bench.network.participant(&carol));
    assert_eq!(bench.send_at(0, &broadcast).registrations.len(), 1);
    let index = bench.index(&carol);
    let group = bench.network.sequencers(2, 1, &[&bench.sequencer], &[]);
    let broadcast = bench.broadcast("again", &[group]);
    assert!(bench.send_at(10, &broadcast).registrations.is_empty());
    assert_eq!(bench.index(&carol), index);
    assert_eq!(index.0 as usize + 1, bench.state.members().len());
}
