//! Votes on requests: the rows of chapter 04 §10.2 on aggregation, consortium parties and timeouts.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use synod_proto::google::rpc::{ErrorInfo, Status};
use synod_types::{CantonTimestamp, ParticipantId};

use super::*;
use crate::messages::{ConfirmationResponse, ConfirmationResponses, LocalVerdictCode, RejectionReason, ViewPosition};
use crate::rules::requests::{View, transaction, view};

const REQUEST_ID: i64 = 1_000_000;
const DEADLINE: i64 = 31_000_000;

use LocalVerdictCode::{Abstain, Approve, Malformed, Reject};

fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("a time")
}

fn participant(name: &str) -> ParticipantId {
    let namespace = format!("1220{}", "00".repeat(32));
    ParticipantId::parse(&format!("PAR::{name}::{namespace}")).expect("a participant")
}

fn party(name: &str) -> LfParty {
    LfParty::parse(name, "party").expect("a party")
}

fn parties(names: &[&str]) -> Vec<LfParty> {
    names.iter().map(|name| party(name)).collect()
}

/// A verdict, which can be told from others by the text.
fn verdict(code: LocalVerdictCode, text: &str) -> LocalVerdict {
    let status = Status { code: 9, message: text.to_owned(), details: Vec::new() };
    let message = synod_proto::protocol::v30::LocalVerdict { code: code.number(), reason: Some(status) };
    LocalVerdict::parse_proto(&Bytes::from(message.encode_to_vec())).expect("a verdict")
}

/// A pending request and its parties: `party: threshold of participants`, each of one letter.
struct Bench {
    aggregation: ResponseAggregation,
    clock: i64,
}

impl Bench {
    fn new(views: &[View], hosting: &'static [(&'static str, u32, &'static str)]) -> Self {
        let hosts = |party: &LfParty| {
            let found = hosting.iter().find(|(name, _, _)| *name == party.as_str());
            let (threshold, hosts) = found.map_or((1, ""), |(_, threshold, hosts)| (*threshold, *hosts));
            let participants = hosts.chars().map(|name| participant(&name.to_string())).collect();
            ConfirmingHosts { threshold, participants }
        };
        let request = Arc::new(transaction(views));
        Self { aggregation: ResponseAggregation::with_hosts(request, time(REQUEST_ID), hosts), clock: REQUEST_ID }
    }

    /// What a participant says about the view with this number. The text of the reason is the time in milliseconds.
    fn says(&mut self, sender: &str, view: usize, code: LocalVerdictCode, parties: &[&str]) -> Answered {
        let number = self.aggregation.request().views()[view].number();
        let position = self.aggregation.request().position(number);
        self.says_at(sender, Some(position), code, parties)
    }

    fn says_at(
        &mut self,
        sender: &str,
        view_position: Option<ViewPosition>,
        code: LocalVerdictCode,
        names: &[&str],
    ) -> Answered {
        self.clock += 1_000;
        let verdict = verdict(code, &(self.clock / 1_000).to_string());
        let response = ConfirmationResponse { verdict, confirming_parties: parties(names), view_position };
        let responses = ConfirmationResponses {
            request_id: time(REQUEST_ID),
            root_hash: *self.aggregation.request().root_hash(),
            psid: self.aggregation.request().psid().clone(),
            sender: participant(sender),
            responses: vec![response],
        };
        self.aggregation.answer(time(self.clock), &responses)
    }

    fn verdict(&self) -> Option<&Verdict> {
        self.aggregation.finalized().map(|finalized| &finalized.verdict)
    }

    /// The reasons of a rejection as `parties by participant: code at`.
    fn reasons(&self) -> Vec<String> {
        let Some(Verdict::ParticipantReject { reasons }) = self.verdict() else { panic!("{:?}", self.verdict()) };
        reasons.iter().map(describe).collect()
    }

    /// The reasons kept for a view so far, the newest first.
    fn kept(&self, view: usize) -> Vec<String> {
        self.aggregation.views()[view].not_approved().iter().rev().map(|kept| describe(&kept.to_reason())).collect()
    }
}

