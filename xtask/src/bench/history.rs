//! A long history: how long a start takes with it, and how fast a member reads it.

use std::fs;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use synod_client::{ConnectOptions, MemberIdentity, OnboardingLimits, SequencerConnection, Session};
use synod_machine::{BlockOutcome, EventKind, EventRecipients, EventRecord};
use synod_store::{Acquired, Store, StoreConfig};
use synod_types::{CantonTimestamp, MemberIndex, MessageId, ProtocolVersion, Recipient};
use synod_wire::{Batch, Envelope, Recipients};

use super::bed::{Bed, Place};
use super::figure::{Figure, Goal};

/// Events that a start finds.
const EVENTS: usize = 1_000_000;
/// How many events the member is behind.
const BEHIND: usize = 100_000;
/// Events of a block, and blocks of a transaction, while the history is written.
const BLOCK_EVENTS: usize = 250;
const BATCH_BLOCKS: usize = 4;
/// Bytes of each event's content.
const CONTENT_BYTES: u64 = 3_000;
/// Submissions a second while the member catches up: the load of a normal day.
const LIVE_RATE: u32 = 80;
/// Longest wait for a sequencer that starts, and for the member.
const LIMIT: Duration = Duration::from_secs(120);
const LEASE_MS: u32 = 60_000;

/// Writes the history straight into the store, as a sequencer would have, and measures with it.
pub(super) fn measure(bed: &Bed, start: bool, behind: bool) -> Result<Vec<Figure>, String> {
    let place = bed.place("history")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("start the runtime: {error}"))?;
    let node = bed.found(&place)?;
    let reader = Arc::new(MemberIdentity::fresh_participant("behind").map_err(|error| error.to_string())?);
    runtime.block_on(async {
        let connection = SequencerConnection::open(&node.url, &ConnectOptions::default()).await.map_err(text)?;
        connection.onboard(&reader, OnboardingLimits::default()).await.map_err(text)
    })?;
    node.stop()?;
    let events = if start { EVENTS } else { BEHIND };
    runtime.block_on(write(&place, &reader, events))?;
    let mut figures = Vec::new();
    let begun = Instant::now();
    let node = bed.start(&place)?;
    let connection = runtime.block_on(served(&node.url))?;
    if start {
        let took = begun.elapsed().as_secs_f64();
        figures.push(Figure::new("start to serving with a million events", "s", Goal::AtMost(1.0), took));
    }
    if behind {
        let rate = runtime.block_on(catch_up(bed, connection, reader))?;
        let live = f64::from(LIVE_RATE);
        figures.push(Figure::new("a member 100,000 events behind reads, at 80/s", "/s", Goal::None, rate));
        figures.push(Figure::new("  times the live rate", "", Goal::AtLeast(10.0), rate / live));
    }
    node.stop()?;
    Ok(figures)
}

