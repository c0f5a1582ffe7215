//! Events as they come in, and what has to hold of a stream of them (chapter 01 §2, `SequencedEventValidator`).

use bytes::Bytes;
use synod_crypto::{KeyUsages, SignatureError, SigningPublicKey, sequenced_event_hash, verify};
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};
use synod_wire::{ParseError, SequencedEvent, SignedContent};
use thiserror::Error;

/// An event that was received.
#[derive(Debug, Clone)]
pub struct ReceivedEvent {
    /// The event.
    pub event: SequencedEvent,
    /// Its bytes: equal from every sequencer.
    pub bytes: Bytes,
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
    /// It says with which topology it was signed, which must not be.
    #[error("an event with a signing timestamp")]
    SigningTimestamp,
    /// It is not signed by the sequencer.
    #[error("an event at {time} with a wrong signature")]
    Signature {
        /// Its time.
        time: CantonTimestamp,
        /// What is wrong.
        #[source]
        source: SignatureError,
    },
    /// It is signed by a key that is not the sequencer's.
    #[error("an event at {0} signed by an unknown key")]
    UnknownKey(CantonTimestamp),
}

/// Checks the events of one subscription in their order.
#[derive(Debug, Clone)]
pub struct StreamChecker {
    psid: PhysicalSynchronizerId,
    /// Keys of the sequencer; no signature is checked when there are none.
    keys: Vec<SigningPublicKey>,
    before: Before,
}

#[derive(Debug, Clone, Copy)]
enum Before {
    /// The first event of a member has none before it.
    Nothing,
    /// The event with this time comes first, again.
    Again(CantonTimestamp),
    Event(CantonTimestamp),
}

impl StreamChecker {
    /// A checker of a subscription from `resume_at` on (an event that was received before comes again), or from the
    /// beginning. `keys` are the sequencer's protocol keys, if they are known.
    #[must_use]
    pub const fn new(
        psid: PhysicalSynchronizerId,
        keys: Vec<SigningPublicKey>,
        resume_at: Option<CantonTimestamp>,
    ) -> Self {
        let before = match resume_at {
            Some(time) => Before::Again(time),
            None => Before::Nothing,
        };
        Self { psid, keys, before }
    }

    /// Checks the next event of the stream: versioned `SignedContent`.
    ///
    /// # Errors
    /// [`EventError`]; the stream cannot be trusted from here on.
    pub fn check(&mut self, signed: &Bytes) -> Result<ReceivedEvent, EventError> {
        let content = SignedContent::parse(signed).map_err(EventError::Malformed)?;
        let event = SequencedEvent::parse(&content.content, self.psid.protocol_version(), usize::MAX)
            .map_err(EventError::Malformed)?;
        if content.timestamp_of_signing_key.is_some() {
            return Err(EventError::SigningTimestamp);
        }
        if event.psid != self.psid {
            return Err(EventError::Synchronizer(event.psid));
        }
        self.check_order(&event)?;
        self.check_signature(&event, &content)?;
        self.before = Before::Event(event.timestamp);
        Ok(ReceivedEvent { event, bytes: content.content })
    }

    fn check_order(&self, event: &SequencedEvent) -> Result<(), EventError> {
        let (time, named) = (event.timestamp, event.previous_timestamp);
        let chain = |before| EventError::Chain { time, named, before };
        match self.before {
            Before::Nothing if named.is_some() => Err(chain(None)),
            Before::Again(expected) if time != expected => Err(EventError::Order { time, before: expected }),
            Before::Event(before) if named != Some(before) => Err(chain(Some(before))),
            Before::Event(before) if time <= before => Err(EventError::Order { time, before }),
            _ => Ok(()),
        }
    }

    fn check_signature(&self, event: &SequencedEvent, content: &SignedContent) -> Result<(), EventError> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let (time, signature) = (event.timestamp, content.last_signature());
        let key = self
            .keys
            .iter()
            .find(|key| key.fingerprint() == signature.authorizing_key())
            .ok_or(EventError::UnknownKey(time))?;
        let hash = sequenced_event_hash(&content.content);
        verify(&hash, key, signature, KeyUsages::PROTOCOL).map_err(|source| EventError::Signature { time, source })
    }
}