fn describe(reason: &RejectionReason) -> String {
    let parties: Vec<&str> = reason.parties.iter().map(LfParty::as_str).collect();
    let at = reason.reject.reason().map(|status| status.message.as_str()).unwrap_or_default();
    let by = reason.participant.uid().identifier();
    format!("{} by {by}: {:?} at {at}", parties.join("+"), reason.reject.code())
}

const TWO: &[(&str, u32, &str)] = &[("alice", 1, "a"), ("bob", 1, "b")];

#[test]
fn a_light_rejection_is_kept_until_a_heavy_one_decides() {
    let mut bench = Bench::new(&[view(&[("alice", 3), ("bob", 2)], 3)], TWO);
    assert!(bench.says("b", 0, Reject, &["bob"]).applied);
    assert_eq!((bench.verdict(), bench.kept(0)), (None, vec!["bob by b: Reject at 1001".to_owned()]));
    bench.says("a", 0, Reject, &["alice"]);
    assert_eq!(bench.reasons(), ["alice by a: Reject at 1002", "bob by b: Reject at 1001"]);
}

#[test]
fn all_quorums_of_all_views_make_an_approval() {
    let both = [("alice", 1), ("bob", 1)];
    let mut bench = Bench::new(&[View { below: vec![view(&both, 2)], ..view(&both, 2) }], TWO);
    bench.says("a", 0, Approve, &["alice"]);
    bench.says("b", 0, Approve, &["bob"]);
    bench.says("a", 1, Approve, &["alice"]);
    assert_eq!(bench.verdict(), None);
    bench.says("b", 1, Approve, &["bob"]);
    let approval = Finalized { at: time(REQUEST_ID + 4_000), verdict: Verdict::Approve };
    assert_eq!(bench.aggregation.finalized(), Some(&approval));
}

#[test]
fn after_the_verdict_answers_are_judged_and_change_nothing() {
    let mut bench = Bench::new(&[view(&[("alice", 1), ("bob", 1)], 1)], TWO);
    bench.says("a", 0, Approve, &["alice"]);
    let before = bench.aggregation.finalized().cloned();
    assert_eq!(bench.says("b", 0, Reject, &["bob"]), Answered::default());
    let answered = bench.says("b", 0, Reject, &["alice"]);
    assert_eq!(answered.discarded, [Discarded::Unauthorized { parties: parties(&["alice"]) }]);
    assert!(bench.aggregation.time_out(time(DEADLINE)).is_empty(), "the deadline decides nothing any more");
    assert_eq!(bench.aggregation.finalized(), before.as_ref());
}

#[test]
fn what_does_not_fit_the_request_is_left_out() {
    let mut bench = Bench::new(&[view(&[("alice", 1), ("bob", 1)], 2)], TWO);
    let nowhere = ViewPosition(vec![crate::messages::MerkleSeqIndex(vec![true])]);
    let answered = bench.says_at("a", Some(nowhere.clone()), Approve, &["alice"]);
    assert_eq!(answered.discarded, [Discarded::UnknownView { position: nowhere }]);
    let root = ViewPosition::default();
    let answered = bench.says_at("a", Some(root.clone()), Approve, &["alice"]);
    assert_eq!(answered.discarded, [Discarded::UnknownView { position: root }]);
    let answered = bench.says("a", 0, Approve, &["alice", "carol"]);
    assert_eq!(answered.discarded, [Discarded::UnexpectedParties { parties: parties(&["carol"]) }]);
    let answered = bench.says("a", 0, Approve, &["alice", "bob"]);
    assert_eq!(answered.discarded, [Discarded::Unauthorized { parties: parties(&["bob"]) }], "not even for alice");
    assert!(!answered.applied);
    assert_eq!(bench.aggregation.version(), time(REQUEST_ID));
    assert_eq!(bench.aggregation.views()[0].quorums()[0].threshold, 2);
}

