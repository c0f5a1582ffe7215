//! What no recording of a mediator shows: the same events twice, and restarts.

use synod_mediator::rules::{DeduplicationEntry, FinalizedRequest, Outcome, VerdictSubmission};
use synod_testkit::recordings::Recording;
use synod_types::CantonTimestamp;

use super::mediators::Received;
use super::node;
use super::tests::recordings;

/// Between two restarts.
const STEP: usize = 3;

/// All recorded mediators that received something.
fn mediators() -> Vec<(String, Received)> {
    let mut mediators = Vec::new();
    for folder in recordings() {
        let recording = Recording::open(&folder).expect("a recording");
        let replays: Vec<_> = recording
            .nodes()
            .into_iter()
            .filter(|name| name.starts_with("sequencer"))
            .map(|name| node::Node::open(&recording, name).and_then(|node| node.replay()).expect("a replay"))
            .collect();
        for name in recording.nodes().into_iter().filter(|name| name.starts_with("mediator")) {
            let member = node::member(&recording, name, "MED").expect("a mediator");
            let received = replays.iter().find_map(|replayed| Received::of(replayed, &member).ok());
            mediators.push((format!("{} {name}", recording.name()), received.expect("a registered mediator")));
        }
    }
    mediators
}

/// All that is kept and sent. What is only logged or measured may know less after a restart.
type Effects<'a> =
    (CantonTimestamp, &'a [DeduplicationEntry], &'a [FinalizedRequest], &'a [VerdictSubmission], usize, usize);

fn effects(outcome: &Outcome) -> Effects<'_> {
    let Outcome { time, deduplicated, finalized, submissions, opened, unresponsive, .. } = outcome;
    (*time, deduplicated, finalized, submissions, *opened, unresponsive.len())
}

#[test]
fn the_same_events_give_the_same_outcomes() {
    let mut finalized = 0;
    for (name, received) in mediators() {
        let first = received.outcomes();
        assert_eq!(received.outcomes(), first, "{name}");
        finalized += first.iter().map(|outcome| outcome.finalized.len()).sum::<usize>();
    }
    assert!(finalized > 100, "{finalized}");
}

/// A mediator that stops after any event begins again after the newest one before which everything is decided, with the ids of
/// the requests up to there.
#[test]
fn a_restart_anywhere_gives_the_same_outcomes() {
    let mut with_pending = 0;
    for (name, received) in mediators() {
        let Some(mut running) = received.rules() else { continue };
        let mut whole = Vec::new();
        let mut stops = Vec::new();
        for (event, topology) in &received.events {
            whole.push(running.handle(event, topology));
            stops.push(running.oldest_pending());
        }
        for (stop, oldest_pending) in stops.into_iter().enumerate().step_by(STEP) {
            let is_finished = |(event, _): &&(_, _)| {
                let event: &synod_wire::SequencedEvent = event;
                oldest_pending.is_none_or(|oldest| event.timestamp < oldest)
            };
            let finished = received.events[..=stop].iter().take_while(is_finished).count();
            with_pending += usize::from(finished <= stop);
            let mut rules = received.rules().expect("there are events");
            rules.restore_deduplication(whole[..finished].iter().flat_map(|outcome| outcome.deduplicated.clone()));
            for ((event, topology), expected) in received.events.iter().zip(&whole).skip(finished) {
                let found = rules.handle(event, topology);
                assert_eq!(
                    effects(&found),
                    effects(expected),
                    "{name}: restart after {stop}, event {}",
                    event.timestamp
                );
            }
        }
    }
    assert!(with_pending > 50, "{with_pending}");
}
