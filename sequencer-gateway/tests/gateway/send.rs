//! Submissions: what is accepted, and how the rest is refused (`pv35-edges`).

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use synod_crypto::KeyUsages;
use synod_proto::google::rpc::{ErrorInfo, Status as RpcStatus};
use synod_proto::sequencer::api::v30::SendAsyncRequest;
use synod_testkit::requests::{TestMember, key};
use synod_types::{CantonTimestamp, Member, MemberKind};
use synod_wire::AggregationRule;
use synod_wire::status::short_member;
use tonic::{Code, Status};

use crate::client::{Client, now, submission, trailers};
use crate::node::{Node, Start, alice, bob};

fn refusal(status: &Status) -> (Code, String) {
    assert_eq!(trailers(status), ["grpc-status-details-bin"]);
    let rpc = RpcStatus::decode(status.details()).expect("google.rpc.Status");
    assert_eq!((rpc.code, rpc.message.as_str()), (status.code() as i32, status.message()));
    let info = ErrorInfo::decode(&*rpc.details[0].value).expect("ErrorInfo first");
    assert!(status.message().starts_with(&info.reason), "{} is not {}", status.message(), info.reason);
    assert!(info.metadata.iter().any(|entry| entry.key == "sequencer" && entry.value == "sequencer1"));
    (status.code(), status.message().to_owned())
}

async fn refused(client: &Client, bytes: Bytes) -> (Code, String) {
    refusal(&client.send_bytes(bytes).await.expect_err("refused"))
}

#[tokio::test]
async fn what_is_sent_is_delivered() {
    let node = Node::start().await;
    let (alice, bob) = (Client::log_in(&node, &alice()).await, Client::log_in(&node, &bob()).await);
    let (mut of_alice, mut of_bob) = (alice.subscribe(None).await, bob.subscribe(None).await);
    let (alice_id, bob_id) = (alice.member.member().to_string(), bob.member.member().to_string());
    let request = submission(&alice.member, "both").to(&[&alice_id, &bob_id], b"for two").to(&[&bob_id], b"for one");
    alice.send(&request).await.expect("accepted");

    let sent = of_alice.until("both").await;
    assert_eq!(sent.envelopes(), Some(1));
    sent.verify(&node.sequencer);
    let received = of_bob.next().await;
    assert_eq!((received.event.timestamp, &received.event.message_id), (sent.event.timestamp, &None));
    assert_eq!(received.envelopes(), Some(2));
    received.verify(&node.sequencer);

    let again = request.bytes();
    alice.send_bytes(again.clone()).await.expect("accepted");
    alice.send_bytes(again).await.expect("the same bytes are another request");
    assert!(of_alice.until("both").await.event.timestamp < of_alice.until("both").await.event.timestamp);

    let proof = submission(&alice.member, "tick-1").until(CantonTimestamp::MAX);
    alice.send(&proof).await.expect("accepted");
    assert!(of_alice.until("tick-1").await.event.is_time_proof());
    node.stop().await;
}

#[tokio::test]
async fn recipients_are_checked() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let me = client.member.clone();
    let sender = short_member(me.member());
    let ghost = TestMember::new(MemberKind::Participant, "ghost").member().clone();
    let unknown = submission(&me, "m").to(&[&ghost.to_string()], b"x").bytes();
    let expected = format!("SEQUENCER_UNKNOWN_RECIPIENTS(9,0): Unknown recipients: {}", short_member(&ghost));
    assert_eq!(refused(&client, unknown).await, (Code::FailedPrecondition, expected));
    for recipients in [["MGR::0", "MGR::1"], ["ALL::All", "MGR::0"]] {
        let several = submission(&me, "m").to(&recipients, b"x").bytes();
        let expected = format!(
            "SEQUENCER_SUBMISSION_REQUEST_REFUSED(9,0): Request 'm' from '{sender}' refused: Batch contains multiple \
             mediators as recipients."
        );
        assert_eq!(refused(&client, several).await, (Code::FailedPrecondition, expected));
    }
    client.send(&submission(&me, "group").to(&["MGR::7"], b"x")).await.expect("groups are looked at later");
    node.stop().await;
}

