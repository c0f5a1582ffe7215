//! Batches of envelopes (chapter 01 §6.2, `Batch`).

mod decode;
mod encode;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use synod_crypto::Signature;
use synod_types::{Member, ProtocolVersion, Recipient};

use crate::{ParseError, RecipientKinds, Recipients, gzip};

pub(crate) use decode::BatchMessage;

/// The envelopes of a submission or an event with their recipients. Cheap to clone.
///
/// From protocol version 35 on each envelope stays compressed as it was received; it is decompressed when it is
/// opened, and only then it may turn out to be malformed. Equality is that of the recipients and the bytes of the
/// envelopes.
#[derive(Clone)]
pub struct Batch {
    recipients: Arc<[Recipients]>,
    contents: Contents,
    /// The compressed recipients (in protocol version 34: the compressed batch), where they are known to be what
    /// Canton would write.
    canonical: Option<Bytes>,
}

/// The envelopes, as many as recipients.
#[derive(Clone, PartialEq, Eq)]
enum Contents {
    /// Each compressed by itself (protocol version 35 and later).
    Compressed(Vec<Bytes>),
    /// Open (protocol version 34).
    Open(Vec<Envelope>),
}

/// An open envelope without its recipients (`ClosedUncompressedEnvelope`).
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Without signatures a versioned `EnvelopeContent`, else a versioned `TypedSignedProtocolMessageContent`.
    pub content: Bytes,
    /// Signatures over [`Self::content`]; may be none.
    pub signatures: Vec<Signature>,
}

impl Batch {
    /// A batch without envelopes.
    #[must_use]
    pub fn empty(version: ProtocolVersion) -> Self {
        Self::new(version, Vec::new())
    }

    /// A batch of these envelopes.
    #[must_use]
    pub fn new(version: ProtocolVersion, envelopes: Vec<(Envelope, Recipients)>) -> Self {
        let (envelopes, recipients): (Vec<Envelope>, Vec<Recipients>) = envelopes.into_iter().unzip();
        let contents = if version <= ProtocolVersion::V34 {
            Contents::Open(envelopes)
        } else {
            Contents::Compressed(envelopes.iter().map(Envelope::compress).collect())
        };
        Self { recipients: recipients.into(), contents, canonical: None }
    }

    /// The envelopes of this batch and then those of the other one, which stay compressed as they are. `None` when one of
    /// them is of protocol version 34 and the other one is not.
    #[must_use]
    pub fn followed_by(&self, other: &Self) -> Option<Self> {
        let contents = match (&self.contents, &other.contents) {
            (Contents::Compressed(first), Contents::Compressed(second)) => {
                Contents::Compressed(first.iter().chain(second).cloned().collect())
            }
            (Contents::Open(first), Contents::Open(second)) => {
                Contents::Open(first.iter().chain(second).cloned().collect())
            }
            _ => return None,
        };
        let recipients = self.recipients.iter().chain(other.recipients.iter()).cloned().collect();
        Some(Self { recipients, contents, canonical: None })
    }

