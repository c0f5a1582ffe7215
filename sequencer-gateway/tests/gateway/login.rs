//! Logging in and out; what a call without a good token gets. Statuses, texts and trailers are those of `pv35-edges`.

use std::time::Duration;

use bytes::Bytes;
use synod_crypto::{KeyUsages, Nonce, auth_challenge_hash};
use synod_proto::sequencer::api::v30::GetTimeRequest;
use synod_proto::sequencer::api::v30::sequencer_authentication::{ChallengeRequest, LogoutRequest};
use synod_testkit::requests::TestMember;
use synod_types::{CantonTimestamp, MemberKind, PhysicalSynchronizerId};
use synod_wire::status::short_member;
use tonic::{Code, Request, Status};

use crate::client::{
    Authentication, Client, Members, RELEASE, VERSIONS, answer, as_member, authentication_key, challenge, channel, now,
    submission, trailers,
};
use crate::node::{Node, Start, alice, bob};

fn text(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

#[tokio::test]
async fn a_member_that_answers_the_challenge_gets_a_token() {
    let node = Node::start().await;
    for member in [&alice(), &node.mediator, &node.sequencer] {
        let mut authentication = Authentication::new(channel(&node).await);
        let (nonce, keys) = challenge(&mut authentication, &member.member().to_string()).await.expect("a challenge");
        let key = authentication_key(member);
        assert_eq!(keys, [key.public_key().fingerprint().to_string()]);
        let response = authentication.authenticate(answer(&node, member, &key, &nonce)).await.expect("a token");
        let response = response.into_inner();
        assert_eq!(response.token.len(), 20);
        let expires_at = response.expires_at.expect("an end");
        let expires_at = CantonTimestamp::from_seconds_and_nanos(expires_at.seconds, expires_at.nanos).expect("a time");
        let left = Duration::from_micros(expires_at.micros_since(now()).try_into().expect("in the future"));
        assert!(left > Duration::from_secs(3500) && left <= Duration::from_secs(3600), "{left:?}");
        let again = authentication.authenticate(answer(&node, member, &key, &nonce)).await.expect_err("used");
        assert_eq!(text(&again), (Code::Unauthenticated, "Bad authentication request"));
    }
    node.stop().await;
}

#[tokio::test]
async fn challenges_are_refused_as_in_canton() {
    let node = Node::start().await;
    let mut authentication = Authentication::new(channel(&node).await);
    let ghost = TestMember::new(MemberKind::Participant, "ghost");
    let unknown = challenge(&mut authentication, &ghost.member().to_string()).await.expect_err("unknown");
    let expected = format!("Member {} access is disabled", short_member(ghost.member()));
    assert_eq!(text(&unknown), (Code::PermissionDenied, expected.as_str()));
    let malformed = challenge(&mut authentication, "bad").await.expect_err("no member");
    assert_eq!(text(&malformed), (Code::InvalidArgument, "Bad challenge request"));
    for (versions, release, expected) in [
        (vec![], RELEASE, "by the client: Seq(). "),
        (vec![33], RELEASE, "by the client: 33. "),
        (VERSIONS.to_vec(), "", "Please upgrade to a supported version."),
    ] {
        let request = ChallengeRequest {
            member: alice().member().to_string(),
            member_protocol_versions: versions,
            client_version: release.to_owned(),
        };
        let refused = authentication.challenge(request).await.expect_err("incompatible");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().ends_with(expected), "{}", refused.message());
    }
    node.stop().await;
}

#[tokio::test]
async fn wrong_answers_are_refused_as_in_canton() {
    let node = Node::start().await;
    let mut authentication = Authentication::new(channel(&node).await);
    let (alice, bob) = (alice(), bob());
    let key = authentication_key(&alice);
    let nonce = async || challenge(&mut Authentication::new(channel(&node).await), &alice.member().to_string()).await;

    let guessed = answer(&node, &alice, &key, &Nonce::new([b'x'; 20]));
    let (fresh, _) = nonce().await.expect("a challenge");
    let wrong_key = answer(&node, &alice, alice.protocol_key(), &fresh);
    let (fresh, _) = nonce().await.expect("a challenge");
    let of_another = answer(&node, &bob, &authentication_key(&bob), &fresh);
    let elsewhere = PhysicalSynchronizerId::parse("other::1220ab::35-0").expect("another synchronizer");
    let mut for_another_synchronizer = answer(&node, &alice, &key, &fresh);
    let hash = auth_challenge_hash(&fresh, &elsewhere);
    let signature = key.sign(&hash, KeyUsages::SEQUENCER_AUTHENTICATION).expect("the key signs");
    for_another_synchronizer.signature = Some(signature.to_proto());
    let (fresh, _) = nonce().await.expect("a challenge");
    let mut unsigned = answer(&node, &alice, &key, &fresh);
    unsigned.signature = None;
    let mut short = answer(&node, &alice, &key, &fresh);
    short.nonce = Bytes::from_static(b"short");
    for (request, code) in [
        (guessed, Code::Unauthenticated),
        (wrong_key, Code::InvalidArgument),
        (of_another, Code::Unauthenticated),
        (for_another_synchronizer, Code::InvalidArgument),
        (unsigned, Code::InvalidArgument),
        (short, Code::InvalidArgument),
    ] {
        let refused = authentication.authenticate(request).await.expect_err("a wrong answer");
        assert_eq!(text(&refused), (code, "Bad authentication request"));
        assert!(trailers(&refused).is_empty());
    }
    let right = answer(&node, &alice, &key, &fresh);
    assert!(authentication.authenticate(right).await.is_ok(), "nobody else used up the nonce");
    node.stop().await;
}