#[tokio::test]
async fn senders_are_checked() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let bob = bob();
    let other = submission(&bob, "m").bytes();
    let (me, other_id) = (short_member(client.member.member()), short_member(bob.member()));
    let expected = format!(
        "SEQUENCER_SUBMISSION_REQUEST_REFUSED(9,0): Request 'm' from '{other_id}' refused: {other_id} is not authorized to \
         send: Authenticated member {me} just tried to use sequencer on behalf of {other_id} without permission"
    );
    assert_eq!(refused(&client, other).await, (Code::FailedPrecondition, expected));

    let mine = submission(&client.member, "m");
    let prefix = "SEQUENCER_SUBMISSION_REQUEST_REFUSED(9,0): Sequencer could not verify client's signature on \
                  [SubmissionRequest] with sequencer's hypothetical snapshot (timestamp = ";
    let by_another = mine.bytes_signed(|hash| bob.sign(hash));
    let (code, text) = refused(&client, by_another).await;
    assert_eq!(code, Code::FailedPrecondition);
    let valid = client.member.protocol_key().public_key().fingerprint();
    let wrong = bob.protocol_key().public_key().fingerprint();
    assert!(text.starts_with(prefix), "{text}");
    assert!(text.ends_with(&format!(
        "Error: SignatureWithWrongKey(\n  Key {}... used to generate signature is not a valid key for {me}. Valid keys are \
         List({valid})\n)",
        &wrong.as_str()[..12]
    )), "{text}");
    let over_other_bytes = mine.bytes_signed(|_| client.member.sign(&synod_crypto::submission_request_hash(b"other")));
    let (_, text) = refused(&client, over_other_bytes).await;
    assert!(text.starts_with(prefix), "{text}");
    assert!(text.contains("Error: InvalidSignature(\n  signature = Signature(signature = "), "{text}");
    assert!(text.contains("format = Concat, signedBy = "), "{text}");
    assert!(text.contains("signingAlgorithmSpec = Some(Ed25519)),\n  bytes = 1220"), "{text}");
    let unknown = key("stranger", KeyUsages::PROTOCOL);
    let by_stranger = mine.bytes_signed(|hash| unknown.sign(hash, KeyUsages::PROTOCOL).expect("signs"));
    assert!(refused(&client, by_stranger).await.1.contains("SignatureWithWrongKey"));
    node.stop().await;
}

#[tokio::test]
async fn times_are_checked() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let past = now().saturating_sub(Duration::from_secs(90));
    let (code, text) = refused(&client, submission(&client.member, "late").until(past).bytes()).await;
    assert_eq!(code, Code::Aborted);
    assert!(text.starts_with("MAX_SEQUENCING_TIME_EXCEEDED(2,0): The sequencer time ["), "{text}");
    assert!(text.contains("] has exceeded by 90 seconds the max") || text.contains("] has exceeded by 9"), "{text}");
    assert!(text.ends_with(&format!("[{past}]: Estimation for message id late")), "{text}");

    let rule = AggregationRule::SenderDeduplication;
    let far = now().saturating_add(Duration::from_secs(600));
    let too_far = submission(&client.member, "far").until(far).aggregation(rule.clone()).bytes();
    let (code, text) = refused(&client, too_far).await;
    assert_eq!(code, Code::FailedPrecondition);
    assert!(
        text.starts_with(&format!("SEQUENCER_MAX_SEQUENCING_TIME_TOO_FAR(9,0): Max sequencing time {far}")),
        "{text}"
    );
    client.send(&submission(&client.member, "near").aggregation(rule)).await.expect("within six minutes");
    client.send(&submission(&client.member, "far").until(far)).await.expect("without a rule there is no bound");
    node.stop().await;
}

#[tokio::test]
async fn aggregation_rules_are_checked() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let me = client.member.member().clone();
    let (bob, ghost) = (bob().member().clone(), TestMember::new(MemberKind::Participant, "ghost").member().clone());
    let members = |eligible: &[&Member], threshold| AggregationRule::Members {
        eligible: eligible.iter().copied().cloned().collect(),
        threshold,
    };
    let short = short_member(&me);
    let malformed = |why: &str| {
        format!(
            "SEQUENCER_SUBMISSION_REQUEST_MALFORMED(5,0): Send request [m] from sender [{me}] is malformed. Discarding \
             request. {why}"
        )
    };
    for (rule, expected) in [
        (members(&[&me, &bob], 3), malformed("Threshold 3 cannot be reached")),
        (members(&[&me, &me], 2), malformed("Threshold 2 cannot be reached")),
        (
            members(&[&bob], 1),
            malformed(&format!("Sender [{short}] is not eligible according to the aggregation rule")),
        ),
        (AggregationRule::Sequencers, malformed(&format!("Sender [{short}] is not part of the sequencer group"))),
    ] {
        let bytes = submission(&client.member, "m").aggregation(rule).bytes();
        assert_eq!(refused(&client, bytes).await, (Code::InvalidArgument, expected));
    }
    let unknown = submission(&client.member, "m").aggregation(members(&[&me, &ghost], 1)).bytes();
    let expected = format!("SEQUENCER_SENDER_UNKNOWN(9,0): (Eligible) Senders are unknown: {}", short_member(&ghost));
    assert_eq!(refused(&client, unknown).await, (Code::FailedPrecondition, expected));
    node.stop().await;
}