    /// How many envelopes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.recipients.len()
    }

    /// Whether there is no envelope.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.recipients.is_empty()
    }

    /// The recipients of each envelope.
    #[must_use]
    pub fn recipients(&self) -> &[Recipients] {
        &self.recipients
    }

    /// The recipients of all envelopes.
    #[must_use]
    pub fn all_recipients(&self) -> BTreeSet<Recipient> {
        self.recipients.iter().flat_map(Recipients::iter).cloned().collect()
    }

    /// Which kinds of recipients there are.
    #[must_use]
    pub fn recipient_kinds(&self) -> RecipientKinds {
        RecipientKinds::of(&self.recipients)
    }

    /// Opens an envelope: decompresses it to at most `limit` bytes. Does not decompress in protocol version 34, where
    /// all envelopes are open already.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed or too large, or there is no envelope `index`.
    pub fn open_envelope(&self, index: usize, limit: usize) -> Result<Envelope, ParseError> {
        let none = ParseError::NoEnvelope { index };
        match &self.contents {
            Contents::Open(envelopes) => envelopes.get(index).cloned().ok_or(none),
            Contents::Compressed(blobs) => Envelope::decompress(blobs.get(index).ok_or(none)?, limit),
        }
    }

    /// The bytes by which envelopes with equal recipients are told to be equal: the compressed ones as received, or
    /// (protocol version 34) the open envelope encoded again. Empty when there is no envelope `index`.
    #[must_use]
    pub fn envelope_identity(&self, index: usize) -> Bytes {
        match &self.contents {
            Contents::Open(envelopes) => envelopes.get(index).map(|envelope| envelope.encode().into()),
            Contents::Compressed(blobs) => blobs.get(index).cloned(),
        }
        .unwrap_or_default()
    }

    /// Whether an envelope has no bytes at all (compressed bytes, or in protocol version 34 content): such a one must
    /// not be submitted (chapter 03 §2.1 step 6).
    #[must_use]
    pub fn has_blank_envelope(&self) -> bool {
        match &self.contents {
            Contents::Open(envelopes) => envelopes.iter().any(|envelope| envelope.content.is_empty()),
            Contents::Compressed(blobs) => blobs.iter().any(Bytes::is_empty),
        }
    }

    /// The envelopes that `member` may see, each with the recipients that it may see (`Batch.filterClosedEnvelopesFor`).
    /// `is_in_group` says to which group recipients the member belongs; everybody is one of them. The bytes of the
    /// envelopes stay as they are.
    #[must_use]
    pub fn for_member(&self, member: &Member, is_in_group: &dyn Fn(&Recipient) -> bool) -> Self {
        let visible: Vec<Option<Recipients>> =
            self.recipients.iter().map(|recipients| recipients.for_member(member, is_in_group)).collect();
        let is_whole = |(visible, all): (&Option<Recipients>, &Recipients)| {
            visible.as_ref().is_some_and(|visible| visible.node_count() == all.node_count())
        };
        if visible.iter().zip(self.recipients.iter()).all(is_whole) {
            return self.clone();
        }
        let is_visible = |index: usize| visible.get(index).is_some_and(Option::is_some);
        let contents = match &self.contents {
            Contents::Open(envelopes) => Contents::Open(picked(envelopes, is_visible)),
            Contents::Compressed(blobs) => Contents::Compressed(picked(blobs, is_visible)),
        };
        Self { contents, recipients: visible.into_iter().flatten().collect(), canonical: None }
    }

    /// The batch with other envelopes for the same recipients, compressed anew: what a completed aggregation delivers
    /// (correction F). `None` when there are not as many.
    #[must_use]
    pub fn with_envelopes(&self, envelopes: Vec<Envelope>) -> Option<Self> {
        if envelopes.len() != self.len() {
            return None;
        }
        let contents = match self.contents {
            Contents::Open(_) => Contents::Open(envelopes),
            Contents::Compressed(_) => Contents::Compressed(envelopes.iter().map(Envelope::compress).collect()),
        };
        Some(Self { recipients: self.recipients.clone(), contents, canonical: None })
    }
}

fn picked<T: Clone>(items: &[T], is_picked: impl Fn(usize) -> bool) -> Vec<T> {
    items.iter().enumerate().filter(|(index, _)| is_picked(*index)).map(|(_, item)| item.clone()).collect()
}

impl Envelope {
    /// The envelope as it is in a batch of protocol version 35.
    fn compress(&self) -> Bytes {
        gzip::compress(&self.encode())
    }

    fn decompress(blob: &[u8], limit: usize) -> Result<Self, ParseError> {
        Self::parse(&gzip::decompress(blob, limit)?)
    }
}

impl PartialEq for Batch {
    fn eq(&self, other: &Self) -> bool {
        (&self.recipients, &self.contents) == (&other.recipients, &other.contents)
    }
}

impl Eq for Batch {}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (form, size): (_, usize) = match &self.contents {
            Contents::Open(envelopes) => ("open", envelopes.iter().map(|envelope| envelope.content.len()).sum()),
            Contents::Compressed(blobs) => ("compressed", blobs.iter().map(Bytes::len).sum()),
        };
        write!(f, "Batch({} envelopes, {size} bytes {form})", self.len())
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envelope({} bytes, {} signatures)", self.content.len(), self.signatures.len())
    }
}