#[test]
fn one_answer_that_is_left_out_does_not_concern_the_next() {
    let mut bench = Bench::new(&[view(&[("alice", 1), ("bob", 1)], 1)], TWO);
    let number = bench.aggregation.request().views()[0].number();
    let answer = |party: &str| ConfirmationResponse {
        verdict: verdict(Approve, ""),
        confirming_parties: parties(&[party]),
        view_position: Some(bench.aggregation.request().position(number)),
    };
    let responses = ConfirmationResponses {
        request_id: time(REQUEST_ID),
        root_hash: *bench.aggregation.request().root_hash(),
        psid: bench.aggregation.request().psid().clone(),
        sender: participant("a"),
        responses: vec![answer("bob"), answer("alice"), answer("alice")],
    };
    let answered = bench.aggregation.answer(time(DEADLINE), &responses);
    assert!(answered.applied);
    assert_eq!(answered.discarded, [Discarded::Unauthorized { parties: parties(&["bob"]) }]);
    assert_eq!(bench.verdict(), Some(&Verdict::Approve));
    let other = ConfirmationResponses { root_hash: synod_crypto::Hash::from_digest([1; 32]), ..responses };
    assert!(matches!(bench.aggregation.answer(time(DEADLINE), &other).discarded[..], [Discarded::RootHash { .. }, ..]));
}

#[test]
fn malformed_counts_for_all_parties_of_the_sender() {
    const HOSTING: &[(&str, u32, &str)] = &[("alice", 1, "a"), ("bob", 1, "b"), ("carol", 1, "a")];
    let views = [view(&[("bob", 1)], 1), view(&[("carol", 1), ("bob", 1), ("alice", 1)], 1)];
    let mut bench = Bench::new(&views, HOSTING);
    bench.says("a", 1, Malformed, &[]);
    assert_eq!(bench.kept(1), ["carol+alice by a: Malformed at 1001"]);
    assert_eq!(bench.verdict(), None, "bob may still confirm");
    bench.says_at("b", None, Malformed, &[]);
    assert_eq!(bench.reasons(), ["bob by b: Malformed at 1002"], "the first view decides, and only its reasons count");

    let mut bench = Bench::new(&views, HOSTING);
    bench.says_at("a", None, Malformed, &[]);
    assert_eq!((bench.kept(0), bench.kept(1).len(), bench.verdict()), (vec![], 1, None));
    let answered = bench.says_at("z", None, Malformed, &[]);
    assert!(answered.applied && bench.verdict().is_none(), "a stranger changes nothing but the time");
    assert_eq!(bench.aggregation.version(), time(bench.clock));
}

#[test]
fn an_abstention_decides_as_a_rejection_does() {
    let mut bench = Bench::new(&[view(&[("alice", 3), ("bob", 2)], 3)], TWO);
    bench.says("b", 0, Abstain, &["bob"]);
    assert_eq!((bench.verdict(), bench.kept(0)), (None, vec!["bob by b: Abstain at 1001".to_owned()]));
    bench.says("a", 0, Abstain, &["alice"]);
    assert_eq!(bench.reasons(), ["alice by a: Abstain at 1002", "bob by b: Abstain at 1001"]);
}

/// Lets hosts of a party vote in turn: `y` approves, `n` rejects, `-` abstains. The outcome, and after how many votes.
fn vote(threshold: u32, hosts: &'static str, votes: &str) -> (&'static str, usize) {
    let hosting: &'static [(&str, u32, &str)] = Box::leak(Box::new([("dave", threshold, hosts)]));
    let mut bench = Bench::new(&[view(&[("dave", 1)], 1)], hosting);
    for (number, (host, vote)) in hosts.chars().zip(votes.chars()).enumerate() {
        let code = match vote {
            'y' => Approve,
            'n' => Reject,
            _ => Abstain,
        };
        bench.says(&host.to_string(), 0, code, &["dave"]);
        match bench.verdict() {
            Some(Verdict::Approve) => return ("approved", number + 1),
            Some(_) => return ("rejected", number + 1),
            None => {}
        }
    }
    ("pending", votes.len())
}

