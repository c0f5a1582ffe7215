//! Sending, acknowledging, asking.

use std::time::Duration;

use synod_client::{ClientError, Retry, Submission, TopologyError, max_sequencing_time};
use synod_crypto::verify;
use synod_types::{CantonTimestamp, MessageId, ProtocolVersion, Recipient};
use synod_wire::{AcknowledgeRequest, AggregationRule, Batch, Envelope, Recipients, SignedContent, SubmissionRequest};
use tonic::{Code, Status};

use crate::fake::{Fake, PROTOCOL, stored};
use crate::session;

const VERSION: ProtocolVersion = ProtocolVersion::V35;

fn submission(to: &Recipient) -> Submission {
    let envelope = Envelope { content: vec![7; 300].into(), signatures: Vec::new() };
    let batch = Batch::new(VERSION, vec![(envelope, Recipients::group([to.clone()]).unwrap())]);
    Submission::new(MessageId::parse("m-1").unwrap(), batch, max_sequencing_time(Duration::from_secs(60)))
}

#[tokio::test]
async fn a_submission_arrives_signed_and_whole() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    let member = session.member();
    let mut wanted = submission(&Recipient::Member(member.clone()));
    wanted.aggregation_rule = Some(AggregationRule::SenderDeduplication);
    wanted.submission_cost = Some(321);
    wanted.timestamp_of_signing_key = Some(CantonTimestamp::EPOCH);
    session.send(wanted.clone()).await.unwrap();

    let sent = fake.state().sent.remove(0);
    let signed = SignedContent::parse(&sent).unwrap();
    let request = SubmissionRequest::parse(&signed.content, VERSION, 1_000_000).unwrap();
    let (_, key) = fake.state().members[&member.to_string()].clone();
    verify(&request.hash(), &key, signed.last_signature(), PROTOCOL).unwrap();
    assert_eq!(signed.timestamp_of_signing_key, wanted.timestamp_of_signing_key);
    assert_eq!((request.sender, request.message_id), (member.clone(), wanted.message_id));
    assert_eq!((request.batch, request.max_sequencing_time), (wanted.batch, wanted.max_sequencing_time));
    assert_eq!((request.aggregation_rule, request.submission_cost), (wanted.aggregation_rule, Some(321)));
    assert_eq!(request.topology_timestamp, None);
}

#[tokio::test]
async fn a_refusal_says_whether_to_try_again_and_is_sent_once() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    let to = Recipient::Member(session.member().clone());
    for (code, retry) in [
        (Code::Aborted, Retry::Later),
        (Code::FailedPrecondition, Retry::Never),
        (Code::InvalidArgument, Retry::Never),
        (Code::Unavailable, Retry::Unknown),
        (Code::Internal, Retry::Unknown),
    ] {
        fake.state().send_refusal = Some(Status::new(code, "no"));
        let error = session.send(submission(&to)).await.unwrap_err();
        assert_eq!((error.status().unwrap().code(), error.retry()), (code, retry));
    }
    assert!(fake.state().sent.is_empty());
    assert_eq!(fake.state().logins, 1);
}

#[tokio::test]
async fn an_acknowledgement_arrives_signed() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    let time = CantonTimestamp::from_micros(1_234_567).unwrap();
    session.acknowledge(time).await.unwrap();
    let signed = SignedContent::parse(&fake.state().acknowledged.remove(0)).unwrap();
    let request = AcknowledgeRequest::parse(&signed.content, VERSION).unwrap();
    let (_, key) = fake.state().members[&session.member().to_string()].clone();
    verify(&request.hash(), &key, signed.last_signature(), PROTOCOL).unwrap();
    assert_eq!((&request.member, request.timestamp), (session.member(), time));
}

#[tokio::test]
async fn time_and_traffic_may_be_unknown() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    assert_eq!(session.time().await.unwrap(), None);
    let time = fake.deliver("m", Vec::new());
    assert_eq!(session.time().await.unwrap(), Some(time));
    assert_eq!(session.traffic_state(CantonTimestamp::EPOCH).await.unwrap(), None);
    let traffic = session.traffic_state(time).await.unwrap().unwrap();
    assert_eq!((traffic.timestamp, traffic.last_consumed_cost), (time, 1));
}

#[tokio::test]
async fn the_topology_to_start_from_is_checked() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    fake.found();
    let items = session.initial_topology().await.unwrap();
    assert_eq!(items, fake.state().items);
    let topology = session.start_topology().await.unwrap();
    assert!(topology.head_snapshot().is_known(session.member()));

    // Another hash.
    let hash = std::mem::replace(
        &mut fake.state().hash,
        synod_crypto::TopologyStateHash::new().finish().multihash().to_vec().into(),
    );
    let error = session.initial_topology().await.unwrap_err();
    assert!(matches!(error, ClientError::Topology(TopologyError::Hash { .. })), "{error:?}");

    // The right hash of a state that was judged wrongly: the hash does not cover it.
    fake.state().hash = hash;
    let last = fake.state().items.len() - 1;
    assert!(stored(&fake.state().items[last]).rejection.is_none());
    fake.state().items[last].rejection_reason = Some("no".to_owned());
    let error = session.start_topology().await.unwrap_err();
    assert!(matches!(error, ClientError::Topology(TopologyError::Judgement(_))), "{error:?}");
}
