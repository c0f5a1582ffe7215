//! What was sent, and what became of it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use synod_crypto::Hash;
use synod_mediator::messages::ViewPosition;
use synod_types::CantonTimestamp;
use tokio::sync::{Notify, Semaphore};

use super::report::{ConfirmReport, Unanswered};
use crate::bench::tally::{micros, percentile_ms};

/// A request as its participants have to know it.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Who submits it, and waits for the verdict.
    pub(super) submitter: usize,
    pub(super) is_answered: bool,
    pub(super) root_hash: Hash,
    pub(super) positions: Arc<[ViewPosition]>,
}

/// Counts of one run.
#[derive(Debug)]
pub(super) struct Tally {
    /// One permit for each request that may wait for its verdict.
    pub(super) window: Semaphore,
    counts: Mutex<Counts>,
    changed: Notify,
}

#[derive(Debug)]
struct Counts {
    /// Requests that wait for their verdict, by number, by root hash, and by the time that they were sequenced.
    open: HashMap<u64, Open>,
    by_root_hash: HashMap<Hash, u64>,
    by_time: HashMap<CantonTimestamp, u64>,
    /// Who was told of decided requests, by the time that they were sequenced.
    decided: HashMap<CantonTimestamp, usize>,
    /// When answers were sent of which no event came yet, by request and participant.
    answers: HashMap<(u64, usize), Instant>,
    next_number: u64,
    accepted: u64,
    approved: u64,
    duplicated: u64,
    rejected: BTreeMap<String, u64>,
    unanswered: Unanswered,
    unknown: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    refused_answers: BTreeMap<String, u64>,
    ended: BTreeMap<String, u64>,
    verdict_micros: Vec<u32>,
    decision_micros: Vec<u32>,
    pass_micros: Vec<u32>,
    last_verdict: Instant,
}

#[derive(Debug, Clone)]
struct Open {
    request: Request,
    started: Instant,
    last_answer: Option<Instant>,
    is_unknown: bool,
    has_permit: bool,
}

