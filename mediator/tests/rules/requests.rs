//! Requests: which ones wait for responses, and what is said about the others.

use std::cell::RefCell;

use bytes::Bytes;
use synod_crypto::Hash;
use synod_mediator::build::approve;
use synod_mediator::messages::{RequestUuid, Verdict, ViewPosition, ViewType};
use synod_mediator::rules::{AlarmKind, SendDecision};
use synod_testkit::requests::session_signature;
use synod_topology::broadcast::TopologyTransactionsBroadcast;
use synod_types::{MediatorGroupIndex, PhysicalSynchronizerId};
use synod_wire::AggregationRule;

use crate::bed::*;
use crate::expected::{self, assert_same, assert_silent, kinds};

/// What becomes of a request.
enum Expected {
    Pending,
    Malformed,
    Invalid(String),
    /// Nothing is said, nothing is stored.
    Discarded,
}

struct Row {
    name: &'static str,
    /// Mediator groups, if they matter.
    groups: Option<&'static [Group]>,
    change: fn(&mut Bed, &mut Draft),
    expected: fn() -> Expected,
    alarms: &'static [AlarmKind],
    /// To whom a rejection goes, a list for each submission.
    told: &'static [&'static [&'static str]],
}

const MALFORMED: &[AlarmKind] = &[AlarmKind::MalformedMessage];
const BOTH: &[&[&str]] = &[&["p1", "p2"]];

const fn row(name: &'static str, change: fn(&mut Bed, &mut Draft), expected: fn() -> Expected) -> Row {
    Row { name, groups: None, change, expected, alarms: &[], told: &[] }
}

const fn malformed(name: &'static str, change: fn(&mut Bed, &mut Draft)) -> Row {
    Row { alarms: MALFORMED, told: BOTH, ..row(name, change, || Expected::Malformed) }
}

fn other_hash() -> Hash {
    Hash::digest(synod_crypto::HashPurpose::of_id(3), b"another root hash")
}

fn rows() -> Vec<Row> {
    vec![
        row("valid", |_, _| {}, || Expected::Pending),
        row(
            "several roots and nested views",
            |_, draft| {
                let mut nested = of_all(&["alice", "bob"]);
                nested.subviews = vec![of_all(&["bob"]), view(&["alice", "watcher"], &[(&[("alice", 2)], 1)])];
                nested.subviews[0].subviews =
                    vec![view(&["carol", "bob"], &[(&[("bob", 1)], 1), (&[("carol", 1)], 0)])];
                draft.request.views = vec![nested, of_all(&["alice"])];
                draft.root_hashes.push(RootHashDraft::new(&["p3"]));
            },
            || Expected::Pending,
        ),
        row(
            "an observer is informed but does not confirm",
            |_, draft| {
                draft.request.views = vec![view(&["alice", "watcher"], &[(&[("alice", 1)], 1)])];
                draft.root_hashes = vec![RootHashDraft::new(&["p1"]), RootHashDraft::new(&["p3"])];
            },
            || Expected::Pending,
        ),
        malformed("signature by another key", |_, draft| draft.signer = participant("p2")),
        malformed("no quorum with a threshold", |_, draft| {
            draft.request.views = vec![view(&["alice", "bob"], &[(&[("alice", 1)], 0), (&[("bob", 1)], 0)])];
        }),
        malformed("a view without quorums", |_, draft| {
            draft.request.views.push(view(&["alice"], &[]));
        }),
        malformed("one of the quorums cannot be reached", |_, draft| {
            draft.request.views = vec![view(&["alice", "bob"], &[(&[("alice", 1)], 1), (&[("bob", 1)], 2)])];
        }),
        Row {
            told: &[&["p1", "p3"]],
            ..malformed("a confirmer that nobody confirms for", |_, draft| {
                draft.request.views = vec![view(&["alice", "watcher"], &[(&[("alice", 1), ("watcher", 1)], 2)])];
                draft.root_hashes = vec![RootHashDraft::new(&["p1"]), RootHashDraft::new(&["p3"])];
            })
        },
        row(
            "enough weight without it",
            |_, draft| {
                draft.request.views = vec![view(&["alice", "watcher"], &[(&[("alice", 2), ("watcher", 1)], 2)])];
                draft.root_hashes = vec![RootHashDraft::new(&["p1"]), RootHashDraft::new(&["p3"])];
            },
            || Expected::Pending,
        ),
        malformed("weights that overflow", |_, draft| {
            let most = u32::MAX >> 1;
            draft.request.views = vec![view(&["alice", "bob"], &[(&[("alice", most), ("bob", most)], 1)])];
        }),
        malformed("an unknown mediator group", |_, draft| {
            draft.request.mediator_group = MediatorGroupIndex::new(7).expect("a group");
        }),
        malformed("a group that this mediator is not in", |_, draft| {
            draft.request.mediator_group = MediatorGroupIndex::new(1).expect("a group");
        }),
        malformed("the envelope goes to another group", |_, draft| draft.recipients = group_of(&["MGR::1"])),
        malformed("the envelope goes to somebody else too", |_, draft| {
            let other = participant("p1").member().to_string();
            draft.recipients = group_of(&["MGR::0", other.as_str()]);
        }),
        Row {
            // Fewer active mediators than the threshold: one that is there twice is one.
            groups: Some(&[(0, 2, &["m1", "m1"], &[])]),
            alarms: &[AlarmKind::NotForUs],
            ..row("an inactive group", |_, _| {}, || Expected::Discarded)
        },
        Row {
            alarms: &[AlarmKind::InvalidMessage],
            told: BOTH,
            ..row(
                "an informee without host",
                |_, draft| {
                    draft.request.views.push(of_all(&["nobody"]));
                },
                || {
                    let nobody = party("nobody").to_string();
                    let (name, fingerprint) = nobody.split_once("::").expect("an identifier");
                    Expected::Invalid(format!(
                        "Received a mediator confirmation request with id RequestId(2027-01-15T08:00:00Z) with some informees \
                     not being hosted by an active participant: {name}::{}.... Rejecting request...",
                        &fingerprint[..12]
                    ))
                },
            )
        },
        row(
            "an informee whose name is no identifier",
            |_, draft| {
                let plain = synod_mediator::messages::LfParty::parse("plain", "party").expect("a party");
                draft.request.views[0].informees.push(plain);
            },
            || Expected::Pending,
        ),
        malformed("topology transactions in the same batch", |bed, draft| {
            draft.beside.push(broadcast(bed.psid(), &["ALL::All"]));
        }),
        row(
            "topology transactions that are not for all",
            |bed, draft| {
                draft.beside.push(broadcast(bed.psid(), &["MGR::0"]));
            },
            || Expected::Pending,
        ),
        Row {
            alarms: &[AlarmKind::OtherSynchronizer],
            ..row(
                "topology transactions of another synchronizer",
                |_, draft| {
                    draft.beside.push(broadcast(&other_psid(), &["ALL::All"]));
                },
                || Expected::Pending,
            )
        },
        Row {
            groups: Some(&[(0, 1, &["m2"], &[])]),
            alarms: &[AlarmKind::NotForUs],
            ..row("the mediator is in no group", |_, _| {}, || Expected::Discarded)
        },
        Row {
            groups: Some(&[(0, 1, &["m2"], &["m1"])]),
            ..row("the mediator is passive in the group", |_, _| {}, || Expected::Pending)
        },
        Row {
            alarms: &[AlarmKind::OtherSynchronizer],
            ..row(
                "a request for another synchronizer",
                |_, draft| draft.request.psid = other_psid(),
                || Expected::Discarded,
            )
        },
        Row {
            alarms: MALFORMED,
            ..row(
                "two requests in one batch",
                |_, draft| {
                    let second = draft.build();
                    draft.beside.push((unsigned(&second.content), group_of(&["MGR::0"])));
                },
                || Expected::Discarded,
            )
        },
        Row {
            alarms: MALFORMED,
            ..row(
                "a request and a response in one batch",
                |bed, draft| {
                    let built = draft.build();
                    let response = approve(built.positions[0].clone(), parties(&["alice"]));
                    draft.beside.push(bed.answer((START, &built.root_hash), "p1", &[response]));
                },
                || Expected::Discarded,
            )
        },
    ]
}

pub(crate) fn other_psid() -> PhysicalSynchronizerId {
    PhysicalSynchronizerId::parse("other::1220aa::35-0").expect("a synchronizer")
}

fn broadcast(psid: &PhysicalSynchronizerId, to: &[&str]) -> (synod_wire::Envelope, synod_wire::Recipients) {
    let message = TopologyTransactionsBroadcast { psid: psid.clone(), transactions: Vec::new() }.to_proto(VERSION);
    let content =
        synod_proto::protocol::v31::envelope_content::SomeEnvelopeContent::TopologyTransactionsBroadcast(message);
    (unsigned(&envelope_content(content, VERSION)), group_of(to))
}

#[test]
fn requests_are_judged() {
    for row in rows() {
        let mut bed = row.groups.map_or_else(Bed::new, Bed::with_groups);
        let mut draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
        (row.change)(&mut bed, &mut draft);
        let built = draft.build();
        let outcome = bed.deliver(START, draft.envelopes(&built));
        let name = row.name;
        assert_eq!(kinds(&outcome.alarms), row.alarms, "{name}: {:?}", outcome.alarms);
        let verdict = match (row.expected)() {
            Expected::Pending => {
                assert_eq!((outcome.opened, bed.rules.pending_count()), (1, 1), "{name}");
                assert_eq!(bed.rules.oldest_pending(), Some(at(START)), "{name}");
                assert_eq!(bed.rules.next_deadline(), Some(at(START + DEADLINE)), "{name}");
                assert!(outcome.finalized.is_empty() && outcome.submissions.is_empty(), "{name}");
                continue;
            }
            Expected::Discarded => {
                assert_silent(name, &outcome);
                assert_eq!(bed.rules.pending_count(), 0, "{name}");
                continue;
            }
            Expected::Malformed => expected::malformed(),
            Expected::Invalid(cause) => expected::invalid(&cause),
        };
        assert_rejected(&mut bed, (name, &outcome), (&draft, &built.content), &verdict, row.told);
    }
}

/// The request is decided at once and told to these participants, and nothing of it waits.
pub(crate) fn assert_rejected(
    bed: &mut Bed,
    (name, outcome): (&str, &synod_mediator::rules::Outcome),
    (draft, content): (&Draft, &Bytes),
    verdict: &Verdict,
    told: &[&[&str]],
) {
    let [finalized] = &outcome.finalized[..] else { panic!("{name}: {outcome:?}") };
    assert_eq!((finalized.request_id, finalized.finalization_time), (at(START), at(START)), "{name}");
    assert_eq!(finalized.request, *content, "{name}");
    assert_same(name, &finalized.verdict, verdict);
    let found: Vec<Vec<_>> = outcome.submissions.iter().map(|submission| submission.recipients.clone()).collect();
    let told: Vec<Vec<_>> = told.iter().map(|names| names.iter().map(|name| participant_id(name)).collect()).collect();
    assert_eq!(found, told, "{name}");
    for submission in &outcome.submissions {
        assert_eq!((submission.request_id, submission.result.request_id), (at(START), at(START)), "{name}");
        assert_same(name, &submission.result.verdict, verdict);
        assert_eq!(submission.result.psid, *bed.psid(), "{name}");
        assert_eq!(submission.max_sequencing_time, at(START + DECISION), "{name}");
        assert_eq!(submission.topology_timestamp, None, "{name}");
        // The group is that of the root hash messages, whatever the request declares.
        let group = MediatorGroupIndex::new(0).expect("a group");
        assert_eq!(submission.aggregation_rule, Some(AggregationRule::MediatorGroup(group)), "{name}");
        assert_eq!((submission.group, submission.send), (group, SendDecision::Now), "{name}");
        let key = mediator("m1").protocol_key().public_key().fingerprint().clone();
        assert_eq!(submission.signing_keys, [key], "{name}");
    }
    assert_eq!((bed.rules.pending_count(), bed.rules.oldest_pending()), (0, None), "{name}");
    assert_eq!(bed.rules.next_deadline(), None, "{name}");
    // Votes on it change nothing, nor does its deadline.
    let built = draft.build();
    let position = built.positions.first().cloned().unwrap_or_else(ViewPosition::default);
    for (delay, sender, party) in [(1, "p1", "alice"), (2, "p2", "bob")] {
        let answer = bed.answer((START, &built.root_hash), sender, &[approve(position.clone(), parties(&[party]))]);
        assert_silent(name, &bed.deliver(START + delay, vec![answer]));
    }
    assert_silent(name, &bed.tick(START + DEADLINE + 1));
}

#[test]
fn a_rejection_after_a_change_of_the_topology_is_no_alarm() {
    // By the topology that the submitter names the party had a host and the signature a key.
    let mut bed = Bed::new();
    let moved = hosting("alice", 2, 1, &[("p4", synod_topology::mapping::ParticipantPermission::Submission, false)]);
    bed.change(START - 500, vec![moved]);
    let mut draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
    let built = draft.build();
    let outcome = bed.deliver(START, draft.envelopes(&built));
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::TopologyChange]);
    assert_same("changed hosts", &outcome.finalized[0].verdict, &expected::malformed());

    draft.request.uuid = RequestUuid::parse("1-1-1-1-1").expect("an id");
    for (name, times, alarms) in [
        ("known before", [START - 1_000; 2], vec![AlarmKind::TopologyChange]),
        ("not known before", [START - 400; 2], vec![AlarmKind::MalformedMessage]),
        ("two minutes ago", [START - 120_000_000; 2], vec![AlarmKind::TopologyChange]),
        ("longer ago", [START - 120_000_001; 2], vec![AlarmKind::MalformedMessage]),
        ("the future", [START + 1; 2], vec![AlarmKind::FutureTopology, AlarmKind::MalformedMessage]),
        ("two", [START - 1_000, START - 999], vec![AlarmKind::InvalidMessage, AlarmKind::MalformedMessage]),
    ] {
        let mut bed = Bed::new();
        bed.change(
            START - 500,
            vec![hosting("alice", 2, 1, &[("p4", synod_topology::mapping::ParticipantPermission::Submission, false)])],
        );
        for (root_hash, time) in draft.root_hashes.iter_mut().zip(times) {
            root_hash.topology_time = time;
        }
        let outcome = bed.deliver(START, draft.envelopes(&draft.build()));
        assert_eq!(kinds(&outcome.alarms), alarms, "{name}: {:?}", outcome.alarms);
    }
}

