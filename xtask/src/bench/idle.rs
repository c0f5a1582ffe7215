//! Subscriptions on which nothing happens.

use std::sync::Arc;
use std::time::Duration;

use synod_client::{
    ClientError, ConnectOptions, EventStream, MemberIdentity, OnboardingLimits, SequencerConnection, Session,
};
use synod_types::CantonTimestamp;
use tokio::task::JoinSet;

use super::bed::{Bed, Node};
use super::figure::{Figure, Goal};
use super::process;

/// Members, and subscriptions of each: as many as a gateway allows one.
const MEMBERS: usize = 2_000;
const EACH: usize = 5;
/// Members that share a connection.
const PER_CONNECTION: usize = 100;
/// Registrations at the same time.
const AT_ONCE: usize = 32;
/// How long CPU is counted.
const QUIET: Duration = Duration::from_secs(10);
/// Longest time until all subscriptions are open.
const LIMIT: Duration = Duration::from_secs(300);

/// Opens the subscriptions, waits until each has sent an event, and looks at the sequencer.
pub(super) fn measure(bed: &Bed) -> Result<Vec<Figure>, String> {
    let node = bed.found(&bed.place("idle")?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("start the runtime: {error}"))?;
    let limited = async { tokio::time::timeout(LIMIT, look_at(&node)).await };
    let figures = runtime.block_on(limited).map_err(|_| format!("not open within {LIMIT:?}"))?;
    runtime.shutdown_timeout(LIMIT);
    node.stop()?;
    figures
}

async fn look_at(node: &Node) -> Result<Vec<Figure>, String> {
    let (_, before) = process::memory_mib(node.pid())?;
    let sessions = register(&node.url).await.map_err(|error| error.to_string())?;
    let (_, registered) = process::memory_mib(node.pid())?;
    let streams = open(&sessions).await.map_err(|error| error.to_string())?;
    let (_, opened) = process::memory_mib(node.pid())?;
    let cpu = process::cpu_seconds(node.pid())?;
    tokio::time::sleep(QUIET).await;
    let cpu = process::cpu_seconds(node.pid())? - cpu;
    let count = streams.len() as f64;
    drop(streams);
    Ok(vec![
        Figure::new("open subscriptions", "", Goal::AtLeast((MEMBERS * EACH) as f64), count),
        Figure::new("  memory with them", "MiB", Goal::AtMost(1_024.0), opened),
        Figure::new("    before the first member", "MiB", Goal::None, before),
        Figure::new("    with all members, before the subscriptions", "MiB", Goal::None, registered),
        Figure::new("  CPU while nothing happens", "%", Goal::AtMost(1.0), cpu * 100.0 / QUIET.as_secs_f64()),
    ])
}

/// The members, registered and logged in nowhere yet.
async fn register(url: &str) -> Result<Vec<Session>, ClientError> {
    let mut connections = Vec::with_capacity(MEMBERS / PER_CONNECTION);
    for _ in 0..MEMBERS / PER_CONNECTION {
        connections.push(SequencerConnection::open(url, &ConnectOptions::default()).await?);
    }
    let mut registering = JoinSet::new();
    let mut registered = Vec::with_capacity(MEMBERS);
    for index in 0..MEMBERS {
        let connection = connections[index / PER_CONNECTION].clone();
        registering.spawn(async move {
            let identity = Arc::new(MemberIdentity::fresh_participant(&format!("idle{index}"))?);
            connection.onboard(&identity, OnboardingLimits::default()).await?;
            Ok::<_, ClientError>(Session::new(connection, identity))
        });
        if registering.len() >= AT_ONCE
            && let Some(one) = registering.join_next().await
        {
            registered.push(joined(one)?);
        }
    }
    while let Some(one) = registering.join_next().await {
        registered.push(joined(one)?);
    }
    Ok(registered)
}

/// Opens all subscriptions at an event that every member received, and reads it: then they are open, and nothing more comes.
async fn open(sessions: &[Session]) -> Result<Vec<EventStream>, ClientError> {
    let common = common_event(&sessions[0]).await?;
    let mut opening = JoinSet::new();
    for session in sessions {
        for _ in 0..EACH {
            let session = session.clone();
            opening.spawn(async move {
                let mut events = session.subscribe(Some(common), Vec::new()).await?;
                events.next().await?;
                Ok::<_, ClientError>(events)
            });
        }
    }
    let mut streams = Vec::with_capacity(sessions.len() * EACH);
    while let Some(one) = opening.join_next().await {
        streams.push(joined(one)?);
    }
    Ok(streams)
}

/// Registers one more member, and finds the broadcast of that, which everybody gets.
async fn common_event(session: &Session) -> Result<CantonTimestamp, ClientError> {
    let before = session.time().await?.unwrap_or(CantonTimestamp::MIN);
    let last = MemberIdentity::fresh_participant("last")?;
    session.connection().onboard(&last, OnboardingLimits::default()).await?;
    let mut events = session.subscribe(None, Vec::new()).await?;
    loop {
        match events.next().await? {
            Some(received) if received.event.timestamp > before => return Ok(received.event.timestamp),
            Some(_) => {}
            None => return Ok(before),
        }
    }
}

fn joined<T>(done: Result<Result<T, ClientError>, tokio::task::JoinError>) -> Result<T, ClientError> {
    match done {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
