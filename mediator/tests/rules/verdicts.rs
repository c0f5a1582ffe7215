//! How responses become a verdict, through the whole of the rules.

use synod_mediator::build::{Response, ViewToConfirm};
use synod_mediator::messages::{LocalVerdictCode, Verdict};
use synod_mediator::rules::AlarmKind;
use synod_proto::google::rpc::Status;

use crate::bed::*;
use crate::expected::kinds;
use LocalVerdictCode::{Abstain, Approve, Malformed, Reject};

/// Who says what about which view (by number; none is the whole request) for whom.
type Step = (&'static str, LocalVerdictCode, Option<usize>, &'static [&'static str]);

/// A reason of a rejection: for whom, by whom, with which code; the number of the step is its text.
type Reason = (&'static [&'static str], &'static str, LocalVerdictCode, usize);

enum Verdicted {
    Pending,
    /// After this step, from 0.
    Approved(usize),
    Rejected(usize, &'static [Reason]),
}

struct Script {
    name: &'static str,
    views: fn() -> Vec<ViewToConfirm>,
    informed: &'static [&'static str],
    steps: &'static [Step],
    verdict: Verdicted,
    /// The steps that show a contradiction.
    contradictions: &'static [usize],
}

fn by_weight() -> Vec<ViewToConfirm> {
    vec![view(&["alice", "bob"], &[(&[("alice", 3), ("bob", 2)], 3)])]
}

fn two_views() -> Vec<ViewToConfirm> {
    let mut first = of_all(&["alice", "bob"]);
    first.subviews = vec![of_all(&["alice"])];
    vec![first]
}

fn one(name: &str) -> Vec<ViewToConfirm> {
    vec![of_all(&[name])]
}

const ALL: &[&str] = &["p1", "p2", "p3"];
const TWO: &[&str] = &["p1", "p2"];
const V: Option<usize> = Some(0);

const fn script(
    name: &'static str,
    (views, informed): (fn() -> Vec<ViewToConfirm>, &'static [&'static str]),
    steps: &'static [Step],
    verdict: Verdicted,
) -> Script {
    Script { name, views, informed, steps, verdict, contradictions: &[] }
}

fn trio1() -> Vec<ViewToConfirm> {
    one("trio1")
}

fn trio2() -> Vec<ViewToConfirm> {
    one("trio2")
}

fn trio3() -> Vec<ViewToConfirm> {
    one("trio3")
}

fn five() -> Vec<ViewToConfirm> {
    one("five")
}

fn mixed() -> Vec<ViewToConfirm> {
    vec![of_all(&["trio2", "trio3"])]
}

const SCRIPTS: &[Script] = &[
    script("a light rejection is not the end", (by_weight, TWO), &[("p2", Reject, V, &["bob"])], Verdicted::Pending),
    script(
        "the heavy one can still approve after it",
        (by_weight, TWO),
        &[("p2", Reject, V, &["bob"]), ("p1", Approve, V, &["alice"])],
        Verdicted::Approved(1),
    ),
    script(
        "then the heavy one rejects: both reasons, the newest first",
        (by_weight, TWO),
        &[("p2", Reject, V, &["bob"]), ("p1", Reject, V, &["alice"])],
        Verdicted::Rejected(1, &[(&["alice"], "p1", Reject, 1), (&["bob"], "p2", Reject, 0)]),
    ),
    script(
        "all of one view, then all of the other one",
        (two_views, TWO),
        &[("p1", Approve, V, &["alice"]), ("p2", Approve, V, &["bob"]), ("p1", Approve, Some(1), &["alice"])],
        Verdicted::Approved(2),
    ),
    script(
        "votes after the verdict are ignored",
        (by_weight, TWO),
        &[("p1", Approve, V, &["alice"]), ("p2", Reject, V, &["bob"]), ("p1", Reject, V, &["alice"])],
        Verdicted::Approved(0),
    ),
    script(
        "malformed with a position is for those that the sender hosts in it",
        (two_views, TWO),
        &[("p1", Malformed, Some(1), &[])],
        Verdicted::Rejected(0, &[(&["alice"], "p1", Malformed, 0)]),
    ),
    script(
        "malformed without a position is for all views",
        (two_views, TWO),
        &[("p2", Malformed, None, &[])],
        Verdicted::Rejected(0, &[(&["bob"], "p2", Malformed, 0)]),
    ),
    script(
        "a light abstention is kept as a reason",
        (by_weight, TWO),
        &[("p2", Abstain, V, &["bob"]), ("p1", Reject, V, &["alice"])],
        Verdicted::Rejected(1, &[(&["alice"], "p1", Reject, 1), (&["bob"], "p2", Abstain, 0)]),
    ),
    script(
        "an abstention of one without whom it does not go",
        (by_weight, TWO),
        &[("p1", Abstain, V, &["alice"])],
        Verdicted::Rejected(0, &[(&["alice"], "p1", Abstain, 0)]),
    ),
    script("1 of 3 approves", (trio1, ALL), &[("p2", Approve, V, &["trio1"])], Verdicted::Approved(0)),
    script(
        "1 of 3 rejects",
        (trio1, ALL),
        &[("p2", Reject, V, &["trio1"])],
        Verdicted::Rejected(0, &[(&["trio1"], "p2", Reject, 0)]),
    ),
    script("2 of 3: one is not enough", (trio2, ALL), &[("p1", Approve, V, &["trio2"])], Verdicted::Pending),
    script(
        "2 of 3: two are",
        (trio2, ALL),
        &[("p1", Approve, V, &["trio2"]), ("p2", Reject, V, &["trio2"]), ("p3", Approve, V, &["trio2"])],
        Verdicted::Approved(2),
    ),
    script(
        "2 of 3: the same one three times counts once",
        (trio2, ALL),
        &[("p1", Approve, V, &["trio2"]), ("p1", Approve, V, &["trio2"]), ("p1", Approve, V, &["trio2"])],
        Verdicted::Pending,
    ),
    script(
        "2 of 3 reject",
        (trio2, ALL),
        &[("p1", Reject, V, &["trio2"]), ("p3", Reject, V, &["trio2"])],
        Verdicted::Rejected(1, &[(&["trio2"], "p3", Reject, 1)]),
    ),
    script(
        "3 of 3: one rejection is enough",
        (trio3, ALL),
        &[("p1", Approve, V, &["trio3"]), ("p3", Reject, V, &["trio3"])],
        Verdicted::Rejected(1, &[(&["trio3"], "p3", Reject, 1)]),
    ),
    script(
        "3 of 3 approve",
        (trio3, ALL),
        &[("p1", Approve, V, &["trio3"]), ("p3", Approve, V, &["trio3"]), ("p2", Approve, V, &["trio3"])],
        Verdicted::Approved(2),
    ),
    script(
        "4 of 5: one may reject",
        (five, &["p1", "p2", "p3", "p4", "p5"]),
        &[
            ("p1", Reject, V, &["five"]),
            ("p2", Approve, V, &["five"]),
            ("p3", Approve, V, &["five"]),
            ("p4", Approve, V, &["five"]),
            ("p5", Approve, V, &["five"]),
        ],
        Verdicted::Approved(4),
    ),
    script(
        "4 of 5: with two it cannot be reached",
        (five, &["p1", "p2", "p3", "p4", "p5"]),
        &[("p1", Reject, V, &["five"]), ("p2", Abstain, V, &["five"])],
        Verdicted::Rejected(1, &[(&["five"], "p1", Reject, 0)]),
    ),
    Script {
        contradictions: &[2],
        ..script(
            "approve, abstain, reject by one: the first stays",
            (trio2, ALL),
            &[
                ("p1", Approve, V, &["trio2"]),
                ("p1", Abstain, V, &["trio2"]),
                ("p1", Reject, V, &["trio2"]),
                ("p2", Approve, V, &["trio2"]),
            ],
            Verdicted::Approved(3),
        )
    },
    Script {
        contradictions: &[2],
        ..script(
            "reject, abstain, approve by one: the first stays",
            (trio2, ALL),
            &[
                ("p1", Reject, V, &["trio2"]),
                ("p1", Abstain, V, &["trio2"]),
                ("p1", Approve, V, &["trio2"]),
                ("p2", Reject, V, &["trio2"]),
            ],
            Verdicted::Rejected(3, &[(&["trio2"], "p2", Reject, 3)]),
        )
    },
    script(
        "two rejections and an abstention: the reason is the latest rejection",
        (trio1, ALL),
        &[("p1", Reject, V, &["trio1"]), ("p2", Reject, V, &["trio1"]), ("p3", Abstain, V, &["trio1"])],
        Verdicted::Rejected(0, &[(&["trio1"], "p1", Reject, 0)]),
    ),
    script(
        "one party has a rejection, the other only abstentions: that of the abstention first",
        (mixed, ALL),
        &[("p1", Reject, V, &["trio2"]), ("p2", Abstain, V, &["trio2", "trio3"])],
        Verdicted::Rejected(1, &[(&["trio3"], "p2", Abstain, 1), (&["trio2"], "p1", Reject, 0)]),
    ),
];

fn response(
    (_, code, view, names): &Step,
    number: usize,
    positions: &[synod_mediator::messages::ViewPosition],
) -> Response {
    let reason = match code {
        Approve => Status::default(),
        Reject | Malformed | Abstain => Status { code: 9, message: format!("step {number}"), details: Vec::new() },
    };
    Response { code: *code, reason, parties: parties(names), view: view.map(|view| positions[view].clone()) }
}

#[test]
fn responses_become_a_verdict() {
    for script in SCRIPTS {
        let name = script.name;
        let mut bed = Bed::new();
        let draft = bed.draft((script.views)(), script.informed);
        let built = bed.open(START, &draft);
        let mut verdict = None;
        for (number, step) in script.steps.iter().enumerate() {
            let answer = bed.answer((START, &built.root_hash), step.0, &[response(step, number, &built.positions)]);
            let time = START + 1 + i64::try_from(number).expect("few steps");
            let outcome = bed.deliver(time, vec![answer]);
            let contradicts = script.contradictions.contains(&number);
            let alarms = if contradicts { vec![AlarmKind::Equivocation] } else { Vec::new() };
            assert_eq!(kinds(&outcome.alarms), alarms, "{name}, step {number}: {:?}", outcome.alarms);
            for finalized in outcome.finalized {
                assert!(verdict.is_none(), "{name}: a second verdict");
                assert_eq!(finalized.finalization_time, at(time), "{name}");
                assert_eq!(outcome.submissions.len(), 1, "{name}");
                assert_eq!(outcome.submissions[0].result.verdict, finalized.verdict, "{name}");
                verdict = Some((number, finalized.verdict));
            }
        }
        assert_eq!(bed.rules.pending_count(), usize::from(verdict.is_none()), "{name}");
        match (&script.verdict, verdict) {
            (Verdicted::Pending, None) => {}
            (Verdicted::Approved(expected), Some((step, Verdict::Approve))) => assert_eq!(step, *expected, "{name}"),
            (Verdicted::Rejected(expected, reasons), Some((step, Verdict::ParticipantReject { reasons: found }))) => {
                assert_eq!(step, *expected, "{name}");
                let found: Vec<_> = found
                    .into_iter()
                    .map(|reason| {
                        let text = reason.reject.reason().map(|status| status.message.clone());
                        (reason.parties, reason.participant, reason.reject.code(), text)
                    })
                    .collect();
                let reasons: Vec<_> = reasons
                    .iter()
                    .map(|(names, by, code, step)| {
                        (parties(names), participant_id(by), *code, Some(format!("step {step}")))
                    })
                    .collect();
                assert_eq!(found, reasons, "{name}");
            }
            (_, found) => panic!("{name}: {found:?}"),
        }
    }
}