#[test]
fn thresholds_of_a_party_with_many_hosts() {
    let cases = [
        (1, "abc", "y", ("approved", 1)),
        (1, "abc", "n", ("rejected", 1)),
        (1, "abc", "--y", ("approved", 3)),
        (1, "abc", "---", ("rejected", 3)),
        (2, "abc", "yny", ("approved", 3)),
        (2, "abc", "nyn", ("rejected", 3)),
        (2, "abc", "nn", ("rejected", 2)),
        (2, "abc", "y-y", ("approved", 3)),
        (2, "abc", "y--", ("rejected", 3)),
        (2, "abc", "-n", ("rejected", 2)),
        (3, "abc", "yyy", ("approved", 3)),
        (3, "abc", "yy", ("pending", 2)),
        (3, "abc", "n", ("rejected", 1)),
        (3, "abc", "y-", ("rejected", 2)),
        (4, "abcde", "yyyny", ("approved", 5)),
        (4, "abcde", "ny-", ("rejected", 3)),
        (4, "abcde", "nn", ("rejected", 2)),
        // More than there are hosts: whoever votes, it cannot be approved.
        (3, "ab", "-", ("rejected", 1)),
        (3, "ab", "yy", ("pending", 2)),
    ];
    for (threshold, hosts, votes, expected) in cases {
        assert_eq!(vote(threshold, hosts, votes), expected, "{threshold} of {hosts}: {votes}");
    }
}

const CONSORTIUM: &[(&str, u32, &str)] = &[("dave", 2, "abc"), ("eve", 2, "abc")];

#[test]
fn a_participant_counts_once() {
    let mut bench = Bench::new(&[view(&[("dave", 1)], 1)], CONSORTIUM);
    for _ in 0..3 {
        assert_eq!(bench.says("a", 0, Approve, &["dave"]).equivocations, []);
    }
    assert_eq!(bench.verdict(), None);
    let dave = &bench.aggregation.views()[0].votes()[&party("dave")];
    assert_eq!((dave.approvals().len(), dave.is_approved(), dave.is_rejected()), (1, false, false));
}

#[test]
fn contradictions_are_told_and_the_first_vote_stays() {
    let votes = [(Approve, Reject, Vote::Approve), (Reject, Approve, Vote::Reject)];
    for (first, last, before) in votes {
        let mut bench = Bench::new(&[view(&[("dave", 1), ("eve", 1)], 2)], CONSORTIUM);
        assert_eq!(bench.says("a", 0, first, &["dave"]).equivocations, []);
        assert_eq!(bench.says("a", 0, Abstain, &["dave"]).equivocations, [], "an abstention is no contradiction");
        let view = bench.aggregation.request().views()[0].number();
        let expected = Equivocation { participant: participant("a"), party: party("dave"), view, before };
        // The answer is about another party, and shows it all the same.
        assert_eq!(bench.says("a", 0, last, &["eve"]).equivocations, std::slice::from_ref(&expected));
        let told = bench.says("a", 0, last, &["dave"]).equivocations;
        assert_eq!(told, [expected], "its vote for eve was the same");
        let dave = &bench.aggregation.views()[0].votes()[&party("dave")];
        assert_eq!(dave.vote_of(&participant("a")), Some(before));
        assert!(dave.abstentions().is_empty());
    }
}

#[test]
fn a_malformed_answer_contradicts_an_approval() {
    let mut bench = Bench::new(&[view(&[("dave", 1)], 1)], CONSORTIUM);
    bench.says("a", 0, Approve, &["dave"]);
    assert_eq!(bench.says_at("a", None, Malformed, &[]).equivocations.len(), 1);
}

#[test]
fn the_last_rejection_is_a_better_reason_than_an_abstention() {
    const FOUR: &[(&str, u32, &str)] = &[("dave", 3, "abcde")];
    let mut bench = Bench::new(&[view(&[("dave", 1)], 1)], FOUR);
    bench.says("a", 0, Reject, &["dave"]);
    bench.says("b", 0, Reject, &["dave"]);
    assert_eq!(bench.verdict(), None);
    bench.says("c", 0, Abstain, &["dave"]);
    assert_eq!(bench.reasons(), ["dave by b: Reject at 1002"]);
}

#[test]
fn an_abstention_stands_before_the_rejections_that_it_completes() {
    let mut bench = Bench::new(&[view(&[("dave", 1), ("eve", 1)], 2)], CONSORTIUM);
    bench.says("a", 0, Reject, &["dave"]);
    bench.says("b", 0, Abstain, &["eve"]);
    assert_eq!(bench.verdict(), None);
    bench.says("c", 0, Abstain, &["dave", "eve"]);
    assert_eq!(bench.reasons(), ["eve by c: Abstain at 1003", "dave by a: Reject at 1001"]);
}

