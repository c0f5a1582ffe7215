//! Who is at the other end.

use std::time::Duration;

use synod_client::{ClientError, ConnectOptions, Retry, SequencerConnection};
use synod_types::PhysicalSynchronizerId;

use crate::fake::Fake;
use crate::{connect, soon};

async fn refusal(fake: &Fake) -> ClientError {
    soon("the refusal", SequencerConnection::open(fake.url(), &ConnectOptions::default())).await.unwrap_err()
}

fn is_answer(error: &ClientError, call: &str, part: &str) -> bool {
    matches!(error, ClientError::Answer { call: found, reason } if *found == call && reason.contains(part))
}

#[tokio::test]
async fn a_sequencer_says_who_it_is() {
    let fake = Fake::start().await;
    let connection = connect(&fake).await;
    assert_eq!(connection.psid(), fake.network().psid());
    assert_eq!(connection.sequencer().member(), *fake.sequencer().member());
    assert_eq!(*connection.static_parameters(), fake.state().parameters);
    connection.validate().await.unwrap();
}

#[tokio::test]
async fn other_apis_are_no_sequencer() {
    let fake = Fake::start().await;
    fake.state().api = "admin-api";
    let error = refusal(&fake).await;
    assert!(is_answer(&error, "GetApiInfo", "admin-api"), "{error:?}");
    assert_eq!(error.retry(), Retry::Never);
}

#[tokio::test]
async fn versions_have_to_agree() {
    let fake = Fake::start().await;
    fake.state().handshake_version = 33;
    assert!(is_answer(&refusal(&fake).await, "Handshake", "33"));
    fake.state().handshake_version = 34;
    assert!(is_answer(&refusal(&fake).await, "GetSynchronizerParameters", "handshake of 34"));
    fake.state().handshake_version = 35;
    fake.state().parameters.serial = 1;
    assert!(is_answer(&refusal(&fake).await, "GetSynchronizerParameters", "35-1"));
}

#[tokio::test]
async fn a_sequencer_stays_the_same() {
    let fake = Fake::start().await;
    let connection = connect(&fake).await;
    let other = PhysicalSynchronizerId::parse(&fake.state().psid.to_string().replace("test::", "other::")).unwrap();
    fake.state().psid = other;
    let error = connection.validate().await.unwrap_err();
    assert!(is_answer(&error, "GetSynchronizerId", "other::"), "{error:?}");
}

#[tokio::test]
async fn addresses_are_checked_and_nobody_is_waited_for_for_ever() {
    for url in ["127.0.0.1:1", "ftp://127.0.0.1", "http://", ""] {
        let error = SequencerConnection::open(url, &ConnectOptions::default()).await.unwrap_err();
        assert!(matches!(error, ClientError::Address(_)), "{url}: {error:?}");
    }
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = SequencerConnection::open(&format!("http://{free}"), &ConnectOptions::default()).await.unwrap_err();
    assert!(matches!(error, ClientError::Connect { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for_for_ever() {
    // Connections come into being without anybody who accepts them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let options = ConnectOptions { timeout: Some(Duration::from_millis(100)), ..ConnectOptions::default() };
    let error = soon("the end", SequencerConnection::open(&url, &options)).await.unwrap_err();
    assert!(matches!(error, ClientError::Timeout { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Later);
}
