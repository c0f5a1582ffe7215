//! What was sent and what came back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};

use super::Report;

/// Counts of one run.
#[derive(Debug)]
pub(super) struct Tally {
    /// One permit for each submission that may wait for its event.
    pub(super) window: Semaphore,
    counts: Mutex<Counts>,
    changed: Notify,
}

#[derive(Debug)]
struct Counts {
    /// Submissions that wait for their event, by number.
    open: BTreeMap<u64, Open>,
    /// Submissions of whom nobody knows whether they were taken, as long as no event came.
    unknown: BTreeSet<u64>,
    calls_unknown: BTreeMap<String, u64>,
    accepted: u64,
    delivered: u64,
    duplicated: u64,
    refused: BTreeMap<String, u64>,
    ended: BTreeMap<String, u64>,
    deliver_micros: Vec<u32>,
    send_micros: Vec<u32>,
    refused_micros: Vec<u32>,
    last_delivery: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    started: Instant,
    accepted: bool,
    delivered: bool,
}

impl Tally {
    pub(super) fn new(in_flight: usize) -> Self {
        let counts = Counts {
            open: BTreeMap::new(),
            unknown: BTreeSet::new(),
            calls_unknown: BTreeMap::new(),
            accepted: 0,
            delivered: 0,
            duplicated: 0,
            refused: BTreeMap::new(),
            ended: BTreeMap::new(),
            deliver_micros: Vec::new(),
            send_micros: Vec::new(),
            refused_micros: Vec::new(),
            last_delivery: Instant::now(),
        };
        Self { window: Semaphore::new(in_flight), counts: Mutex::new(counts), changed: Notify::new() }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Counting cannot panic half way.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A submission is about to be sent.
    pub(super) fn sending(&self, number: u64) {
        let open = Open { started: Instant::now(), accepted: false, delivered: false };
        self.counts().open.insert(number, open);
    }

    /// The sequencer took the submission.
    pub(super) fn accepted(&self, number: u64) {
        let mut counts = self.counts();
        counts.accepted += 1;
        if let Some(open) = counts.open.get_mut(&number) {
            open.accepted = true;
            let (micros, is_delivered) = (micros(open.started.elapsed()), open.delivered);
            counts.send_micros.push(micros);
            if is_delivered {
                counts.open.remove(&number);
            }
        }
        drop(counts);
        self.changed.notify_one();
    }

    /// The sequencer refused the submission: there will be no event.
    pub(super) fn refused(&self, number: u64, why: String) {
        let mut counts = self.counts();
        if let Some(open) = counts.open.remove(&number) {
            counts.refused_micros.push(micros(open.started.elapsed()));
        }
        *counts.refused.entry(why).or_default() += 1;
        drop(counts);
        self.window.add_permits(1);
        self.changed.notify_one();
    }

    /// The call failed, and the sequencer may have taken the submission: an event may come, or not.
    pub(super) fn unknown(&self, number: u64, why: String) {
        let mut counts = self.counts();
        *counts.calls_unknown.entry(why).or_default() += 1;
        // The event may have come before the answer did not.
        let waits = counts.open.remove(&number).is_some_and(|open| !open.delivered);
        if waits {
            counts.unknown.insert(number);
        }
        drop(counts);
        if waits {
            self.window.add_permits(1);
        }
        self.changed.notify_one();
    }

    /// A member gets no more events.
    pub(super) fn subscription_ended(&self, why: String) {
        *self.counts().ended.entry(why).or_default() += 1;
    }

    /// The event of a submission came.
    pub(super) fn delivered(&self, number: u64) {
        let mut counts = self.counts();
        let now = Instant::now();
        let waited = match counts.open.get_mut(&number) {
            Some(open) if !open.delivered => {
                open.delivered = true;
                let (micros, is_accepted) = (micros(now.duration_since(open.started)), open.accepted);
                counts.deliver_micros.push(micros);
                if is_accepted {
                    counts.open.remove(&number);
                }
                true
            }
            _ => false,
        };
        if waited || counts.unknown.remove(&number) {
            counts.delivered += 1;
            counts.last_delivery = now;
        } else {
            counts.duplicated += 1;
        }
        drop(counts);
        if waited {
            self.window.add_permits(1);
        }
        self.changed.notify_one();
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

    pub(super) fn last_delivery(&self) -> Instant {
        self.counts().last_delivery
    }

    pub(super) fn report(&self, elapsed: Duration) -> Report {
        let mut counts = self.counts();
        counts.deliver_micros.sort_unstable();
        counts.send_micros.sort_unstable();
        counts.refused_micros.sort_unstable();
        let lost = counts.open.values().filter(|open| open.accepted && !open.delivered).count();
        Report {
            accepted: counts.accepted,
            delivered: counts.delivered,
            lost: lost as u64,
            duplicated: counts.duplicated,
            unknown: counts.calls_unknown.clone(),
            refused: counts.refused.clone(),
            ended_subscriptions: counts.ended.clone(),
            seconds: elapsed.as_secs_f64(),
            delivered_per_s: counts.delivered as f64 / elapsed.as_secs_f64(),
            deliver_p50_ms: percentile_ms(&counts.deliver_micros, 50),
            deliver_p99_ms: percentile_ms(&counts.deliver_micros, 99),
            send_p50_ms: percentile_ms(&counts.send_micros, 50),
            refused_p99_ms: percentile_ms(&counts.refused_micros, 99),
        }
    }
}

pub(super) fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The value below which `percent` of the sorted values are, in milliseconds; 0 when there are none.
pub(super) fn percentile_ms(sorted: &[u32], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |micros| f64::from(*micros) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_counted_once() {
        let tally = Tally::new(10);
        (0..4).for_each(|number| tally.sending(number));
        // The event may come before the answer.
        tally.delivered(0);
        tally.accepted(0);
        tally.accepted(1);
        tally.delivered(1);
        tally.delivered(1);
        tally.refused(2, "SEQUENCER_OVERLOADED".to_owned());
        tally.accepted(3);
        let report = tally.report(Duration::from_secs(2));
        assert_eq!((report.accepted, report.delivered, report.lost, report.duplicated), (3, 2, 1, 1));
        assert_eq!(report.delivered_per_s, 1.0);
        assert_eq!(report.refused["SEQUENCER_OVERLOADED"], 1);
        assert!(!report.is_fit());
    }

    #[test]
    fn an_event_after_a_call_of_unknown_fate_is_no_second_one() {
        let tally = Tally::new(3);
        (0..3).for_each(|number| tally.sending(number));
        tally.delivered(0);
        (0..3).for_each(|number| tally.unknown(number, "Unavailable".to_owned()));
        tally.delivered(1);
        let report = tally.report(Duration::from_secs(1));
        assert_eq!((report.accepted, report.delivered, report.lost, report.duplicated), (0, 2, 0, 0));
        assert_eq!(report.unknown["Unavailable"], 3);
        tally.delivered(1);
        assert_eq!(tally.report(Duration::from_secs(1)).duplicated, 1);
        assert_eq!(tally.window.available_permits(), 6, "each gave its own place back");
    }

    #[test]
    fn a_run_in_which_nothing_happened_is_not_fit() {
        let tally = Tally::new(1);
        assert!(!tally.report(Duration::from_secs(1)).is_fit());
        tally.sending(0);
        tally.accepted(0);
        tally.delivered(0);
        assert!(tally.report(Duration::from_secs(1)).is_fit());
        tally.subscription_ended("the sequencer ended it".to_owned());
        assert!(!tally.report(Duration::from_secs(1)).is_fit());
    }

    #[test]
    fn percentiles_of_few_values() {
        assert_eq!(percentile_ms(&[], 99), 0.0);
        assert_eq!(percentile_ms(&[1_000], 99), 1.0);
        assert_eq!(percentile_ms(&(0..100).map(|ms| ms * 1_000).collect::<Vec<_>>(), 50), 50.0);
    }
}
