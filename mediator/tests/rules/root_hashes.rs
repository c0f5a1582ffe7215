//! Root hash messages: how they tie participants to a request, and who learns of a rejection.

use synod_crypto::{Hash, HashPurpose};
use synod_mediator::messages::ViewType;
use synod_mediator::rules::AlarmKind;
use synod_types::ParticipantId;

use crate::bed::*;
use crate::expected::{self, assert_same, assert_silent, kinds};
use crate::requests::assert_rejected;

fn other_hash() -> Hash {
    Hash::digest(HashPurpose::of_id(3), b"another root hash")
}

#[test]
fn individual_combined_and_mixed_messages_are_all_fine() {
    let views = || vec![of_all(&["alice", "bob", "carol"])];
    for (name, root_hashes) in [
        ("individual", vec![&["p1"][..], &["p2"], &["p3"]]),
        ("combined", vec![&["p1", "p2", "p3"]]),
        ("mixed", vec![&["p2"], &["p3", "p1"]]),
    ] {
        let mut bed = Bed::new();
        let mut draft = bed.draft(views(), &[]);
        draft.root_hashes = root_hashes.into_iter().map(RootHashDraft::new).collect();
        let outcome = bed.deliver(START, draft.envelopes(&draft.build()));
        assert_eq!((outcome.opened, outcome.alarms), (1, Vec::new()), "{name}");
    }
}

struct Row {
    name: &'static str,
    root_hashes: fn() -> Vec<RootHashDraft>,
    told: &'static [&'static [&'static str]],
}

fn with(names: &[&str], change: impl Fn(&mut RootHashDraft)) -> RootHashDraft {
    let mut draft = RootHashDraft::new(names);
    change(&mut draft);
    draft
}

fn addressed(recipients: &[&str]) -> RootHashDraft {
    let recipients: Vec<String> = recipients
        .iter()
        .map(|text| if text.starts_with('p') { participant(text).member().to_string() } else { (*text).to_owned() })
        .collect();
    let texts: Vec<&str> = recipients.iter().map(String::as_str).collect();
    with(&["p1"], |draft| draft.recipients = group_of(&texts))
}

const ROWS: &[Row] = &[
    Row { name: "none", root_hashes: Vec::new, told: &[] },
    Row {
        name: "a wrong root hash",
        root_hashes: || vec![with(&["p1", "p2"], |draft| draft.root_hash = Some(other_hash()))],
        told: &[&["p1", "p2"]],
    },
    Row {
        name: "a wrong view type",
        root_hashes: || vec![with(&["p1", "p2"], |draft| draft.view_type = ViewType::Unassignment)],
        told: &[&["p1", "p2"]],
    },
    Row {
        name: "two view types",
        root_hashes: || {
            vec![with(&["p2"], |draft| draft.view_type = ViewType::Assignment), RootHashDraft::new(&["p1"])]
        },
        told: &[&["p1"], &["p2"]],
    },
    Row { name: "three recipients", root_hashes: || vec![addressed(&["p1", "p2", "MGR::0"])], told: &[&["p1", "p2"]] },
    Row { name: "the mediators only", root_hashes: || vec![addressed(&["MGR::0"])], told: &[] },
    Row {
        name: "a participant without mediators beside a good one",
        root_hashes: || vec![RootHashDraft::new(&["p1"]), addressed(&["p2", "p3"])],
        told: &[&["p1", "p2", "p3"]],
    },
    Row {
        name: "a participant twice",
        root_hashes: || vec![RootHashDraft::new(&["p1", "p2"]), RootHashDraft::new(&["p1"])],
        told: &[&["p1", "p2"]],
    },
    Row {
        name: "a participant twice in one message",
        root_hashes: || vec![RootHashDraft::new(&["p1", "p2", "p1"])],
        told: &[&["p1", "p2"]],
    },
    Row {
        name: "a superfluous participant",
        root_hashes: || vec![RootHashDraft::new(&["p1", "p4", "p2"])],
        told: &[&["p1", "p4", "p2"]],
    },
    Row { name: "a missing participant", root_hashes: || vec![RootHashDraft::new(&["p2"])], told: &[&["p2"]] },
    Row {
        name: "different payloads",
        root_hashes: || vec![RootHashDraft::new(&["p1"]), with(&["p2"], |draft| draft.payload = b"other")],
        told: &[&["p1", "p2"]],
    },
];

#[test]
fn messages_that_do_not_fit_make_a_request_malformed() {
    for row in ROWS {
        let mut bed = Bed::new();
        let mut draft = bed.draft(vec![of_all(&["alice", "bob"])], &[]);
        draft.root_hashes = (row.root_hashes)();
        let built = draft.build();
        let outcome = bed.deliver(START, draft.envelopes(&built));
        assert_eq!(kinds(&outcome.alarms), [AlarmKind::MalformedMessage], "{}", row.name);
        assert_rejected(&mut bed, (row.name, &outcome), (&draft, &built.content), &expected::malformed(), row.told);
    }
}

/// Each participant is told about what it was told: the result has its hash and its kind.
#[test]
fn a_rejection_names_what_its_recipients_know() {
    let mut bed = Bed::new();
    let mut draft = bed.draft(vec![of_all(&["alice", "bob"])], &[]);
    draft.root_hashes = vec![
        RootHashDraft::new(&["p1", "p2"]),
        with(&["p1"], |draft| draft.root_hash = Some(other_hash())),
        with(&["p3"], |draft| draft.view_type = ViewType::Unassignment),
    ];
    let built = draft.build();
    let outcome = bed.deliver(START, draft.envelopes(&built));
    let ids = |names: &[&str]| names.iter().map(|name| participant_id(name)).collect::<Vec<ParticipantId>>();
    let mut found: Vec<_> = outcome
        .submissions
        .iter()
        .map(|submission| (submission.result.view_type, submission.result.root_hash, submission.recipients.clone()))
        .collect();
    let mut told = vec![
        (ViewType::Transaction, built.root_hash, ids(&["p1", "p2"])),
        (ViewType::Transaction, other_hash(), ids(&["p1"])),
        (ViewType::Unassignment, built.root_hash, ids(&["p3"])),
    ];
    found.sort();
    told.sort();
    assert_eq!(found, told);
    for submission in &outcome.submissions {
        assert_same("rejection", &submission.result.verdict, &expected::malformed());
    }
}

#[test]
fn messages_without_a_request_are_nothing() {
    let mut bed = Bed::new();
    let draft = bed.draft(vec![of_all(&["alice", "bob"])], &["p1", "p2"]);
    let envelopes: Vec<_> = draft.envelopes(&draft.build()).into_iter().skip(1).collect();
    let outcome = bed.deliver(START, envelopes);
    assert_silent("root hash messages alone", &outcome);
    assert_eq!(outcome.alarms, []);
}
