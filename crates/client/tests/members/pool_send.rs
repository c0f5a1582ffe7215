//! Sending through several sequencers.

use std::time::Duration;

use synod_client::{
    Amplification, ClientError, PoolConfig, Retry, SequencerPool, SignedSubmission, Submission, max_sequencing_time,
};
use synod_crypto::verify;
use synod_types::{CantonTimestamp, MessageId, ProtocolVersion};
use synod_wire::{AcknowledgeRequest, AggregationRule, Batch, SignedContent, SubmissionRequest};
use tonic::Status;

use crate::fake::PROTOCOL;
use crate::pool_group::{Group, next_time, subscribe, topology};
use crate::{LIMIT, soon};

const VERSION: ProtocolVersion = ProtocolVersion::V35;
/// So long that nothing happens after it unless time is made to pass.
const LONG: Duration = Duration::from_secs(3_600);

async fn sign(pool: &SequencerPool, id: &str, amplification: Amplification) -> SignedSubmission {
    let until = max_sequencing_time(Duration::from_secs(60));
    let submission = Submission::new(MessageId::parse(id).unwrap(), Batch::empty(VERSION), until);
    let topology = topology(pool).await.head_snapshot();
    submission.amplified(amplification).sign_in(pool.signer(), &topology).unwrap()
}

async fn send(pool: &SequencerPool, submission: SignedSubmission) -> Result<(), ClientError> {
    soon("the send", pool.send(submission, None)).await
}

/// How many calls to send each sequencer got.
fn sends(group: &Group) -> Vec<usize> {
    group.fakes.iter().map(|fake| fake.state().sends).collect()
}

/// Who got a submission.
fn holders(group: &Group) -> Vec<usize> {
    (0..group.fakes.len()).filter(|index| !group.fakes[*index].state().sent.is_empty()).collect()
}

/// The clock jumps; then everything that is due has its turn, and a call goes there and back.
async fn pass(pool: &SequencerPool, time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
    soon("a call", pool.time()).await.unwrap();
}

/// Waits until another sequencer than the `known` ones has got the submission.
async fn another(group: &Group, known: &[usize]) -> usize {
    let others = (0..group.fakes.len()).filter(|index| !known.contains(index));
    let waiting = others.map(|index| {
        Box::pin(async move {
            group.fakes[index].until("a submission", |state| state.sends > 0).await;
            index
        })
    });
    futures::future::select_all(waiting).await.0
}

async fn amplifying(count: usize, factor: u32) -> (Group, PoolConfig, Amplification) {
    let group = Group::start(count).await;
    let config = group.amplified(&(0..count).collect::<Vec<_>>(), factor, LONG);
    let amplification = config.amplification();
    (group, config, amplification)
}

#[tokio::test]
async fn a_submission_goes_to_one_sequencer_and_the_next_to_another() {
    let group = Group::start(3).await;
    let pool = group.pool(group.config(&[0, 1, 2], 1)).await;
    for number in 0..3 {
        send(&pool, sign(&pool, &format!("m{number}"), Amplification::NONE).await).await.unwrap();
    }
    assert_eq!(sends(&group).iter().sum::<usize>(), 3);
    let sent = group.fakes.iter().find_map(|fake| fake.state().sent.first().cloned()).unwrap();
    let parsed = SignedSubmission::parse(sent, VERSION).unwrap();
    assert!(!parsed.is_delivered_once);
}

#[tokio::test]
async fn who_is_overloaded_is_passed_over() {
    for refusal in [Status::aborted("overloaded"), Status::resource_exhausted("overloaded")] {
        let group = Group::start(3).await;
        let pool = group.pool(group.config(&[0, 1, 2], 1)).await;
        for busy in [0, 2] {
            group.fakes[busy].state().send_refusal = Some(refusal.clone());
        }
        for number in 0..3 {
            send(&pool, sign(&pool, &format!("m{number}"), Amplification::NONE).await).await.unwrap();
        }
        assert_eq!(group.fakes[1].state().sent.len(), 3);
        group.fakes[1].state().send_refusal = Some(refusal);
        let before: usize = sends(&group).iter().sum();
        let error = send(&pool, sign(&pool, "last", Amplification::NONE).await).await.unwrap_err();
        assert_eq!(error.retry(), Retry::Later);
        assert_eq!(sends(&group).iter().sum::<usize>(), before + 3, "each was asked once");
    }
}