impl Tally {
    pub(super) fn new(window: usize) -> Self {
        let counts = Counts {
            open: HashMap::new(),
            by_root_hash: HashMap::new(),
            by_time: HashMap::new(),
            decided: HashMap::new(),
            answers: HashMap::new(),
            next_number: 0,
            accepted: 0,
            approved: 0,
            duplicated: 0,
            rejected: BTreeMap::new(),
            unanswered: Unanswered::default(),
            unknown: BTreeMap::new(),
            refused: BTreeMap::new(),
            refused_answers: BTreeMap::new(),
            ended: BTreeMap::new(),
            verdict_micros: Vec::new(),
            decision_micros: Vec::new(),
            pass_micros: Vec::new(),
            last_verdict: Instant::now(),
        };
        Self { window: Semaphore::new(window), counts: Mutex::new(counts), changed: Notify::new() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counting cannot panic half way.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number that no request has had yet.
    pub(super) fn next_number(&self) -> u64 {
        self.counts().next_number
    }

    /// A request is about to be sent.
    pub(super) fn sending(&self, number: u64, request: Request) {
        let mut counts = self.counts();
        counts.next_number = counts.next_number.max(number + 1);
        counts.unanswered.sent += u64::from(!request.is_answered);
        counts.by_root_hash.insert(request.root_hash, number);
        let started = Instant::now();
        counts.open.insert(number, Open { request, started, last_answer: None, is_unknown: false, has_permit: true });
    }

    /// The sequencer took the request.
    pub(super) fn accepted(&self) {
        self.counts().accepted += 1;
    }

    /// A request, or a verdict of the stand-in, could not be made or sent.
    pub(super) fn not_made(&self, why: &str) {
        *self.counts().refused.entry(why.to_owned()).or_default() += 1;
        self.window.add_permits(1);
    }

    /// The request was refused: there will be no verdict.
    pub(super) fn refused(&self, number: u64, why: String) {
        let mut counts = self.counts();
        *counts.refused.entry(why).or_default() += 1;
        let removed = counts.open.remove(&number);
        if let Some(open) = &removed {
            counts.by_root_hash.remove(&open.request.root_hash);
        }
        drop(counts);
        self.give_back(removed);
    }

    /// The call failed, and the sequencer may have taken the request: a verdict may come, or not.
    pub(super) fn unknown(&self, number: u64, why: String) {
        let mut counts = self.counts();
        *counts.unknown.entry(why).or_default() += 1;
        if let Some(open) = counts.open.get_mut(&number) {
            open.is_unknown = true;
        }
    }

    /// A participant gets the request of this root hash. Returns its number and what is to be answered.
    pub(super) fn sequenced(
        &self,
        participant: usize,
        root_hash: &Hash,
        request_id: CantonTimestamp,
    ) -> Option<(u64, Request)> {
        let mut counts = self.counts();
        let number = *counts.by_root_hash.get(root_hash)?;
        counts.by_time.insert(request_id, number);
        let open = counts.open.get_mut(&number)?;
        let (request, started) = (open.request.clone(), open.started);
        let mut permits = 0;
        if request.submitter == participant {
            if !request.is_answered && std::mem::take(&mut open.has_permit) {
                permits = 1;
            }
            counts.pass_micros.push(micros(started.elapsed()));
        }
        drop(counts);
        self.window.add_permits(permits);
        Some((number, request))
    }

    /// The request that was sequenced then: its number, and its root hash.
    pub(super) fn request(&self, request_id: CantonTimestamp) -> Option<(u64, Hash)> {
        let counts = self.counts();
        let number = *counts.by_time.get(&request_id)?;
        Some((number, counts.open.get(&number)?.request.root_hash))
    }

    /// A participant is about to send its answer.
    pub(super) fn answering(&self, answer: (u64, usize)) {
        let mut counts = self.counts();
        let now = Instant::now();
        counts.answers.insert(answer, now);
        if let Some(open) = counts.open.get_mut(&answer.0) {
            open.last_answer = Some(now);
        }
    }

    /// The answer came back to its sender.
    pub(super) fn answer_sequenced(&self, answer: (u64, usize)) {
        let mut counts = self.counts();
        if let Some(started) = counts.answers.remove(&answer) {
            counts.pass_micros.push(micros(started.elapsed()));
        }
    }

    /// The answer was refused, or could not be sent.
    pub(super) fn answer_refused(&self, answer: (u64, usize), why: String) {
        let mut counts = self.counts();
        counts.answers.remove(&answer);
        *counts.refused_answers.entry(why).or_default() += 1;
    }

    /// A participant gets the verdict of the request that was sequenced then: an approval, or why not. That of the
    /// submitter counts.
    pub(super) fn verdict(&self, participant: usize, request_id: CantonTimestamp, rejection: Option<String>) {
        let mut counts = self.counts();
        let now = Instant::now();
        if counts.decided.get(&request_id) == Some(&participant) {
            counts.duplicated += 1;
            return;
        }
        let Some(number) = counts.by_time.get(&request_id).copied() else { return };
        if counts.open.get(&number).is_none_or(|open| open.request.submitter != participant) {
            return;
        }
        let Some(open) = counts.open.remove(&number) else { return };
        counts.decided.insert(request_id, participant);
        counts.by_time.remove(&request_id);
        counts.by_root_hash.remove(&open.request.root_hash);
        match rejection {
            None if open.request.is_answered => {
                counts.approved += 1;
                counts.verdict_micros.push(micros(now.duration_since(open.started)));
                let last = open.last_answer.unwrap_or(open.started);
                counts.decision_micros.push(micros(now.duration_since(last)));
                counts.last_verdict = now;
            }
            None => *counts.rejected.entry("approved without an answer".to_owned()).or_default() += 1,
            Some(_) if !open.request.is_answered => counts.unanswered.rejected += 1,
            Some(reason) => *counts.rejected.entry(reason).or_default() += 1,
        }
        drop(counts);
        self.give_back(Some(open));
    }

    fn give_back(&self, open: Option<Open>) {
        if open.is_some_and(|open| open.has_permit) {
            self.window.add_permits(1);
        }
        self.changed.notify_one();
    }

    /// A member gets no more events.
    pub(super) fn subscription_ended(&self, why: String) {
        *self.counts().ended.entry(why).or_default() += 1;
    }

    /// Waits until nothing is open.
    pub(super) async fn wait_until_drained(&self, limit: Duration) -> bool {
        let drained = async {
            while !self.counts().open.is_empty() {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(limit, drained).await.is_ok()
    }

    pub(super) fn last_verdict(&self) -> Instant {
        self.counts().last_verdict
    }

    pub(super) fn report(&self, elapsed: Duration) -> ConfirmReport {
        let mut counts = self.counts();
        for latencies in counts.latencies() {
            latencies.sort_unstable();
        }
        let lost = counts.open.values().filter(|open| !open.is_unknown).count();
        ConfirmReport {
            accepted: counts.accepted,
            approved: counts.approved,
            rejected: counts.rejected.clone(),
            lost: lost as u64,
            duplicated: counts.duplicated,
            unanswered: counts.unanswered,
            unknown: counts.unknown.clone(),
            refused: counts.refused.clone(),
            refused_answers: counts.refused_answers.clone(),
            ended_subscriptions: counts.ended.clone(),
            seconds: elapsed.as_secs_f64(),
            approved_per_s: counts.approved as f64 / elapsed.as_secs_f64(),
            verdict_p50_ms: percentile_ms(&counts.verdict_micros, 50),
            verdict_p99_ms: percentile_ms(&counts.verdict_micros, 99),
            decision_p50_ms: percentile_ms(&counts.decision_micros, 50),
            decision_p99_ms: percentile_ms(&counts.decision_micros, 99),
            deliver_p50_ms: percentile_ms(&counts.pass_micros, 50),
            deliver_p99_ms: percentile_ms(&counts.pass_micros, 99),
        }
    }
}

impl Counts {
    fn latencies(&mut self) -> [&mut Vec<u32>; 3] {
        [&mut self.verdict_micros, &mut self.decision_micros, &mut self.pass_micros]
    }
}

#[cfg(test)]
mod tests {
    use synod_crypto::HashPurpose;

    use super::*;

    fn at(micros: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(micros).expect("a time")
    }

    fn hash(number: u64) -> Hash {
        Hash::digest(HashPurpose::MERKLE_TREE_INNER_NODE, &number.to_be_bytes())
    }

    /// A request of participant 0 that all have got, sequenced at its number.
    fn sequenced(tally: &Tally, number: u64, is_answered: bool) {
        let request = Request { submitter: 0, is_answered, root_hash: hash(number), positions: Arc::new([]) };
        tally.sending(number, request);
        tally.accepted();
        for participant in [1, 0] {
            let got = tally.sequenced(participant, &hash(number), at(number.cast_signed()));
            assert_eq!(got.map(|(found, request)| (found, request.is_answered)), Some((number, is_answered)));
        }
    }

    #[test]
    fn a_verdict_counts_once_and_at_the_submitter() {
        let tally = Tally::new(0);
        sequenced(&tally, 1, true);
        tally.answering((1, 1));
        tally.answer_sequenced((1, 1));
        tally.verdict(1, at(1), None);
        assert_eq!(tally.report(Duration::from_secs(1)).approved, 0, "another participant has it");
        tally.verdict(0, at(1), None);
        tally.verdict(0, at(1), None);
        tally.verdict(0, at(9), None);
        let report = tally.report(Duration::from_secs(2));
        assert_eq!((report.accepted, report.approved, report.duplicated, report.lost), (1, 1, 1, 0));
        assert_eq!((report.approved_per_s, tally.window.available_permits()), (0.5, 1));
        assert!(!report.is_fit());
    }

    #[test]
    fn what_is_not_decided_is_lost() {
        let tally = Tally::new(0);
        sequenced(&tally, 1, true);
        sequenced(&tally, 2, true);
        sequenced(&tally, 3, true);
        tally.verdict(0, at(1), Some("why not".to_owned()));
        tally.unknown(2, "Unavailable".to_owned());
        let report = tally.report(Duration::from_secs(1));
        assert_eq!((report.lost, report.rejected["why not"], report.unknown["Unavailable"]), (1, 1, 1));
        tally.refused(3, "SEQUENCER_OVERLOADED".to_owned());
        assert_eq!(tally.report(Duration::from_secs(1)).lost, 0);
        assert_eq!(tally.window.available_permits(), 2);
        assert!(tally.request(at(3)).is_none() && tally.request(at(2)).is_some());
    }

    #[test]
    fn requests_that_nobody_answers_have_to_be_rejected() {
        let tally = Tally::new(0);
        sequenced(&tally, 0, false);
        sequenced(&tally, 1, false);
        assert_eq!((tally.window.available_permits(), tally.next_number()), (2, 2), "they wait for their events only");
        tally.verdict(0, at(0), Some("too late".to_owned()));
        tally.verdict(0, at(1), None);
        let report = tally.report(Duration::from_secs(1));
        assert_eq!((report.unanswered.sent, report.unanswered.rejected, report.approved), (2, 1, 0));
        assert_eq!(report.rejected.len(), 1);
        assert_eq!(tally.window.available_permits(), 2);
    }
}
