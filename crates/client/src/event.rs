//! Events as they come in, and what has to hold of a stream of them (chapter 01 §2, `SequencedEventValidator`).

use bytes::Bytes;
use synod_crypto::{
    CryptoRestrictions, KeyUsages, SignatureError, SignatureVerifier, SigningPublicKey, sequenced_event_hash,
};
use synod_topology::TopologyChanges;
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId, SequencerId};
use synod_wire::{ParseError, SequencedEvent, SignedContent};
use thiserror::Error;

use crate::MemberTopology;

/// Most bytes that one part of a batch is decompressed to (chapter 01 §1.6, `HardcodedDefault`).
pub(crate) const MAX_DECOMPRESSED_BYTES: usize = 10 * 1024 * 1024;

/// An event that was received.
#[derive(Debug, Clone)]
pub struct ReceivedEvent {
    /// The event.
    pub event: SequencedEvent,
    /// Its bytes: equal from every sequencer.
    pub bytes: Bytes,
    /// What it changed about the topology, where that is followed.
    pub topology: TopologyChanges,
}

/// An event that a correct sequencer does not send.
#[derive(Debug, Error)]
pub enum EventError {
    /// It is malformed.
    #[error("malformed event")]
    Malformed(#[source] ParseError),
    /// It is for another synchronizer.
    #[error("an event of {0}")]
    Synchronizer(PhysicalSynchronizerId),
    /// It does not follow the one before.
    #[error("an event at {time} names {named:?} as the one before, but {before:?} was")]
    Chain {
        /// Its time.
        time: CantonTimestamp,
        /// What it says.
        named: Option<CantonTimestamp>,
        /// What was received before.
        before: Option<CantonTimestamp>,
    },
    /// Its time does not come after the one before.
    #[error("an event at {time} after one at {before}")]
    Order {
        /// Its time.
        time: CantonTimestamp,
        /// Time of the one before.
        before: CantonTimestamp,
    },
    /// The stream does not begin with the event that it was asked for.
    #[error("an event at {time} instead of the one at {expected}")]
    Start {
        /// Its time.
        time: CantonTimestamp,
        /// The time asked for.
        expected: CantonTimestamp,
    },
    /// It was another event when it was received first.
    #[error("the event at {0} was another one before")]
    Fork(CantonTimestamp),
    /// It says with which topology it was signed, which must not be.
    #[error("an event with a signing timestamp")]
    SigningTimestamp,
    /// Its topology is of the future, or too old.
    #[error("an event at {time} with the topology timestamp {topology}")]
    TopologyTimestamp {
        /// Its time.
        time: CantonTimestamp,
        /// The time of its topology.
        topology: CantonTimestamp,
    },
    /// It is not signed by the sequencer.
    #[error("an event at {time} with a wrong signature")]
    Signature {
        /// Its time.
        time: CantonTimestamp,
        /// What is wrong.
        #[source]
        source: SignatureError,
    },
}

/// By which keys events have to be signed.
#[derive(Debug, Clone)]
pub enum EventKeys {
    /// By any: signatures are not checked.
    Unknown,
    /// By one of these, all the time.
    Fixed(Vec<SigningPublicKey>),
    /// By one that this sequencer has at the time of the event. The topology follows the events.
    Topology {
        /// What the member knows of the topology.
        topology: Box<MemberTopology>,
        /// The sequencer that the events come from.
        sequencer: SequencerId,
    },
}

impl From<Vec<SigningPublicKey>> for EventKeys {
    /// None mean that they are unknown.
    fn from(keys: Vec<SigningPublicKey>) -> Self {
        if keys.is_empty() { Self::Unknown } else { Self::Fixed(keys) }
    }
}

/// Checks the events of a member in their order.
#[derive(Debug, Clone)]
pub struct StreamChecker {
    psid: PhysicalSynchronizerId,
    keys: EventKeys,
    before: Before,
}

#[derive(Debug, Clone)]
enum Before {
    /// The first event of a member has none before it.
    Nothing,
    /// The event with this time comes first, again.
    Again(CantonTimestamp),
    /// This event comes first, again.
    Same(Box<SequencedEvent>),
    Event(Box<SequencedEvent>),
}

impl StreamChecker {
    /// A checker of a subscription from `resume_at` on (an event that was received before comes again), or from the
    /// beginning.
    #[must_use]
    pub fn new(psid: PhysicalSynchronizerId, keys: impl Into<EventKeys>, resume_at: Option<CantonTimestamp>) -> Self {
        Self { psid, keys: keys.into(), before: resume_at.map_or(Before::Nothing, Before::Again) }
    }

    /// Another stream of the same member follows, which repeats the last event, if there was one. Returns from when on
    /// to subscribe.
    pub fn resume(&mut self) -> Option<CantonTimestamp> {
        self.before = match std::mem::replace(&mut self.before, Before::Nothing) {
            Before::Event(event) => Before::Same(event),
            other => other,
        };
        match &self.before {
            Before::Nothing => None,
            Before::Again(time) => Some(*time),
            Before::Same(event) | Before::Event(event) => Some(event.timestamp),
        }
    }