#[test]
fn the_id_of_a_request_is_used_for_the_window() {
    const WINDOW: i64 = 48 * 3_600_000_000;
    let mut bed = Bed::new();
    let draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
    let built = draft.build();
    let envelopes = draft.envelopes(&built);
    let first = bed.deliver(START, envelopes.clone());
    let uuid = draft.request.uuid;
    let entry = first.deduplicated[0];
    assert_eq!((entry.uuid, entry.request_time, entry.expire_after), (uuid, at(START), at(START + WINDOW)));
    let verdict = expected::duplicate(&uuid.to_string(), at(START + WINDOW));
    for delay in [1, WINDOW] {
        // The first one has timed out in between.
        bed.tick(START + delay - 1);
        let outcome = bed.deliver(START + delay, envelopes.clone());
        assert_eq!(kinds(&outcome.alarms), [AlarmKind::Duplicate]);
        assert!(outcome.deduplicated.is_empty());
        assert_same("duplicate", &outcome.finalized[0].verdict, &verdict);
        assert_eq!(outcome.finalized[0].finalization_time, at(START + delay));
        assert_eq!(outcome.submissions[0].recipients, [participant_id("p1"), participant_id("p2")]);
        assert_eq!(outcome.submissions[0].max_sequencing_time, at(START + delay + DECISION));
        assert_eq!(outcome.opened, 0);
    }
    let again = bed.deliver(START + WINDOW + 1, envelopes);
    assert_eq!((again.opened, again.deduplicated.len(), again.finalized.len()), (1, 1, 0));
}

