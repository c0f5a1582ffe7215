//! Which calls each recorded case of `pv35-edges` is, and which cases are not sent again as they were.

use synod_testkit::fields;
use synod_testkit::recordings::{Call, Recording};

use crate::edges::{CONNECTION, FIRST_RPC, is_stream};

/// Cases that depend on what that run drew or on its times, and the test that makes them with keys of its own.
const BY_HAND: [(&str, &str); 9] = [
    ("request over the maximum size (11 MB)", "what_is_too_large_is_refused"),
    ("subscribe from the start", "what_is_sent_is_delivered"),
    ("subscribe from the first event", "a_subscription_resumes_where_it_is_told_to"),
    ("subscribe between events", "events_before_the_wanted_time_are_left_out"),
    ("subscribe in the future", "events_before_the_wanted_time_are_left_out"),
    ("8 more subscriptions of one member", "the_oldest_of_too_many_subscriptions_ends"),
    ("authenticate wrong key", "wrong_answers_are_refused_as_in_canton"),
    ("authenticate other synchronizer", "wrong_answers_are_refused_as_in_canton"),
    ("authenticate", "a_member_that_answers_the_challenge_gets_a_token"),
];

/// Cases that ask for a challenge, and then answer it.
const CHALLENGED: [&str; 4] = [
    "authenticate wrong nonce",
    "authenticate wrong key",
    "authenticate other synchronizer",
    "authenticate nonce of another member",
];

/// A case with its calls; cases that only say what came of others have none.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) name: String,
    pub(crate) calls: Vec<&'a Call>,
}

impl Case<'_> {
    /// Whether its calls are sent again as they were.
    pub(crate) fn is_sent(&self) -> bool {
        BY_HAND.iter().all(|(name, _)| *name != self.name)
    }
}

/// The cases in their order, each with its calls, which are in the same order.
pub(crate) fn cases<'a>(recording: &Recording, calls: &'a [Call]) -> Vec<Case<'a>> {
    let mut calls = calls.iter().filter(|call| call.rpc >= FIRST_RPC);
    let lines = recording.lines("cases.jsonl").expect("cases");
    let cases = lines.iter().map(|line| {
        let name = fields::text(line, "case").expect("a name").to_owned();
        let status = fields::text(line, "status").ok();
        let count = match status {
            Some(_) if CHALLENGED.contains(&name.as_str()) => 2,
            Some(_) => 1,
            None => line["outcomes"].as_array().map_or(0, Vec::len),
        };
        let calls: Vec<_> = calls.by_ref().take(count).collect();
        assert_eq!(calls.len(), count, "{name}");
        if let (Some(status), Some(last)) = (status, calls.last()) {
            let ended = last.end.as_ref().map(|end| end.status.as_str());
            assert!(is_stream(last) || ended == Some(status), "{name}: {ended:?} instead of {status}");
        }
        Case { name, calls }
    });
    let cases = cases.collect();
    assert_eq!(calls.count(), 0, "calls without a case");
    cases
}

/// All cases are sent again but those that are named above.
#[test]
fn no_case_is_overlooked() {
    let recording = crate::served::recording("pv35-edges");
    let calls = recording.calls(CONNECTION).expect("calls");
    let cases = cases(&recording, &calls);
    assert_eq!(cases.len(), 132);
    let (sent, by_hand): (Vec<&Case<'_>>, Vec<&Case<'_>>) = cases.iter().partition(|case| case.is_sent());
    let names: Vec<&str> = by_hand.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, BY_HAND.map(|(name, _)| name));
    let streams: Vec<_> = sent.iter().filter(|case| case.calls.iter().any(|call| is_stream(call))).collect();
    assert!(streams.is_empty(), "{streams:?}");
    // Three say what came of others, one that a subscription has ended.
    assert_eq!(sent.iter().filter(|case| case.calls.is_empty()).count(), 4);
}
