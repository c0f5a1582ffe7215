//! Participants that join (`pv35-edges`).

use synod_crypto::TopologyStateHash;
use synod_proto::protocol::v30::SignedTopologyTransaction as Transaction;
use synod_proto::sequencer::api::v30::sequencer_connect::{
    RegisterOnboardingTopologyTransactionsRequest, VerifyActiveRequest, verify_active_response,
};
use synod_proto::sequencer::api::v30::{DownloadTopologyStateForInitHashRequest, DownloadTopologyStateForInitRequest};
use synod_testkit::requests::TestMember;
use synod_topology::mapping::{Mapping, SynchronizerTrustCertificate};
use synod_topology::{OnboardingRestriction, Operation, SignedTopologyTransaction};
use synod_types::{MemberKind, ParticipantId, ProtocolVersion};
use synod_wire::status::short_member;
use tonic::{Code, Status};

use crate::client::{Client, Connect, as_member, channel, submission, within};
use crate::node::{Node, Start, alice};

fn late() -> TestMember {
    TestMember::new(MemberKind::Participant, "late")
}

fn transactions(node: &Node, member: &TestMember) -> Vec<Transaction> {
    node.network.participant(member).iter().map(|signed| signed.to_proto()).collect()
}

async fn register(node: &Node, member: &str, topology_transactions: Vec<Transaction>) -> Result<(), Status> {
    let message = RegisterOnboardingTopologyTransactionsRequest { topology_transactions };
    let mut connect = Connect::new(channel(node).await);
    let request = as_member(message, member);
    within("the registration", connect.register_onboarding_topology_transactions(request)).await.map(|_| ())
}

