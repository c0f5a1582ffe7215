//! A fresh participant that takes part in a self-test.

use std::sync::Arc;
use std::time::Duration;

use synod_client::{
    ClientError, EventStream, MemberIdentity, MemberTopology, OnboardingLimits, ReceivedEvent, SequencerConnection,
    Session, Submission, max_sequencing_time,
};
use synod_types::{Member, MessageId, PhysicalSynchronizerId, ProtocolVersion};
use synod_wire::{Batch, Envelope, Recipients, SequencedEventContent};

/// Longest time until what was sent comes back.
const DELIVERY_LIMIT: Duration = Duration::from_secs(30);
/// Until when a submission has to be sequenced.
const SEQUENCING_LIMIT: Duration = Duration::from_secs(60);
/// Most bytes that an envelope is decompressed to.
const CONTENT_LIMIT_BYTES: usize = 10 * 1024 * 1024;
const STEP: &str = "the self-test";

/// A participant that is registered.
#[derive(Debug, Clone)]
pub(super) struct Participant {
    pub(super) session: Session,
}

/// A participant that reads its events from the beginning.
#[derive(Debug)]
pub(super) struct TestMember {
    pub(super) participant: Participant,
    events: EventStream,
}

impl TestMember {
    /// Registers a fresh participant of this name.
    pub(super) async fn register(sequencer: &SequencerConnection, name: String) -> Result<Self, ClientError> {
        let identity = MemberIdentity::fresh_participant(&name)?;
        sequencer.onboard(&identity, OnboardingLimits::default()).await?;
        let session = Session::new(sequencer.clone(), Arc::new(identity));
        // Each event has to be signed with a key that the sequencer has by then.
        let keys = session.keys_in(session.start_topology().await?);
        let events = session.subscribe(None, keys).await?;
        Ok(Self { participant: Participant { session }, events })
    }

    /// The topology up to the last event that was read.
    pub(super) fn topology(&self) -> Result<&MemberTopology, ClientError> {
        self.events.topology().ok_or_else(|| unexpected("the member does not follow the topology"))
    }

    /// Reads events until one has an envelope in which something is found.
    pub(super) async fn find<T>(
        &mut self,
        find: impl Fn(&ReceivedEvent, &Envelope) -> Option<T>,
    ) -> Result<T, ClientError> {
        let reading = async {
            while let Some(received) = self.events.next().await? {
                let SequencedEventContent::Deliver { batch } = &received.event.content else { continue };
                let envelopes =
                    (0..batch.len()).filter_map(|index| batch.open_envelope(index, CONTENT_LIMIT_BYTES).ok());
                if let Some(found) = envelopes.into_iter().find_map(|envelope| find(&received, &envelope)) {
                    return Ok(found);
                }
            }
            Err(unexpected("the subscription ended before it"))
        };
        let timeout = ClientError::Timeout { what: STEP, limit: DELIVERY_LIMIT };
        tokio::time::timeout(DELIVERY_LIMIT, reading).await.unwrap_or(Err(timeout))
    }
}

impl Participant {
    pub(super) fn member(&self) -> &Member {
        self.session.member()
    }

    pub(super) fn psid(&self) -> &PhysicalSynchronizerId {
        self.session.connection().psid()
    }

    pub(super) fn version(&self) -> ProtocolVersion {
        self.psid().protocol_version()
    }

    /// Sends envelopes under a name.
    pub(super) async fn send(&self, name: &str, envelopes: Vec<(Envelope, Recipients)>) -> Result<(), ClientError> {
        let message_id = MessageId::parse(name).map_err(|error| unexpected(&error.to_string()))?;
        let batch = Batch::new(self.version(), envelopes);
        self.session.send(Submission::new(message_id, batch, max_sequencing_time(SEQUENCING_LIMIT))).await
    }
}

pub(super) fn unexpected(reason: &str) -> ClientError {
    ClientError::Answer { call: STEP, reason: reason.to_owned() }
}