#[test]
fn a_rejected_request_uses_its_id_too_and_so_does_one_that_is_not_for_this_mediator() {
    for groups in [&[(0, 1, &["m1"][..], &[][..])][..], &[(0, 1, &["m2"], &[])]] {
        let mut bed = Bed::with_groups(groups);
        let mut draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
        draft.signer = participant("p2");
        let outcome = bed.deliver(START, draft.envelopes(&draft.build()));
        assert_eq!(outcome.deduplicated.len(), 1);
        let again = bed.deliver(START + 1, draft.envelopes(&draft.build()));
        assert_eq!(kinds(&again.alarms), [AlarmKind::Duplicate]);
    }
}

#[test]
fn session_keys_sign_as_long_as_they_are_valid() {
    let bed = RefCell::new(Bed::new());
    let mut draft = bed.borrow().draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
    for (number, from, is_valid) in [(1, START - 1_000_000, true), (2, START + 2, false)] {
        draft.request.uuid = RequestUuid::parse(&format!("0-0-0-0-{number}")).expect("an id");
        let built = draft.build();
        let validity = synod_crypto::ValidityPeriod::new(at(from), 300).expect("a period");
        let synchronizer = bed.borrow().psid().logical().clone();
        let signature = session_signature(&participant("p1"), "session", &synchronizer, validity, &built.root_hash);
        let content = with_signature(&built.content, &signature);
        let mut envelopes = draft.envelopes(&built);
        envelopes[0].0 = unsigned(&content);
        let outcome = bed.borrow_mut().deliver(START + number - 1, envelopes);
        assert_eq!(outcome.opened, usize::from(is_valid), "{:?}", outcome.alarms);
    }
}

