//! Events as they come in, and what has to hold of a stream of them (chapter 01 §2, `SequencedEventValidator`).

use bytes::Bytes;
use synod_crypto::{
    CryptoRestrictions, KeyUsages, SignatureError, SignatureVerifier, SigningPublicKey, sequenced_event_hash,
};
use synod_topology::TopologyChanges;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, SequencerId};
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
    /// It is another event than enough others have delivered in its place.
    #[error(
        "{sequencer} delivered an event at {time}, where {} delivered another one at {agreed}",
        others.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Disagreement {
        /// Who delivered it.
        sequencer: SequencerId,
        /// Its time.
        time: CantonTimestamp,
        /// Who delivered the other one.
        others: Vec<SequencerId>,
        /// The time of the other one.
        agreed: CantonTimestamp,
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
    keys: CheckedKeys,
    before: Before,
}

/// [`EventKeys`] without the sequencer, of which there may be several.
#[derive(Debug, Clone)]
pub(crate) enum CheckedKeys {
    Unknown,
    Fixed(Vec<SigningPublicKey>),
    Topology { topology: Box<MemberTopology>, sequencer: Option<SequencerId> },
}

impl From<EventKeys> for CheckedKeys {
    fn from(keys: EventKeys) -> Self {
        match keys {
            EventKeys::Unknown => Self::Unknown,
            EventKeys::Fixed(keys) => Self::Fixed(keys),
            EventKeys::Topology { topology, sequencer } => Self::Topology { topology, sequencer: Some(sequencer) },
        }
    }
}

#[derive(Debug, Clone)]
enum Before {
    /// The first event of a member has none before it.
    Nothing,
    /// The event with this time comes first, again.
    Again(CantonTimestamp),
    /// This event comes first, again.
    Same(CantonTimestamp, Bytes),
    /// This event was the last one.
    Event(CantonTimestamp, Bytes),
}

impl StreamChecker {
    /// A checker of a subscription from `resume_at` on (an event that was received before comes again), or from the
    /// beginning.
    #[must_use]
    pub fn new(psid: PhysicalSynchronizerId, keys: impl Into<EventKeys>, resume_at: Option<CantonTimestamp>) -> Self {
        Self::of_keys(psid, keys.into().into(), resume_at)
    }

    pub(crate) fn of_keys(psid: PhysicalSynchronizerId, keys: CheckedKeys, resume_at: Option<CantonTimestamp>) -> Self {
        Self { psid, keys, before: resume_at.map_or(Before::Nothing, Before::Again) }
    }

    /// Another stream of the same member follows, which repeats the last event, if there was one. Returns from when on
    /// to subscribe.
    pub fn resume(&mut self) -> Option<CantonTimestamp> {
        self.before = match std::mem::replace(&mut self.before, Before::Nothing) {
            Before::Event(time, bytes) => Before::Same(time, bytes),
            other => other,
        };
        self.resumes_at()
    }

    /// From when on another stream has to be.
    pub(crate) const fn resumes_at(&self) -> Option<CantonTimestamp> {
        match &self.before {
            Before::Nothing => None,
            Before::Again(time) | Before::Same(time, _) | Before::Event(time, _) => Some(*time),
        }
    }

    /// The time and the bytes of the last event.
    pub(crate) const fn last(&self) -> Option<(CantonTimestamp, &Bytes)> {
        match &self.before {
            Before::Nothing | Before::Again(_) => None,
            Before::Same(time, bytes) | Before::Event(time, bytes) => Some((*time, bytes)),
        }
    }

    /// Whether the next event is one that this checker has seen already.
    #[must_use]
    pub const fn is_repeating(&self) -> bool {
        matches!(self.before, Before::Same(..))
    }

    /// What the member knows of the topology, if the keys come from it.
    #[must_use]
    pub const fn topology(&self) -> Option<&MemberTopology> {
        match &self.keys {
            CheckedKeys::Topology { topology, .. } => Some(topology),
            CheckedKeys::Unknown | CheckedKeys::Fixed(_) => None,
        }
    }

    /// The same, to forget old parts of it.
    pub const fn topology_mut(&mut self) -> Option<&mut MemberTopology> {
        match &mut self.keys {
            CheckedKeys::Topology { topology, .. } => Some(topology),
            CheckedKeys::Unknown | CheckedKeys::Fixed(_) => None,
        }
    }

