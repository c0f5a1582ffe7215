//! Recipients (ch. 03 §3.6 numbers 5, 6, 10, and §4).

use synod_machine::delivery::{Reader, is_visible, member_event};
use synod_machine::{AlarmKind, EventRecipients, EventRecord};
use synod_testkit::requests::{Submission, TestMember};
use synod_types::{MemberKind, Recipient};
use synod_wire::{SequencedEvent, SequencedEventContent};

use crate::bench::{Bench, DELAY_MICROS, at, delivered, dropped, participant, rejected, status};

#[test]
fn unknown_recipients_are_rejected_and_the_sender_alone_learns_it() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    let stranger = participant("stranger").member().to_string();
    let submission = Submission::new(&alice, "lost").to(&[&stranger, &bob.member().to_string()], b"x");
    let outcome = bench.send_at(10, &submission);
    let event = rejected(&outcome, "SEQUENCER_UNKNOWN_RECIPIENTS");
    assert!(status(event).contains(&format!(
        "Unknown recipients: {}",
        synod_wire::status::short_member(participant("stranger").member())
    )));
    assert_eq!(event.recipients, EventRecipients::Members(vec![bench.index(&alice)]));
}

#[test]
fn more_than_one_mediator_is_dropped() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let mediator = bench.mediators[0].member().to_string();
    for recipients in [["MGR::0", "MGR::1"], ["MGR::0", mediator.as_str()], ["MGR::0", "ALL::All"]] {
        let submission = Submission::new(&alice, "two").to(&recipients, b"x");
        dropped(&bench.send_at(10, &submission), AlarmKind::MultipleMediatorRecipients);
    }
    let same_twice = Submission::new(&alice, "one").to(&["MGR::0"], b"x").to(&["MGR::0"], b"y");
    delivered(&bench.send_at(10, &same_twice));
}

#[test]
fn a_group_that_does_not_exist_is_refused() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let outcome = bench.send_at(10, &Submission::new(&alice, "nowhere").to(&["MGR::7"], b"x"));
    let event = rejected(&outcome, "SEQUENCER_SUBMISSION_REQUEST_REFUSED");
    assert!(status(event).contains("The following mediator groups do not exist List(7)"));
}

#[test]
fn passive_members_of_a_group_receive_what_it_receives() {
    let mut bench = Bench::new();
    let (alice, [first, second, third]) = (bench.participants[0].clone(), bench.mediators.clone());
    let group = bench.network.mediators(2, 0, 1, &[&first, &second], &[&third]);
    let broadcast = bench.broadcast("observer", &[group]);
    bench.send_at(10, &broadcast);
    let now = 20 + DELAY_MICROS;
    let outcome = bench.send_at(now, &Submission::new(&alice, "to the group").to(&["MGR::0"], b"x"));
    let event = &outcome.events[0];
    let mut expected: Vec<_> = [&first, &second, &third].map(|mediator| bench.index(mediator)).to_vec();
    expected.sort_unstable();
    assert_eq!(event.groups[0].recipient, Recipient::parse("MGR::0").expect("a group"));
    assert_eq!(event.groups[0].members, expected);
    assert_eq!(envelopes(&bench, event, &third), 1);
}

#[test]
fn a_member_that_joins_can_be_addressed_from_its_first_moment_on_but_reads_only_later_events() {
    let mut bench = Bench::new();
    let (alice, carol) = (bench.participants[0].clone(), participant("carol"));
    let joins = bench.broadcast("joins", &bench.network.participant(&carol));
    bench.send_at(10, &joins);
    let effective = 10 + DELAY_MICROS;
    let submission = Submission::new(&alice, "hello").to(&[&carol.member().to_string()], b"x");
    rejected(&bench.send_at(effective - 1, &submission), "SEQUENCER_UNKNOWN_RECIPIENTS");
    let outcome = bench.send_at(effective, &submission);
    let (hello, tick) = (&outcome.events[0], &outcome.events[1]);
    assert_eq!(hello.time, at(effective));
    let registration = bench.state.members().get(carol.member()).expect("registered").clone();
    assert_eq!(registration.registered_from, at(effective));
    let reader = reader(&bench, &carol);
    assert!(hello.recipients == EventRecipients::Members(vec![bench.index(&alice), registration.index]));
    assert!(!is_visible(hello, &reader));
    assert!(is_visible(tick, &reader), "the first event that a member reads is after the time of its registration");
}

#[test]
fn only_the_sender_sees_the_message_id() {
    let mut bench = Bench::new();
    let [alice, bob] = bench.participants.clone();
    let outcome = bench.send_at(10, &Submission::new(&alice, "secret name").to(&[&bob.member().to_string()], b"x"));
    let event = delivered(&outcome);
    let message_id = |member: &TestMember| parsed(&bench, event, member).message_id.map(|id| id.as_str().to_owned());
    assert_eq!(message_id(&alice).as_deref(), Some("secret name"));
    assert_eq!(message_id(&bob), None);
    // The sender is no recipient of the envelope.
    assert_eq!((envelopes(&bench, event, &alice), envelopes(&bench, event, &bob)), (0, 1));
}

#[test]
fn a_member_is_not_in_a_group_that_it_joined_later() {
    let mut bench = Bench::new();
    let alice = bench.participants[0].clone();
    let fourth = TestMember::new(MemberKind::Mediator, "mediator4");
    let outcome = bench.send_at(5, &Submission::new(&alice, "before").to(&["MGR::0"], b"x"));
    let before = delivered(&outcome).clone();
    let [first, second, third] = bench.mediators.clone();
    let group = bench.network.mediators(2, 0, 2, &[&first, &second, &third, &fourth], &[]);
    let broadcast = bench.broadcast("grows", &[fourth.root(), fourth.owner_to_key(1), group]);
    bench.send_at(10, &broadcast);
    assert!(bench.state.members().get(fourth.member()).is_some());
    assert!(!is_visible(&before, &reader(&bench, &fourth)));
    assert_eq!(envelopes(&bench, &before, &fourth), 0);
}

fn reader<'a>(bench: &Bench, member: &'a TestMember) -> Reader<'a> {
    let found = bench.state.members().get(member.member()).expect("registered");
    Reader {
        member: member.member(),
        index: found.index,
        registered_from: found.registered_from,
        is_this_sequencer: false,
    }
}

fn parsed(bench: &Bench, event: &EventRecord, member: &TestMember) -> SequencedEvent {
    let bytes = member_event(bench.state.psid(), event, &reader(bench, member), None).expect("a sound event");
    SequencedEvent::parse(&bytes, bench.state.protocol_version(), usize::MAX).expect("a sound event")
}

fn envelopes(bench: &Bench, event: &EventRecord, member: &TestMember) -> usize {
    match parsed(bench, event, member).content {
        SequencedEventContent::Deliver { batch } => batch.len(),
        SequencedEventContent::Error { .. } => 0,
    }
}