/// The request with another signature.
fn with_signature(content: &Bytes, signature: &synod_crypto::Signature) -> Bytes {
    use prost::Message as _;
    use synod_proto::protocol::v31::{EnvelopeContent, envelope_content::SomeEnvelopeContent};
    let plain = synod_wire::versioned::unwrap(content).expect("versioned").data;
    let read = EnvelopeContent::decode(plain).expect("a content").some_envelope_content;
    let Some(SomeEnvelopeContent::InformeeMessage(mut message)) = read else { panic!("another content") };
    message.submitting_participant_signature = Some(signature.to_proto());
    envelope_content(SomeEnvelopeContent::InformeeMessage(message), VERSION)
}

#[test]
fn a_request_without_views_times_out_and_nobody_is_told() {
    let mut bed = Bed::new();
    let draft = bed.draft(Vec::new(), &[]);
    let outcome = bed.deliver(START, draft.envelopes(&draft.build()));
    assert_eq!(outcome.opened, 1);
    let outcome = bed.tick(START + DEADLINE + 1);
    assert_eq!(outcome.finalized[0].finalization_time, at(START + DEADLINE + 1));
    assert!(outcome.submissions.is_empty());
    assert_eq!(bed.rules.pending_count(), 0);
}

#[test]
fn an_envelope_that_cannot_be_opened_rejects_what_participants_were_told_of() {
    let mut bed = Bed::new();
    let mut draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
    let garbage = (unsigned(&Bytes::from_static(b"garbage")), group_of(&["MGR::0"]));
    // In place of the request: nothing is stored.
    let mut envelopes = draft.envelopes(&draft.build());
    envelopes[0] = garbage.clone();
    let outcome = bed.deliver(START, envelopes);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
    assert_eq!((outcome.finalized.len(), outcome.opened, outcome.deduplicated.len()), (0, 0, 0));
    assert_eq!(outcome.submissions.len(), 1);
    assert_same("unreadable", &outcome.submissions[0].result.verdict, &expected::malformed());
    assert_eq!(outcome.submissions[0].result.view_type, ViewType::Transaction);
    assert_eq!(outcome.submissions[0].recipients, [participant_id("p1"), participant_id("p2")]);
    // Beside a request: that one is judged as if nothing were. Several that cannot be opened say the same once.
    draft.beside = vec![garbage.clone(), garbage.clone()];
    let outcome = bed.deliver(START + 1, draft.envelopes(&draft.build()));
    assert_eq!((outcome.submissions.len(), outcome.opened), (1, 1));
    // Root hash messages of other synchronizers count here.
    let mut envelopes = draft.envelopes(&draft.build());
    envelopes.remove(0);
    draft.root_hashes.iter_mut().for_each(|root_hash| root_hash.psid = Some(other_psid()));
    let foreign: Vec<_> = draft.envelopes(&draft.build()).into_iter().skip(1).collect();
    assert_eq!(bed.deliver(START + 2, foreign).submissions.len(), 1);
    // Without root hash messages there is nobody to tell.
    let outcome = bed.deliver(START + 3, vec![garbage]);
    assert_silent("garbage alone", &outcome);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
}

#[test]
fn nothing_is_judged_before_there_are_parameters() {
    let mut bed = Bed::new();
    let draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
    let early = START - 2 * 3_600_000_000;
    let outcome = bed.deliver(early, draft.envelopes(&draft.build()));
    assert_silent("request", &outcome);
    assert_eq!((kinds(&outcome.alarms), outcome.deduplicated.len()), (vec![AlarmKind::MalformedMessage], 0));
    let hash = other_hash();
    let answer = bed.answer((early - 1, &hash), "p1", &[approve(ViewPosition::default(), parties(&["alice"]))]);
    let outcome = bed.deliver(START, vec![answer]);
    assert_silent("response", &outcome);
    assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage]);
}