#[tokio::test]
async fn a_mediator_learns_at_once_that_its_part_is_not_needed() {
    let node = Node::start().await;
    let mediator = Client::log_in(&node, &node.mediator).await;
    let until = now().saturating_add(Duration::from_secs(60));
    let part =
        |id: &str| submission(&mediator.member, id).until(until).aggregation(AggregationRule::SenderDeduplication);
    let mut events = mediator.subscribe(None).await;
    mediator.send(&part("first")).await.expect("accepted");
    events.until("first").await;
    let (code, text) = refused(&mediator, part("second").bytes()).await;
    assert_eq!(code, Code::AlreadyExists);
    assert!(
        text.starts_with(
            "SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT(10,0): Not accepting submission as aggregation \
                              ID SHA-256:"
        ),
        "{text}"
    );
    assert!(text.ends_with("... is already marked as delivered"), "{text}");
    node.stop().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let mut start = Start::default();
    start.parameters.max_request_size = 100_000;
    let node = Node::start_with(start).await;
    let client = Client::log_in(&node, &alice()).await;
    let me = client.member.member().to_string();
    let bomb = submission(&client.member, "bomb").to(&[&me], &vec![0; 1_000_000]).bytes();
    assert!(bomb.len() < 10_000);
    let expected = format!(
        "SEQUENCER_SUBMISSION_REQUEST_MALFORMED(5,0): Send request [bomb] from sender [{}] is malformed. Discarding request. \
         Batch contains envelope with max bytes exceeded. The limit is 100000 bytes.",
        short_member(client.member.member())
    );
    assert_eq!(refused(&client, bomb).await, (Code::InvalidArgument, expected.clone()));

    // What no compression helps, a little above the limit, and far above it.
    let noise: Vec<u8> = (0..9_375_u32).flat_map(noise_of).collect();
    let large = submission(&client.member, "bomb").to(&[&me], &noise[..120_000]).bytes();
    assert!(large.len() > 110_000);
    assert_eq!(refused(&client, large).await, (Code::InvalidArgument, expected));
    let larger = Bytes::from(noise);
    let status = client.send_bytes(larger).await.expect_err("above what the server reads");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    node.stop().await;
}

/// 32 bytes that look random.
fn noise_of(n: u32) -> [u8; 32] {
    *synod_crypto::Hash::digest(synod_crypto::HashPurpose::of_id(-1), &n.to_be_bytes()).as_digest()
}

#[tokio::test]
async fn confirmation_requests_have_a_rate() {
    let mut start = Start::default();
    start.parameters.confirmation_requests_max_rate = 1;
    let node = Node::start_with(start).await;
    let client = Client::log_in(&node, &alice()).await;
    let me = client.member.member().to_string();
    let request = |id: &str| submission(&client.member, id).to(&[&me, "MGR::0"], b"x");
    client.send(&request("first")).await.expect("within the burst");
    let (code, text) = refused(&client, request("second").bytes()).await;
    assert_eq!(code, Code::Aborted);
    assert_eq!(text, "SEQUENCER_OVERLOADED(2,0): Submission rate exceeds rate limit of 1/s.");
    client.send(&submission(&client.member, "other").to(&[&me], b"x")).await.expect("no confirmation request");
    node.stop().await;
}

#[tokio::test]
async fn a_member_that_is_disabled_here_is_refused() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    assert!(node.handle.set_enabled(client.member.member(), false).await.expect("stored"));
    events.end().await.expect("the subscription ends");
    let client = Client::log_in(&node, &alice()).await;
    let expected = format!(
        "SEQUENCER_SUBMISSION_REQUEST_REFUSED(9,0): Member {} is disabled at the sequencer",
        short_member(client.member.member())
    );
    assert_eq!(refused(&client, submission(&client.member, "m").bytes()).await, (Code::FailedPrecondition, expected));
    let mut stream = client.try_subscribe(None).await;
    let refused = match &mut stream {
        Ok(events) => events.end().await.expect_err("disabled"),
        Err(status) => status.clone(),
    };
    let expected = format!("MemberDisabled({})", short_member(client.member.member()));
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, expected.as_str()));
    assert!(node.handle.set_enabled(client.member.member(), true).await.expect("stored"));
    client.send(&submission(&client.member, "m")).await.expect("enabled again");
    node.stop().await;
}

#[tokio::test]
async fn a_trace_is_named_in_the_error() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut request = client.request(SendAsyncRequest { signed_submission_request: Bytes::new() });
    let trace = "d98728d4375b82a9ae1b47d5cc46ce95";
    let header = format!("00-{trace}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", header.parse().expect("ASCII"));
    let status = client.members().send_async(request).await.expect_err("malformed");
    assert_eq!(
        status.message(),
        "SEQUENCER_SUBMISSION_REQUEST_MALFORMED(5,d98728d4): Send request [] from sender [] is malformed. Discarding \
         request. FieldNotSet(SignedContent: data)"
    );
    let rpc = RpcStatus::decode(status.details()).expect("google.rpc.Status");
    let info = ErrorInfo::decode(&*rpc.details[0].value).expect("ErrorInfo first");
    assert!(info.metadata.iter().any(|entry| entry.key == "tid" && entry.value == trace));
    node.stop().await;
}
