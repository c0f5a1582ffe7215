//! Two members that register, send and receive: whether a sequencer does what it is for.

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

/// Registers two fresh members, has the first send to both, and waits until both received it. How long that took.
pub(crate) async fn self_test(connection: &SequencerConnection) -> Result<Duration, ClientError> {
    let started = Instant::now();
    let sender = member(connection, "probe1").await?;
    let receiver = member(connection, "probe2").await?;
    let submission = submission(&[&sender, &receiver])?;
    let (sent_to_self, sent) = tokio::join!(receive(&sender), async {
        tokio::try_join!(receive(&receiver), sender.send(submission)).map(|_| ())
    });
    sent_to_self.and(sent)?;
    Ok(started.elapsed())
}

async fn member(connection: &SequencerConnection, name: &str) -> Result<Session, ClientError> {
    let identity = MemberIdentity::fresh_participant(name)?;
    connection.onboard(&identity, OnboardingLimits::default()).await?;
    Ok(Session::new(connection.clone(), Arc::new(identity)))
}

fn submission(recipients: &[&Session; 2]) -> Result<Submission, ClientError> {
    let members = recipients.iter().map(|session| Recipient::Member(session.identity().member().clone()));
    let recipients_of = Recipients::group(members).ok_or_else(|| answer("no recipients"))?;
    let envelope = Envelope { content: Bytes::from_static(CONTENT), signatures: Vec::new() };
    let version = recipients[0].connection().psid().protocol_version();
    let batch = Batch::new(version, vec![(envelope, recipients_of)]);
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