#[tokio::test]
async fn a_refusal_is_final() {
    let (group, config, amplification) = amplifying(3, 3).await;
    let pool = group.pool(config).await;
    for fake in &group.fakes {
        fake.state().send_refusal = Some(Status::failed_precondition("no"));
    }
    let error = send(&pool, sign(&pool, "m", amplification).await).await.unwrap_err();
    assert_eq!((error.retry(), sends(&group).iter().sum::<usize>()), (Retry::Never, 1));
}

#[tokio::test]
async fn what_may_be_taken_goes_on_only_if_it_is_delivered_once() {
    let (group, config, amplification) = amplifying(3, 2).await;
    let pool = group.pool(config).await;
    for fake in &group.fakes {
        fake.state().send_refusal = Some(Status::unknown("broken"));
    }
    let error = send(&pool, sign(&pool, "plain", Amplification::NONE).await).await.unwrap_err();
    assert_eq!((error.retry(), sends(&group).iter().sum::<usize>()), (Retry::Unknown, 1));
    pool.wait_until(LIMIT, |health| health.valid_sequencers == 3).await.unwrap();
    group.fakes[1].state().send_refusal = None;
    let submission = sign(&pool, "repeatable", amplification).await;
    assert!(submission.is_delivered_once);
    send(&pool, submission.clone()).await.unwrap();
    assert_eq!(group.fakes[1].state().sent, [submission.bytes]);
}

#[tokio::test]
async fn what_is_sequenced_already_is_sent() {
    let group = Group::start(1).await;
    let pool = group.pool(group.config(&[0], 1)).await;
    group.fakes[0].state().send_refusal = Some(Status::already_exists("sent before"));
    send(&pool, sign(&pool, "m", Amplification::NONE).await).await.unwrap();
}

#[tokio::test]
async fn without_a_receipt_it_is_sent_again_as_often_as_the_factor_says() {
    let (group, config, amplification) = amplifying(4, 3).await;
    let pool = group.pool(config).await;
    let submission = sign(&pool, "m", amplification).await;
    send(&pool, submission.clone()).await.unwrap();
    let first = holders(&group);
    assert_eq!(first.len(), 1);
    pass(&pool, LONG - Duration::from_secs(60)).await;
    assert_eq!(holders(&group), first, "the patience is not over");
    pass(&pool, Duration::from_secs(61)).await;
    let second = another(&group, &first).await;
    let known = [first[0], second];
    pass(&pool, LONG + Duration::from_secs(1)).await;
    let third = another(&group, &known).await;
    pass(&pool, LONG + Duration::from_secs(1)).await;
    pass(&pool, LONG + Duration::from_secs(1)).await;
    assert_eq!(sends(&group).iter().sum::<usize>(), 3);
    for index in [first[0], second, third] {
        assert_eq!(group.fakes[index].state().sent, std::slice::from_ref(&submission.bytes), "the same bytes");
    }
}

#[tokio::test]
async fn with_a_receipt_it_is_not_sent_again() {
    let (group, config, amplification) = amplifying(2, 2).await;
    let pool = group.pool(config).await;
    let mut subscription = subscribe(&pool, None).await;
    send(&pool, sign(&pool, "mine", amplification).await).await.unwrap();
    let receipt = group.deliver("mine");
    assert_eq!(next_time(&mut subscription).await, receipt);
    for _ in 0..2 {
        pass(&pool, LONG * 2).await;
    }
    assert_eq!(holders(&group).len(), 1);
}

#[tokio::test]
async fn what_is_too_late_is_not_sent_again() {
    let (group, config, amplification) = amplifying(2, 2).await;
    let pool = group.pool(config).await;
    let mut subscription = subscribe(&pool, None).await;
    let mut submission = sign(&pool, "mine", amplification).await;
    let time = group.deliver("another");
    submission.max_sequencing_time = CantonTimestamp::from_micros(time.as_micros() - 1).unwrap();
    send(&pool, submission).await.unwrap();
    assert_eq!(next_time(&mut subscription).await, time);
    for _ in 0..2 {
        pass(&pool, LONG * 2).await;
    }
    assert_eq!(holders(&group).len(), 1);
}