#[tokio::test]
async fn a_nonce_expires() {
    let mut start = Start::default();
    start.settings.nonce_expiration = Duration::ZERO;
    let node = Node::start_with(start).await;
    let refused = Client::try_log_in(&node, &alice()).await.expect_err("too late");
    assert_eq!(text(&refused), (Code::Unauthenticated, "Bad authentication request"));
    node.stop().await;
}

#[tokio::test]
async fn calls_without_a_good_token_get_their_headers_back() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut members = Members::new(client.channel.clone());
    assert!(members.get_time(client.request(GetTimeRequest {})).await.is_ok());

    let missing = members.get_time(GetTimeRequest {}).await.expect_err("no headers");
    assert_eq!(text(&missing), (Code::Unauthenticated, "Authentication headers are not set"));
    assert!(trailers(&missing).is_empty());
    let id = client.member.member().to_string();
    let member_only = members.get_time(as_member(GetTimeRequest {}, &id)).await.expect_err("no token");
    assert_eq!(text(&member_only), (Code::Unauthenticated, "Authentication headers are not set"));
    assert_eq!(trailers(&member_only), ["memberid"]);
    let mut request = client.request(GetTimeRequest {});
    request.metadata_mut().remove("synchronizerid");
    let no_synchronizer = members.get_time(request).await.expect_err("no synchronizer");
    assert_eq!(trailers(&no_synchronizer), ["authtoken-bin", "memberid"]);

    let all = ["autherrorcode", "authtoken-bin", "memberid", "synchronizerid"];
    let code = |status: &Status| status.metadata().get("autherrorcode").map(|code| code.to_str().unwrap().to_owned());
    let expired = |member: &TestMember| {
        let (long, short) = (member.member().to_string(), short_member(member.member()));
        format!(
            "Verification failed for member {long}: Authentication token for member {short} has expired. Please \
                 reauthenticate."
        )
    };
    let mut bad = client.clone();
    bad.token = Bytes::from_static(b"yyyyyyyyyyyyyyyyyyyy");
    let bad_token = members.get_time(bad.request(GetTimeRequest {})).await.expect_err("a bad token");
    assert_eq!(text(&bad_token), (Code::Unauthenticated, expired(&alice()).as_str()));
    assert_eq!(trailers(&bad_token), all);
    assert_eq!(code(&bad_token).as_deref(), Some("MissingToken"));
    assert_eq!(bad_token.metadata().get_bin("authtoken-bin").unwrap().to_bytes().unwrap(), bad.token);

    let mut thief = client.clone();
    thief.member = bob();
    let stolen = members.get_time(thief.request(GetTimeRequest {})).await.expect_err("another's token");
    assert_eq!(text(&stolen), (Code::Unauthenticated, expired(&bob()).as_str()));
    assert_eq!(code(&stolen).as_deref(), Some("MissingToken"));

    let mut request: Request<GetTimeRequest> = client.request(GetTimeRequest {});
    let other = "other::12205790dd646e696515e33e6f3a2a2a69a771b26955c3f602301b84e502bf540bcf::35-0";
    request.metadata_mut().insert("synchronizerid", other.parse().expect("ASCII"));
    let elsewhere = members.get_time(request).await.expect_err("another synchronizer");
    let expected = format!(
        "Verification failed for member {id}: Synchronizer id other::12205790dd64...::35-0 provided by member {} does not \
         match the synchronizer id of the synchronizer the participant is trying to connect to",
        short_member(client.member.member())
    );
    assert_eq!(text(&elsewhere), (Code::Unauthenticated, expected.as_str()));
    assert_eq!(trailers(&elsewhere), all);
    assert_eq!(code(&elsewhere).as_deref(), Some("NonMatchingSynchronizerId"));
    node.stop().await;
}

#[tokio::test]
async fn a_member_logs_out() {
    let node = Node::start().await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    client.send(&submission(&client.member, "before")).await.expect("accepted");
    events.until("before").await;
    let mut authentication = Authentication::new(client.channel.clone());
    authentication.logout(LogoutRequest { token: client.token.clone() }).await.expect("logged out");
    events.end().await.expect("the subscription ends without error");
    let refused = client.members().get_time(client.request(GetTimeRequest {})).await.expect_err("logged out");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let again = authentication.logout(LogoutRequest { token: client.token.clone() }).await.expect_err("not logged in");
    assert_eq!(text(&again), (Code::FailedPrecondition, "Failed to logout: LogoutTokenDoesNotExist"));
    let short = authentication.logout(LogoutRequest { token: Bytes::new() }).await.expect_err("no token");
    assert_eq!(short.code(), Code::InvalidArgument);
    node.stop().await;
}

#[tokio::test]
async fn subscriptions_end_with_the_token() {
    let mut start = Start::default();
    start.settings.token_expiration = Duration::from_millis(1500);
    let node = Node::start_with(start).await;
    let client = Client::log_in(&node, &alice()).await;
    let mut events = client.subscribe(None).await;
    let ended = events.end().await.expect_err("the token expired");
    assert_eq!(text(&ended), (Code::Unavailable, "Subscription token has expired"));
    let refused = client.members().get_time(client.request(GetTimeRequest {})).await.expect_err("expired");
    assert_eq!(refused.metadata().get("autherrorcode").unwrap(), "MissingToken");
    node.stop().await;
}