    /// Whether the next event is one that this checker has seen already.
    #[must_use]
    pub const fn is_repeating(&self) -> bool {
        matches!(self.before, Before::Same(_))
    }

    /// What the member knows of the topology, if the keys come from it.
    #[must_use]
    pub const fn topology(&self) -> Option<&MemberTopology> {
        match &self.keys {
            EventKeys::Topology { topology, .. } => Some(topology),
            EventKeys::Unknown | EventKeys::Fixed(_) => None,
        }
    }

    /// The same, to forget old parts of it.
    pub const fn topology_mut(&mut self) -> Option<&mut MemberTopology> {
        match &mut self.keys {
            EventKeys::Topology { topology, .. } => Some(topology),
            EventKeys::Unknown | EventKeys::Fixed(_) => None,
        }
    }

    /// Checks the next event of the stream: versioned `SignedContent`.
    ///
    /// # Errors
    /// [`EventError`]; the stream cannot be trusted from here on.
    pub fn check(&mut self, signed: &Bytes) -> Result<ReceivedEvent, EventError> {
        let content = SignedContent::parse(signed).map_err(EventError::Malformed)?;
        let event = SequencedEvent::parse(&content.content, self.psid.protocol_version(), MAX_DECOMPRESSED_BYTES)
            .map_err(EventError::Malformed)?;
        if content.timestamp_of_signing_key.is_some() {
            return Err(EventError::SigningTimestamp);
        }
        if event.psid != self.psid {
            return Err(EventError::Synchronizer(event.psid));
        }
        self.check_order(&event)?;
        self.check_topology_timestamp(&event)?;
        self.check_signature(&event, &content)?;
        let topology = match &mut self.keys {
            EventKeys::Topology { topology, .. } => topology.observe(&event),
            EventKeys::Unknown | EventKeys::Fixed(_) => TopologyChanges::default(),
        };
        self.before = Before::Event(Box::new(event.clone()));
        Ok(ReceivedEvent { event, bytes: content.content, topology })
    }

    fn check_order(&self, event: &SequencedEvent) -> Result<(), EventError> {
        let (time, named) = (event.timestamp, event.previous_timestamp);
        match &self.before {
            Before::Nothing if named.is_some() => Err(EventError::Chain { time, named, before: None }),
            Before::Again(expected) if time != *expected => Err(EventError::Start { time, expected: *expected }),
            Before::Same(before) if time != before.timestamp => {
                Err(EventError::Start { time, expected: before.timestamp })
            }
            Before::Same(before) if !is_same(before, event) => Err(EventError::Fork(time)),
            Before::Event(before) if named != Some(before.timestamp) => {
                Err(EventError::Chain { time, named, before: Some(before.timestamp) })
            }
            Before::Event(before) if time <= before.timestamp => {
                Err(EventError::Order { time, before: before.timestamp })
            }
            _ => Ok(()),
        }
    }

    /// At most the time of the event, and no older than the tolerance where that is known.
    fn check_topology_timestamp(&self, event: &SequencedEvent) -> Result<(), EventError> {
        let (time, Some(topology)) = (event.timestamp, event.topology_timestamp) else { return Ok(()) };
        let wrong = EventError::TopologyTimestamp { time, topology };
        if topology > time {
            return Err(wrong);
        }
        let snapshot = self.topology().map(|known| known.at_next_event(time));
        let tolerance = snapshot.as_ref().and_then(|snapshot| snapshot.parameters());
        match tolerance.map(|parameters| parameters.sequencer_topology_timestamp_tolerance()) {
            Some(tolerance) if topology.saturating_add(tolerance) < time => Err(wrong),
            _ => Ok(()),
        }
    }

    fn check_signature(&self, event: &SequencedEvent, content: &SignedContent) -> Result<(), EventError> {
        let time = event.timestamp;
        let at = event.topology_timestamp.unwrap_or(time);
        let hash = sequenced_event_hash(&content.content);
        let verified = match &self.keys {
            EventKeys::Unknown => Ok(()),
            EventKeys::Fixed(keys) => {
                let (logical, version) = (self.psid.logical().clone(), self.psid.protocol_version());
                let verifier = SignatureVerifier::new(logical, version, CryptoRestrictions::jce());
                verifier.verify(at, keys, &hash, content.last_signature(), KeyUsages::PROTOCOL)
            }
            EventKeys::Topology { topology, sequencer } => {
                let sequencer: Member = sequencer.member();
                topology.verify(&sequencer, at, &hash, content)
            }
        };
        verified.map_err(|source| EventError::Signature { time, source })
    }
}

/// What has to be equal when an event comes again (chapter 01 §2): what it says, not how it is signed.
fn is_same(one: &SequencedEvent, other: &SequencedEvent) -> bool {
    one.timestamp == other.timestamp && one.message_id == other.message_id && one.content == other.content
}