#[tokio::test]
async fn a_sequencer_that_does_not_answer_is_not_waited_for_longer_than_the_patience() {
    let (group, config, amplification) = amplifying(2, 2).await;
    let pool = group.pool(config).await;
    for fake in &group.fakes {
        fake.state().is_mute = true;
    }
    let submission = sign(&pool, "m", amplification).await;
    let short = Amplification { patience: Duration::from_millis(20), ..amplification };
    let sending = tokio::spawn({
        let pool = pool.clone();
        async move { pool.send(submission, Some(short)).await }
    });
    let first = another(&group, &[]).await;
    group.fakes[1 - first].state().is_mute = false;
    soon("the send", sending).await.unwrap().unwrap();
    assert_eq!(holders(&group), [0, 1]);
}

#[tokio::test]
async fn the_rule_of_an_amplified_submission_is_that_of_the_sender() {
    let (group, config, amplification) = amplifying(1, 2).await;
    let pool = group.pool(config).await;
    let submission = sign(&pool, "m", amplification).await;
    let content = SignedContent::parse(&submission.bytes).unwrap().content;
    let request = SubmissionRequest::parse(&content, VERSION, 1_000_000).unwrap();
    assert_eq!(request.aggregation_rule, Some(AggregationRule::SenderDeduplication));
    assert_eq!(SignedSubmission::parse(submission.bytes.clone(), VERSION).unwrap(), submission);
}

#[tokio::test]
async fn nobody_to_send_to_is_said_at_once() {
    let group = Group::start(1).await;
    group.fakes[0].state().is_down = true;
    let pool = group.start_pool(group.config(&[0], 1));
    let submission = SignedSubmission {
        bytes: Vec::new().into(),
        message_id: MessageId::parse("m").unwrap(),
        max_sequencing_time: CantonTimestamp::MAX,
        is_delivered_once: false,
    };
    let error = send(&pool, submission).await.unwrap_err();
    assert!(matches!(error, ClientError::NoSequencer { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);
}

#[tokio::test]
async fn sequencers_that_left_the_synchronizer_get_nothing() {
    let group = Group::start(2).await;
    let pool = group.pool(group.config(&[0, 1], 1)).await;
    let mut subscription = subscribe(&pool, None).await;
    let alone = group.fakes[0].network().sequencers(2, 1, &[group.fakes[0].sequencer()], &[]);
    let change = group.fakes[0].broadcast(&[alone]);
    let event = group.fakes[0].next_event("change", vec![change]);
    group.send_from(&[0, 1], &event);
    assert_eq!(next_time(&mut subscription).await, event.timestamp);
    for number in 0..3 {
        send(&pool, sign(&pool, &format!("m{number}"), Amplification::NONE).await).await.unwrap();
    }
    assert_eq!(sends(&group), [3, 0]);
}

#[tokio::test]
async fn an_acknowledgement_goes_to_who_takes_it() {
    let group = Group::start(2).await;
    let pool = group.pool(group.config(&[0, 1], 1)).await;
    let snapshot = topology(&pool).await.head_snapshot();
    let time = CantonTimestamp::from_micros(1_234_567).unwrap();
    group.fakes[0].state().members.clear();
    group.fakes[0].forget_tokens();
    for _ in 0..2 {
        soon("the acknowledgement", pool.acknowledge(time, &snapshot)).await.unwrap();
    }
    let acknowledged = group.fakes[1].state().acknowledged.clone();
    assert_eq!(acknowledged.len(), 2);
    let signed = SignedContent::parse(&acknowledged[0]).unwrap();
    let request = AcknowledgeRequest::parse(&signed.content, VERSION).unwrap();
    let (_, key) = group.fakes[1].state().members[&pool.member().to_string()].clone();
    verify(&request.hash(), &key, signed.last_signature(), PROTOCOL).unwrap();
    assert_eq!((&request.member, request.timestamp), (pool.member(), time));
}
