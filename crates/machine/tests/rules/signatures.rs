//! Signatures of requests and envelopes (ch. 03 §3.6 numbers 2 and 9), with session keys (ch. 01 §4.6).

use synod_crypto::{Hash, Signature, ValidityPeriod};
use synod_machine::{AlarmKind, OrderedKind};
use synod_testkit::requests::{Submission, envelope, session_signature};
use synod_types::CantonTimestamp;

use crate::bench::{Bench, at, delivered, dropped};

#[test]
fn a_request_that_its_sender_did_not_sign_is_dropped() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    let submission = Submission::new(&alice, "forged");
    let forged = submission.bytes_signed(|hash| bob.sign(hash));
    let event = bench.event(10, OrderedKind::Send, forged);
    dropped(&bench.block(vec![event]), AlarmKind::InvalidSubmissionRequestSignature);
    let other_content = Submission::new(&alice, "other").request();
    let signed_other = submission.bytes_signed(|_| alice.sign(&synod_crypto::submission_request_hash(&other_content)));
    let event = bench.event(20, OrderedKind::Send, signed_other);
    dropped(&bench.block(vec![event]), AlarmKind::InvalidSubmissionRequestSignature);
}

#[test]
fn envelopes_may_carry_their_senders_signatures_only() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    let to = bob.member().to_string();
    let unsigned = Submission::new(&alice, "unsigned").to(&[&to], b"x");
    delivered(&bench.send_at(10, &unsigned));
    let own = Submission::new(&alice, "own").envelope(envelope(b"x", &[&alice, &alice]), &[&to]);
    delivered(&bench.send_at(20, &own));
    let forwarded = Submission::new(&alice, "forwarded").envelope(envelope(b"x", &[&alice, &bob]), &[&to]);
    dropped(&bench.send_at(30, &forwarded), AlarmKind::InvalidEnvelopeSignature);
}

#[test]
fn a_session_key_counts_from_its_first_moment_to_before_its_last() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let synchronizer = bench.state.psid().logical().clone();
    let validity = ValidityPeriod::new(at(1_000_000), 2).expect("two seconds");
    let sign = |hash: &Hash| -> Signature { session_signature(&alice, "session", &synchronizer, validity, hash) };
    let bytes = Submission::new(&alice, "session").bytes_signed(sign);
    for (micros, is_valid) in [(999_999, false), (1_000_000, true), (2_999_999, true), (3_000_000, false)] {
        let event = bench.event(micros, OrderedKind::Send, bytes.clone());
        let outcome = bench.block(vec![event]);
        if is_valid {
            delivered(&outcome);
        } else {
            dropped(&outcome, AlarmKind::InvalidSubmissionRequestSignature);
        }
    }
}

#[test]
fn a_session_key_needs_the_authorization_of_the_senders_own_key() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    let synchronizer = bench.state.psid().logical().clone();
    let validity = ValidityPeriod::new(at(0), 100).expect("a hundred seconds");
    let submission = Submission::new(&alice, "session");
    let by_bob = submission.bytes_signed(|hash| session_signature(&bob, "session", &synchronizer, validity, hash));
    let event = bench.event(10, OrderedKind::Send, by_bob);
    dropped(&bench.block(vec![event]), AlarmKind::InvalidSubmissionRequestSignature);
}

#[test]
fn keys_count_strictly_after_they_become_effective() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let rotated = alice.with_protocol_key("alice's second key");
    let broadcast = bench.broadcast("rotates", &[rotated.owner_to_key(2)]);
    bench.send_at(0, &broadcast);
    let effective = crate::bench::DELAY_MICROS;
    let (old, new) = (Submission::new(&alice, "old"), Submission::new(&rotated, "new"));
    let invalid = AlarmKind::InvalidSubmissionRequestSignature;
    dropped(&bench.send_at(effective - 1, &new), invalid);
    let outcome = bench.send_at(effective, &old);
    assert_eq!(outcome.events[0].message_id.as_str(), "old");
    dropped(&bench.send_at(effective + 2, &old), invalid);
    delivered(&bench.send_at(effective + 3, &new));
}

#[test]
fn an_unregistered_sender_is_dropped() {
    let mut bench = Bench::new();
    let stranger = crate::bench::participant("stranger");
    dropped(&bench.send_at(10, &Submission::new(&stranger, "hello")), AlarmKind::SenderUnknown);
}

#[test]
fn a_topology_time_is_rejected() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let submission = Submission::new(&alice, "then").topology_timestamp(CantonTimestamp::EPOCH);
    let outcome = bench.send_at(10, &submission);
    let event = crate::bench::rejected(&outcome, "An error occurred. Please contact the operator");
    assert!(!crate::bench::status(event).contains("UNIMPLEMENTED"), "the reason is redacted");
}