async fn until_active(node: &Node, member: &TestMember) {
    let mut connect = Connect::new(channel(node).await);
    within("the activation", async {
        loop {
            let request = as_member(VerifyActiveRequest {}, &member.member().to_string());
            let response = connect.verify_active(request).await.expect("answered").into_inner();
            if matches!(response.value, Some(verify_active_response::Value::Success(success)) if success.is_active) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_participant_joins() {
    let node = Node::start().await;
    let old = Client::log_in(&node, &alice()).await;
    let mut of_old = old.subscribe(None).await;
    let late = late();
    register(&node, &late.member().to_string(), transactions(&node, &late)).await.expect("queued");
    until_active(&node, &late).await;
    assert_eq!(of_old.next().await.envelopes(), Some(1), "everybody sees the broadcast");

    let client = Client::log_in(&node, &late).await;
    let member = late.member().to_string();
    let hash = DownloadTopologyStateForInitHashRequest { member: member.clone() };
    let hash = client.members().download_topology_state_for_init_hash(client.request(hash)).await.expect("a hash");
    let state = DownloadTopologyStateForInitRequest { member };
    let mut state =
        client.members().download_topology_state_for_init(client.request(state)).await.expect("a state").into_inner();
    let mut items = Vec::new();
    while let Some(part) = within("the state", state.message()).await.expect("no error") {
        let part = part.topology_transactions.expect("transactions").items;
        assert!(!part.is_empty() && part.len() <= 100);
        items.extend(part);
    }
    assert_eq!(items.len(), 14 + 3, "the genesis and what the participant registered");
    let computed = items.iter().fold(TopologyStateHash::new(), |hash, item| {
        let signed = SignedTopologyTransaction::parse(&item.transaction, ProtocolVersion::V35).expect("sound");
        hash.add_transaction(signed.transaction().hash())
    });
    assert_eq!(hash.into_inner().topology_state_hash, computed.finish().multihash().as_slice());

    let mut events = client.subscribe(None).await;
    client.send(&submission(&late, "hello").to(&[&old.member.member().to_string()], b"x")).await.expect("accepted");
    let first = events.until("hello").await;
    first.verify(&node.sequencer);
    let again = register(&node, &late.member().to_string(), transactions(&node, &late)).await.expect_err("twice");
    assert_eq!(
        (again.code(), again.message()),
        (Code::FailedPrecondition, "Unable to register onboarding topology transactions")
    );
    node.stop().await;
}

#[tokio::test]
async fn bad_registrations_are_refused() {
    let node = Node::start().await;
    let late = late();
    let id = late.member().to_string();
    let good = transactions(&node, &late);
    let refused = async |member: &str, transactions: Vec<Transaction>| {
        let status = register(&node, member, transactions).await.expect_err("refused");
        (status.code(), status.message().to_owned())
    };
    let invalid = |text: &str| (Code::InvalidArgument, text.to_owned());
    let no_certificate = "Exactly one SynchronizerTrustCertificate is required for Participants. Found: 0";
    assert_eq!(refused(&id, Vec::new()).await, invalid(no_certificate));
    assert_eq!(refused(&id, vec![good[0].clone(), good[1].clone()]).await, invalid(no_certificate));
    assert_eq!(
        refused(&id, vec![good[0].clone(), good[2].clone()]).await,
        invalid("Exactly one OwnerToKeyMapping is required. Found: 0")
    );
    assert_eq!(
        refused(&node.mediator.member().to_string(), good.clone()).await,
        invalid("Only participants should use this endpoint, but found member of type MediatorId in the gRPC context.")
    );
    let (code, text) = refused(&alice().member().to_string(), good.clone()).await;
    assert_eq!(code, Code::InvalidArgument);
    let start = format!(
        "Mappings for unexpected UIDs for onboarding {}: Some(SignedTopologyTransaction(\n  TopologyTransaction(\n    \
         OwnerToKeyMapping(member = {}, signingKeys = Seq(",
        short_member(alice().member()),
        short_member(late.member())
    );
    assert!(text.starts_with(&start), "{text}");
    assert!(text.contains("),\n    serial = 1,\n    operation = Replace,\n    hash = SHA-256:"), "{text}");
    let mut unsigned = good.clone();
    unsigned[2].signatures[0].signature = vec![0; 64].into();
    assert_eq!(
        refused(&id, unsigned).await,
        (Code::FailedPrecondition, "Unable to register onboarding topology transactions".to_owned())
    );
    node.stop().await;
}

#[tokio::test]
async fn garbage_is_named_as_such() {
    let node = Node::start().await;
    let late = late();
    let mut garbage = transactions(&node, &late);
    garbage[0].transaction = b"garbage".as_slice().into();
    let status = register(&node, &late.member().to_string(), garbage).await.expect_err("garbage");
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "PROTO_DESERIALIZATION_FAILURE(8,0): Deserialization of protobuf message failed")
    );
    assert!(status.details().is_empty(), "as recorded");
    node.stop().await;
}

#[tokio::test]
async fn of_each_unique_key_the_first_transaction_counts() {
    let node = Node::start().await;
    let late = late();
    let participant = ParticipantId::try_from(late.member().clone()).expect("a participant");
    let synchronizer = node.network.psid().logical().clone();
    let mapping = SynchronizerTrustCertificate { participant, synchronizer, feature_flags: Vec::new() };
    let removal = late.transaction(Operation::Remove, 2, Mapping::SynchronizerTrustCertificate(mapping));
    let mut transactions = transactions(&node, &late);
    transactions.push(removal.to_proto());
    register(&node, &late.member().to_string(), transactions).await.expect("the removal is not looked at");
    until_active(&node, &late).await;
    node.stop().await;
}

#[tokio::test]
async fn nobody_joins_a_locked_synchronizer() {
    let mut start = Start::default();
    start.parameters.onboarding_restriction = OnboardingRestriction::UnrestrictedLocked;
    start.participants.clear();
    let node = Node::start_with(start).await;
    let late = late();
    let status = register(&node, &late.member().to_string(), transactions(&node, &late)).await.expect_err("locked");
    assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "Synchronizer is locked for onboarding."));
    node.stop().await;
}
