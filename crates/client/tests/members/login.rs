//! Logging in, again and again.

use std::time::Duration;

use synod_client::{ClientError, MemberIdentity, Session};
use tonic::Code;

use crate::fake::Fake;
use crate::{connect, session, soon};

#[tokio::test]
async fn one_login_serves_many_calls() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    let calls = (0..20).map(|_| session.time());
    for result in soon("20 calls", futures::future::join_all(calls)).await {
        assert_eq!(result.unwrap(), None);
    }
    assert_eq!(fake.state().logins, 1);
}

#[tokio::test]
async fn a_token_is_renewed_twenty_seconds_before_its_end() {
    let fake = Fake::start().await;
    fake.state().token_life = Duration::from_secs(19);
    let session = session(&fake).await;
    for _ in 0..3 {
        session.time().await.unwrap();
    }
    assert_eq!(fake.state().logins, 3);
    fake.state().token_life = Duration::from_secs(60);
    for _ in 0..3 {
        session.time().await.unwrap();
    }
    assert_eq!(fake.state().logins, 4);
}

#[tokio::test]
async fn a_token_that_comes_back_is_replaced() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    session.time().await.unwrap();
    fake.forget_tokens();
    session.time().await.unwrap();
    assert_eq!(fake.state().logins, 2);
}

#[tokio::test]
async fn a_token_that_does_not_come_back_is_kept() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    session.time().await.unwrap();
    fake.forget_tokens();
    fake.state().unknown_token = ("MissingToken", false);
    for _ in 0..2 {
        let error = session.time().await.unwrap_err();
        assert_eq!(error.status().unwrap().code(), Code::Unauthenticated);
    }
    assert_eq!(fake.state().logins, 1);
}

#[tokio::test]
async fn only_a_missing_token_is_tried_again_at_once() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    session.time().await.unwrap();
    fake.forget_tokens();
    fake.state().unknown_token = ("NonMatchingSynchronizerId", true);
    assert!(session.time().await.is_err());
    assert_eq!(fake.state().logins, 1);
    session.time().await.unwrap();
    assert_eq!(fake.state().logins, 2);
}

#[tokio::test]
async fn a_member_needs_a_key_that_is_offered() {
    let fake = Fake::start().await;
    let known = MemberIdentity::fresh_participant("alice").unwrap();
    fake.know(&known);
    let mut keys = known.keys().clone();
    keys.authentication = MemberIdentity::fresh_participant("other").unwrap().keys().authentication.clone();
    let other_key = MemberIdentity::new(known.member().kind(), "alice", keys).unwrap();
    let session = Session::new(connect(&fake).await, other_key.into());
    assert!(matches!(session.time().await, Err(ClientError::NoLoginKey)));
    let stranger = MemberIdentity::fresh_participant("mallory").unwrap();
    let session = Session::new(connect(&fake).await, stranger.into());
    assert_eq!(session.time().await.unwrap_err().status().unwrap().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn a_logout_ends_the_login() {
    let fake = Fake::start().await;
    let session = session(&fake).await;
    session.logout().await.unwrap();
    assert_eq!(fake.state().logouts, 0, "there was no login");
    session.time().await.unwrap();
    session.logout().await.unwrap();
    assert!(fake.state().tokens.is_empty());
    session.time().await.unwrap();
    assert_eq!(fake.state().logins, 2);
    assert_eq!(fake.state().logouts, 1);
}