fn text(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

/// The history: the last events are the reader's, those before are others'.
async fn write(place: &Place, reader: &MemberIdentity, events: usize) -> Result<(), String> {
    let store = Store::open(&StoreConfig::new(place.database_url.as_str())).await.map_err(text)?;
    let lease = match store.acquire_lease("bench", LEASE_MS).await.map_err(text)? {
        Acquired::Lease(lease) => lease,
        Acquired::Held { by, .. } => return Err(format!("{by} still holds the lease")),
    };
    let head = store.head().await.map_err(text)?.ok_or("no synchronizer was founded")?;
    let members = store.members().await.map_err(text)?;
    let index = members
        .iter()
        .map(|row| &row.registration)
        .find(|registration| registration.member == *reader.member())
        .map(|registration| registration.index)
        .ok_or("the member was not registered")?;
    let other = MemberIndex(if index.0 == 0 { 1 } else { 0 });
    let batch = batch(reader)?;
    let (mut height, mut time) = (head.height.map_or(0, |height| height + 1), head.last_time.max(head.base_time));
    let mut written = 0;
    while written < events {
        let mut blocks = Vec::with_capacity(BATCH_BLOCKS);
        for _ in 0..BATCH_BLOCKS {
            let mut block = Vec::with_capacity(BLOCK_EVENTS);
            for _ in 0..BLOCK_EVENTS {
                time = time.immediate_successor();
                let member = if written + BEHIND >= events { index } else { other };
                block.push(event(time, member, written, &batch)?);
                written += 1;
            }
            blocks.push(BlockOutcome {
                height,
                base_time: time,
                last_time: time,
                latest_sequencer_event: head.latest_sequencer_event,
                latest_pending_topology: head.latest_pending_topology,
                events: block,
                topology: Default::default(),
                registrations: Vec::new(),
                traffic_consumed: Vec::new(),
                traffic_purchased: Vec::new(),
                aggregations: Vec::new(),
                acknowledgements: Vec::new(),
                frames: Vec::new(),
                alarms: Vec::new(),
                app_hash: head.app_hash,
            });
            height += 1;
        }
        store.commit(&lease, &blocks).await.map_err(text)?;
    }
    store.release_lease(lease).await.map_err(text)?;
    store.close().await;
    Ok(())
}

/// What each event delivers: an envelope that does not compress, for the reader.
fn batch(reader: &MemberIdentity) -> Result<Bytes, String> {
    let mut content = Vec::new();
    let random = fs::File::open("/dev/urandom").and_then(|file| file.take(CONTENT_BYTES).read_to_end(&mut content));
    random.map_err(|error| format!("read /dev/urandom: {error}"))?;
    let recipients = Recipients::group([Recipient::Member(reader.member().clone())]).ok_or("no recipients")?;
    let envelope = Envelope { content: content.into(), signatures: Vec::new() };
    Ok(Batch::new(ProtocolVersion::V35, vec![(envelope, recipients)]).to_compressed_proto())
}

fn event(time: CantonTimestamp, member: MemberIndex, number: usize, batch: &Bytes) -> Result<EventRecord, String> {
    Ok(EventRecord {
        time,
        kind: EventKind::Deliver,
        sender: Some(member),
        message_id: MessageId::parse(&format!("history-{number}")).map_err(text)?,
        recipients: EventRecipients::Members(vec![member]),
        groups: Vec::new(),
        batch: Some(batch.clone()),
        status: None,
        topology_timestamp: None,
        receipt: None,
    })
}

/// A connection to the sequencer, as soon as it answers.
async fn served(url: &str) -> Result<SequencerConnection, String> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match SequencerConnection::open(url, &ConnectOptions::default()).await {
            Ok(connection) => return Ok(connection),
            Err(error) if Instant::now() > deadline => return Err(text(error)),
            // Nobody listens yet: there is nothing to wait for but time.
            Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
        }
    }
}

/// Events a second that the member reads while others send.
async fn catch_up(bed: &Bed, connection: SequencerConnection, reader: Arc<MemberIdentity>) -> Result<f64, String> {
    let rate = LIVE_RATE.to_string();
    let mut live = bed.generator(connection.url(), &["--rate", &rate, "--seconds", "600"]);
    let mut live = live.stdout(std::process::Stdio::null()).spawn().map_err(|error| format!("run bench: {error}"))?;
    let read = tokio::time::timeout(LIMIT, read_all(connection, reader)).await;
    // It has no end of its own that could be waited for.
    let _ = live.kill();
    let _ = live.wait();
    let (seconds, events) = read.map_err(|_| format!("the member did not catch up within {LIMIT:?}"))??;
    Ok(events as f64 / seconds)
}

async fn read_all(connection: SequencerConnection, reader: Arc<MemberIdentity>) -> Result<(f64, usize), String> {
    let session = Session::new(connection, reader);
    let begun = Instant::now();
    let mut events = session.subscribe(None, Vec::new()).await.map_err(text)?;
    let mut read = 0;
    while read < BEHIND {
        let received = events.next().await.map_err(text)?.ok_or("the sequencer ended the subscription")?;
        // Its own are counted, not the broadcasts among them.
        let id = received.event.message_id.as_ref().map(MessageId::as_str);
        read += usize::from(id.is_some_and(|id| id.starts_with("history-")));
    }
    Ok((begun.elapsed().as_secs_f64(), read))
}
