//! Members that register, send and receive: whether sequencers do what they are for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use synod_client::{
    ClientError, MemberIdentity, OnboardingLimits, SequencerConnection, Session, Submission, max_sequencing_time,
};
use synod_types::{MessageId, Recipient};
use synod_wire::{Batch, Envelope, Recipients, SequencedEvent, SequencedEventContent};

/// Longest time until what was sent comes back.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);
/// Most bytes that an envelope is decompressed to.
const CONTENT_LIMIT_BYTES: usize = 10 * 1024 * 1024;
const MESSAGE_ID: &str = "self-test";
const STEP: &str = "the delivery of the self-test";
const CONTENT: &[u8] = b"synod self-test";

/// What a self-test found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SelfTest {
    /// Members that registered, sent and received.
    pub(crate) members: usize,
    /// How long it took.
    pub(crate) took: Duration,
}

/// Registers a fresh member at each sequencer, at least two in all, has the first send to all, and waits until each has
/// received it from its own sequencer.
pub(crate) async fn self_test(sequencers: &[SequencerConnection]) -> Result<SelfTest, ClientError> {
    let started = Instant::now();
    let count = sequencers.len().max(2);
    let members = (1..).zip(sequencers.iter().cycle()).take(count);
    let registering = members.map(|(number, sequencer)| member(sequencer, format!("probe{number}")));
    let members = futures::future::try_join_all(registering).await?;
    let Some(sender) = members.first() else { return Err(answer("no sequencer to test")) };
    let submission = submission(&members)?;
    let receiving = futures::future::try_join_all(members.iter().map(receive));
    tokio::try_join!(receiving, sender.send(submission))?;
    Ok(SelfTest { members: count, took: started.elapsed() })
}

async fn member(sequencer: &SequencerConnection, name: String) -> Result<Session, ClientError> {
    let identity = MemberIdentity::fresh_participant(&name)?;
    sequencer.onboard(&identity, OnboardingLimits::default()).await?;
    Ok(Session::new(sequencer.clone(), Arc::new(identity)))
}

fn submission(members: &[Session]) -> Result<Submission, ClientError> {
    let recipients = members.iter().map(|session| Recipient::Member(session.identity().member().clone()));
    let recipients = Recipients::group(recipients).ok_or_else(|| answer("no recipients"))?;
    let envelope = Envelope { content: Bytes::from_static(CONTENT), signatures: Vec::new() };
    let version = members[0].connection().psid().protocol_version();
    let batch = Batch::new(version, vec![(envelope, recipients)]);
    let message_id = MessageId::parse(MESSAGE_ID).map_err(|error| answer(&error.to_string()))?;
    Ok(Submission::new(message_id, batch, max_sequencing_time(Duration::from_secs(60))))
}

fn answer(reason: &str) -> ClientError {
    ClientError::Answer { call: STEP, reason: reason.to_owned() }
}

fn has_content(event: &SequencedEvent) -> bool {
    match &event.content {
        SequencedEventContent::Deliver { batch } => (0..batch.len())
            .filter_map(|index| batch.open_envelope(index, CONTENT_LIMIT_BYTES).ok())
            .any(|envelope| envelope.content == CONTENT),
        SequencedEventContent::Error { .. } => false,
    }
}

/// Reads a member's events until the one with the content.
async fn receive(session: &Session) -> Result<(), ClientError> {
    let mut events = session.subscribe(None, Vec::new()).await?;
    let reading = async {
        while let Some(received) = events.next().await? {
            if has_content(&received.event) {
                return Ok(());
            }
        }
        Err(answer("the subscription ended before it"))
    };
    let timeout = ClientError::Timeout { what: STEP, limit: DELIVERY_LIMIT };
    tokio::time::timeout(DELIVERY_LIMIT, reading).await.unwrap_or(Err(timeout))
}
