//! From a request to its verdict.

use synod_crypto::{KeyUsages, protocol_message_hash};
use synod_mediator::messages::Verdict;
use synod_testkit::requests::key;
use synod_types::CantonTimestamp;

use crate::bed::*;
use crate::script::{self, Step, by_the_rules, simple};
use crate::world::{World, run};

#[test]
fn a_request_becomes_a_verdict_that_is_stored_with_the_bytes_that_were_sent() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let request = simple(&world.bed, START, 1);
        world.step(&shell, &Step::Event(START, request.envelopes.clone())).await;
        let head = shell.head.borrow().clone();
        assert_eq!((head.processed, head.clean, head.pending), (Some(at(START)), None, 1));
        assert!(shell.finalized(at(START)).await.is_empty());

        let answer = request.approved(&world.bed, "p1", &["alice"]);
        world.step(&shell, &Step::Event(START + 1_000, answer)).await;
        let head = shell.head.borrow().clone();
        assert_eq!((head.processed, head.clean, head.pending), (Some(at(START + 1_001)), Some(at(START + 1_001)), 0));
        assert_eq!(*shell.clean.borrow(), head.clean);
        let stored = shell.finalized(at(START)).await;
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0].request, request.built.content);
        assert_eq!(stored[0].finalization_time, at(START + 1_000));
        assert_eq!(stored[0].verdict, Verdict::Approve.to_versioned_bytes());
        assert_eq!(by_the_rules(&world).0, stored);

        let (calls, deliveries) = (world.sequencer.verdicts(), world.sequencer.deliveries());
        assert_eq!((calls.len(), deliveries.len(), world.sequencer.refusals()), (1, 1, 0));
        assert_eq!(calls[0].message_id.as_str(), format!("verdict-{START}-0"));
        assert_eq!(by_the_rules(&world).1.get(&calls[0].message_id), Some(&deliveries[0].envelope.content));
        let signature = mediator("m1").sign(&protocol_message_hash(&deliveries[0].envelope.content));
        assert_eq!(deliveries[0].envelope.signatures, [signature]);
        assert_eq!(shell.submissions(), [("sequenced".to_owned(), 1)].into());
        world.check(&shell, &[START]).await;
        world.kill(shell).await;
        assert!(world.start().await.resumed.submissions.is_empty(), "what was seen sequenced is not kept");
    });
}

#[test]
fn a_verdict_is_visible_when_all_earlier_requests_are_decided() {
    run(async {
        let mut world = World::new();
        let shell = world.start().await;
        let requests: Vec<_> =
            (0..3).map(|number| simple(&world.bed, START + 1_000 * i64::from(number), number)).collect();
        for request in &requests {
            world.step(&shell, &Step::Event(request.at, request.envelopes.clone())).await;
        }
        let ids: Vec<i64> = requests.iter().map(|request| request.at).collect();
        for (answered, clean, pending) in [(2, None, 2), (0, Some(START), 1), (1, Some(START + 30_000), 0)] {
            let time = START + 10_000 * (3 - i64::try_from(pending).expect("few"));
            let answer = requests[answered].approved(&world.bed, "p1", &["alice"]);
            world.step(&shell, &Step::Event(time, answer)).await;
            let head = shell.head.borrow().clone();
            let clean = clean.map(|time| if pending == 0 { time + 1 } else { time });
            assert_eq!((head.clean, head.pending), (clean.map(at), pending));
            world.check(&shell, &ids).await;
        }
        assert_eq!(world.sequencer.deliveries().len(), 3);
    });
}

#[test]
fn many_requests_at_the_same_time_are_decided_by_the_rules() {
    run(async {
        let mut world = World::new();
        world.add_key(key(script::SECOND_KEY, KeyUsages::PROTOCOL));
        let shell = world.start().await;
        let script = script::interleaved(&world.bed);
        let ids: Vec<i64> = script.requests.keys().copied().collect();
        for step in &script.steps {
            world.step(&shell, step).await;
            world.check(&shell, &ids).await;
        }
        let stored = shell.finalized(CantonTimestamp::MAX).await;
        let (finalized, sent) = by_the_rules(&world);
        assert_eq!(stored, finalized);
        let requests: Vec<_> = stored.iter().map(|row| (row.request_id.as_micros(), row.request.clone())).collect();
        assert_eq!(requests, script.requests.clone().into_iter().collect::<Vec<_>>());
        let verdicts: Vec<_> = stored.iter().map(|row| Verdict::parse(&row.verdict).expect("a verdict")).collect();
        let kind = |verdict: &Verdict| match verdict {
            Verdict::Approve => "approve",
            Verdict::ParticipantReject { .. } => "reject",
            Verdict::MediatorReject { .. } if verdict.is_timeout() => "time-out",
            Verdict::MediatorReject { .. } => "refuse",
        };
        let kinds: Vec<_> = verdicts.iter().map(kind).collect();
        assert_eq!(kinds, ["approve", "reject", "time-out", "refuse", "refuse", "approve", "approve"]);
        let delivered = world.sequencer.deliveries_by_id();
        let contents = delivered.iter().map(|(id, sent)| (id.clone(), sent.envelope.content.clone())).collect();
        assert_eq!(sent, contents);
        assert_eq!(world.sequencer.verdicts().len(), delivered.len());
        assert_eq!(world.sequencer.refusals(), 0);
        assert_eq!(shell.head.borrow().clean, world.sequencer.last());
    });
}