#[test]
fn a_party_that_is_lost_already_is_told_again() {
    const HOSTING: &[(&str, u32, &str)] = &[("alice", 1, "a"), ("bob", 1, "a"), ("carol", 1, "c")];
    let mut bench = Bench::new(&[view(&[("alice", 1), ("bob", 1), ("carol", 1)], 1)], HOSTING);
    bench.says("a", 0, Reject, &["alice"]);
    bench.says("a", 0, Reject, &["alice"]);
    assert_eq!(bench.kept(0).len(), 1, "nothing is new");
    bench.says("a", 0, Reject, &["bob", "alice"]);
    assert_eq!(bench.kept(0), ["bob+alice by a: Reject at 1003", "alice by a: Reject at 1001"]);
}

#[test]
fn weights_may_overflow_as_in_canton() {
    let heavy = [("alice", i32::MAX), ("bob", i32::MAX)];
    let mut bench = Bench::new(&[view(&[("alice", 1)], 1), view(&heavy, 1)], TWO);
    // Bob's rejection leaves alice, who is enough.
    bench.says("b", 1, Reject, &["bob"]);
    assert_eq!(bench.verdict(), None);
    bench.says("a", 1, Approve, &["alice"]);
    bench.says("a", 0, Approve, &["alice"]);
    assert_eq!(bench.verdict(), Some(&Verdict::Approve));

    const THREE: &[(&str, u32, &str)] = &[("alice", 1, "a"), ("bob", 1, "b"), ("carol", 1, "c")];
    let heavy = [("alice", i32::MAX), ("bob", i32::MAX), ("carol", 1)];
    let mut bench = Bench::new(&[view(&heavy, 1)], THREE);
    bench.says("c", 0, Reject, &["carol"]);
    assert_eq!(bench.reasons(), ["carol by c: Reject at 1001"], "the sum of the others is -2");
}

fn unresponsive(verdict: Option<&Verdict>) -> String {
    let Some(Verdict::MediatorReject { reason, is_malformed: false }) = verdict else { panic!("{verdict:?}") };
    let info = ErrorInfo::decode(reason.details[0].value.as_slice()).expect("an error info");
    assert_eq!((info.reason.as_str(), reason.code), ("MEDIATOR_SAYS_TX_TIMED_OUT", 10));
    info.metadata.iter().find(|entry| entry.key == "unresponsiveParties").map(|e| e.value.clone()).unwrap_or_default()
}

#[test]
fn the_deadline_names_whoever_is_undecided() {
    let views = [view(&[("bob", 1), ("alice", 1)], 2), view(&[("carol", 1), ("alice", 1)], 2)];
    const HOSTING: &[(&str, u32, &str)] = &[("alice", 1, "a"), ("bob", 2, "bcd"), ("carol", 1, "ca")];
    let mut bench = Bench::new(&views, HOSTING);
    let silent = bench.aggregation.time_out(time(DEADLINE));
    assert_eq!(unresponsive(bench.verdict()), "alice,bob,carol");
    assert_eq!(bench.aggregation.finalized().map(|finalized| finalized.at), Some(time(DEADLINE + 1)));
    let pairs: Vec<(&str, &str)> =
        silent.iter().map(|host| (host.party.as_str(), host.participant.uid().identifier())).collect();
    let all = [("alice", "a"), ("bob", "b"), ("bob", "c"), ("bob", "d"), ("carol", "a"), ("carol", "c")];
    assert_eq!(pairs, all, "each once, though alice is in two views");

    let mut bench = Bench::new(&views, HOSTING);
    bench.says("b", 0, Approve, &["bob"]);
    bench.says("c", 0, Abstain, &["bob"]);
    bench.says("a", 0, Approve, &["alice"]);
    bench.says("c", 1, Approve, &["carol"]);
    bench.says("a", 1, Approve, &["alice"]);
    let silent = bench.aggregation.time_out(time(DEADLINE));
    assert_eq!(unresponsive(bench.verdict()), "bob", "the second view is satisfied");
    let pairs: Vec<&str> = silent.iter().map(|host| host.participant.uid().identifier()).collect();
    assert_eq!(pairs, ["d"], "the others have answered");
    assert!(bench.aggregation.time_out(time(DEADLINE)).is_empty());
}