    /// Checks the next event of the stream: versioned `SignedContent`.
    ///
    /// # Errors
    /// [`EventError`]; the stream cannot be trusted from here on.
    pub fn check(&mut self, signed: &Bytes) -> Result<ReceivedEvent, EventError> {
        let content = SignedContent::parse(signed).map_err(EventError::Malformed)?;
        let event = self.examine(&content, None)?;
        Ok(self.accept(event, content.content))
    }

    pub(crate) fn parse(&self, content: &SignedContent) -> Result<SequencedEvent, EventError> {
        SequencedEvent::parse(&content.content, self.psid.protocol_version(), MAX_DECOMPRESSED_BYTES)
            .map_err(EventError::Malformed)
    }

    /// Checks what could be the next event, from `sequencer` if there are several. Changes nothing.
    pub(crate) fn examine(
        &self,
        content: &SignedContent,
        sequencer: Option<&SequencerId>,
    ) -> Result<SequencedEvent, EventError> {
        let event = self.parse(content)?;
        if content.timestamp_of_signing_key.is_some() {
            return Err(EventError::SigningTimestamp);
        }
        if event.psid != self.psid {
            return Err(EventError::Synchronizer(event.psid));
        }
        self.check_order(&event)?;
        self.check_topology_timestamp(&event)?;
        self.check_signature(&event, content, sequencer)?;
        Ok(event)
    }

    /// Goes on to the next event after one that was examined.
    pub(crate) fn accept(&mut self, event: SequencedEvent, bytes: Bytes) -> ReceivedEvent {
        self.before = Before::Event(event.timestamp, bytes.clone());
        let topology = match &mut self.keys {
            CheckedKeys::Topology { topology, .. } => topology.observe(&event),
            CheckedKeys::Unknown | CheckedKeys::Fixed(_) => TopologyChanges::default(),
        };
        ReceivedEvent { event, bytes, topology }
    }

    fn check_order(&self, event: &SequencedEvent) -> Result<(), EventError> {
        let (time, named) = (event.timestamp, event.previous_timestamp);
        match &self.before {
            Before::Nothing if named.is_some() => Err(EventError::Chain { time, named, before: None }),
            Before::Again(expected) if time != *expected => Err(EventError::Start { time, expected: *expected }),
            Before::Same(expected, _) if time != *expected => Err(EventError::Start { time, expected: *expected }),
            Before::Same(_, bytes) if !self.is_same(bytes, event) => Err(EventError::Fork(time)),
            Before::Event(before, _) if named != Some(*before) => {
                Err(EventError::Chain { time, named, before: Some(*before) })
            }
            Before::Event(before, _) if time <= *before => Err(EventError::Order { time, before: *before }),
            _ => Ok(()),
        }
    }

    /// What has to be equal when an event comes again (chapter 01 §2): what it says, not how it is signed.
    pub(crate) fn is_same(&self, bytes: &Bytes, again: &SequencedEvent) -> bool {
        let parsed = SequencedEvent::parse(bytes, self.psid.protocol_version(), MAX_DECOMPRESSED_BYTES);
        parsed.is_ok_and(|one| {
            one.timestamp == again.timestamp && one.message_id == again.message_id && one.content == again.content
        })
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

    pub(crate) fn check_signature(
        &self,
        event: &SequencedEvent,
        content: &SignedContent,
        sequencer: Option<&SequencerId>,
    ) -> Result<(), EventError> {
        let time = event.timestamp;
        let at = event.topology_timestamp.unwrap_or(time);
        let hash = sequenced_event_hash(&content.content);
        let verified = match &self.keys {
            CheckedKeys::Unknown => Ok(()),
            CheckedKeys::Fixed(keys) => {
                let (logical, version) = (self.psid.logical().clone(), self.psid.protocol_version());
                let verifier = SignatureVerifier::new(logical, version, CryptoRestrictions::jce());
                verifier.verify(at, keys, &hash, content.last_signature(), KeyUsages::PROTOCOL)
            }
            CheckedKeys::Topology { topology, sequencer: known } => match sequencer.or(known.as_ref()) {
                Some(sequencer) => topology.verify(&sequencer.member(), at, &hash, content),
                None => Ok(()),
            },
        };
        verified.map_err(|source| EventError::Signature { time, source })
    }
}
