//! Members against a sequencer that does what a test tells it to.

mod calls;
mod connection;
mod events;
mod fake;
mod keys;
mod login;
mod pool_connections;
mod pool_events;
mod pool_group;
mod pool_send;
mod registration;
mod services;

use std::future::Future;
use std::time::Duration;

use fake::Fake;
use synod_client::{ConnectOptions, MemberIdentity, SequencerConnection, Session};

/// Limit of every wait; none comes near it unless something is wrong.
const LIMIT: Duration = Duration::from_secs(30);

/// What comes of `waiting`, with a name for what is waited for.
async fn soon<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match tokio::time::timeout(LIMIT, waiting).await {
        Ok(result) => result,
        Err(_) => panic!("did not happen within {LIMIT:?}: {what}"),
    }
}

async fn connect(fake: &Fake) -> SequencerConnection {
    soon("the connection", SequencerConnection::open(fake.url(), &ConnectOptions::default())).await.unwrap()
}

/// A participant that the sequencer knows.
async fn session(fake: &Fake) -> Session {
    let identity = MemberIdentity::fresh_participant("alice").unwrap();
    fake.know(&identity);
    Session::new(connect(fake).await, identity.into())
}