#[test]
fn a_quorum_that_is_reached_leaves_parties_as_long_as_another_is_not() {
    let quorums = vec![(vec![("alice", 1), ("bob", 1)], 1), (vec![("carol", 1)], 1)];
    const HOSTING: &[(&str, u32, &str)] = &[("alice", 1, "a"), ("bob", 1, "b"), ("carol", 1, "c")];
    let mut bench = Bench::new(&[View { quorums, ..View::default() }], HOSTING);
    bench.says("a", 0, Approve, &["alice"]);
    bench.aggregation.time_out(time(DEADLINE));
    assert_eq!(unresponsive(bench.verdict()), "bob,carol");
}

#[test]
fn rejections_are_not_told_by_a_timeout() {
    let mut bench = Bench::new(&[view(&[("alice", 1), ("bob", 1)], 1)], TWO);
    bench.says("b", 0, Reject, &["bob"]);
    bench.aggregation.time_out(time(DEADLINE));
    assert_eq!(unresponsive(bench.verdict()), "alice");
}

/// Whatever is said in whatever order: nothing panics, the first votes stay, and there is a verdict at the end.
#[test]
fn random_votes_keep_the_invariants() {
    let mut random = synod_testkit::Mutator::new(1);
    const HOSTING: &[(&str, u32, &str)] =
        &[("alice", 1, "a"), ("bob", 1, "bc"), ("carol", 2, "abc"), ("dave", 3, "abcd"), ("eve", 2, "de")];
    const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "eve"];
    let (mut approved, mut rejected, mut timed_out) = (0, 0, 0);
    for _ in 0..2_000 {
        let some = |random: &mut synod_testkit::Mutator| -> Vec<(&'static str, i32)> {
            let chosen: Vec<&'static str> = NAMES.into_iter().filter(|_| random.below(2) == 0).collect();
            chosen.into_iter().map(|name| (name, i32::try_from(random.below(3)).expect("small") + 1)).collect()
        };
        let views: Vec<View> = (0..=random.below(3))
            .map(|_| view(&some(&mut random), i32::try_from(random.below(4)).expect("small")))
            .collect();
        let mut bench = Bench::new(&views, HOSTING);
        for _ in 0..random.below(40) {
            let sender = *random.pick(&["a", "b", "c", "d", "e"]);
            let code = *random.pick(&[Approve, Approve, Approve, Approve, Reject, Malformed, Abstain]);
            let view = random.below(views.len());
            let names: Vec<&str> = NAMES.into_iter().filter(|_| random.below(3) == 0).collect();
            let before = bench.aggregation.clone();
            let answered = match code {
                Malformed => bench.says(sender, view, code, &[]),
                _ if names.is_empty() => continue,
                _ => bench.says(sender, view, code, &names),
            };
            assert!(answered.discarded.is_empty() || !answered.applied);
            assert!(before.finalized().is_none() || before.finalized() == bench.aggregation.finalized());
            for (old, new) in before.views().iter().zip(bench.aggregation.views()) {
                let kept = |(party, votes): (&LfParty, &PartyVotes)| {
                    let hosts = &votes.hosts().participants;
                    hosts.iter().all(|host| {
                        let (vote, later) = (votes.vote_of(host), new.votes()[party].vote_of(host));
                        vote.is_none() || vote == later
                    })
                };
                assert!(old.votes().iter().all(kept), "a vote has changed");
                let weights = new.quorums().iter().flat_map(|quorum| quorum.confirmers.keys());
                let decided = |party: &LfParty| new.votes()[party].is_approved();
                assert!(weights.into_iter().all(|party| !decided(party)), "an approved party is pending");
                assert!(old.not_approved().iter().eq(new.not_approved().iter().take(old.not_approved().len())));
            }
        }
        bench.aggregation.time_out(time(DEADLINE));
        match bench.verdict() {
            Some(Verdict::Approve) => approved += 1,
            Some(Verdict::ParticipantReject { reasons }) => {
                assert!(!reasons.is_empty() && reasons.iter().all(|reason| !reason.parties.is_empty()));
                rejected += 1;
            }
            Some(Verdict::MediatorReject { .. }) => timed_out += 1,
            None => panic!("there has to be a verdict after the deadline"),
        }
    }
    assert!(approved > 50 && rejected > 50 && timed_out > 50, "{approved} {rejected} {timed_out}");
}
