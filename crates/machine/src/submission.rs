//! A submission request as it was signed, and what its recipients say about it.

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_crypto::Signature;
use synod_types::{CantonTimestamp, Member, ProtocolVersion, Recipient};
use synod_wire::{AcknowledgeRequest, Batch, ParseError, Recipients, SignedContent, SubmissionRequest};

/// A parsed submission request with its signature. Nothing about it is verified.
#[derive(Debug, Clone)]
pub struct SignedSubmission {
    /// The request.
    pub request: SubmissionRequest,
    /// The last signature of the content; others do not count (ch. 03 §1.5).
    pub signature: Signature,
    /// Time of the topology by which the sender computed the submission cost.
    pub timestamp_of_signing_key: Option<CantonTimestamp>,
    /// Whom the batch addresses.
    pub addressed: Addressed,
}

impl SignedSubmission {
    /// Reads a versioned `SignedContent` of a submission request. Of the batch only the recipients are decompressed, to at most
    /// `limit` bytes.
    ///
    /// # Errors
    /// [`ParseError`] exactly when Canton's parser refuses.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion, limit: usize) -> Result<Self, ParseError> {
        let signed = SignedContent::parse(bytes)?;
        let request = SubmissionRequest::parse(&signed.content, version, limit)?;
        let addressed = Addressed::of(&request.batch);
        let signature = signed.last_signature().clone();
        Ok(Self { request, signature, timestamp_of_signing_key: signed.timestamp_of_signing_key, addressed })
    }
}

/// A parsed acknowledgement with its signature. Nothing about it is verified.
#[derive(Debug, Clone)]
pub struct SignedAcknowledgement {
    /// The acknowledgement.
    pub request: AcknowledgeRequest,
    /// The last signature of the content.
    pub signature: Signature,
}

impl SignedAcknowledgement {
    /// Reads a versioned `SignedContent` of an acknowledgement.
    ///
    /// # Errors
    /// [`ParseError`] exactly when Canton's parser refuses.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Self, ParseError> {
        let signed = SignedContent::parse(bytes)?;
        let request = AcknowledgeRequest::parse(&signed.content, version)?;
        Ok(Self { request, signature: signed.last_signature().clone() })
    }
}

/// The recipients of a batch, over all its envelopes and all levels of their trees.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addressed {
    /// Members named directly.
    pub members: BTreeSet<Member>,
    /// Mediator groups and the group of all sequencers; not everybody.
    pub groups: BTreeSet<Recipient>,
    /// Everybody (`ALL::`).
    pub everybody: bool,
}

impl Addressed {
    /// The recipients of `batch`.
    #[must_use]
    pub fn of(batch: &Batch) -> Self {
        let mut addressed = Self::default();
        for recipient in batch.recipients().iter().flat_map(Recipients::iter) {
            match recipient {
                Recipient::Member(member) => {
                    addressed.members.insert(member.clone());
                }
                Recipient::AllMembersOfSynchronizer => addressed.everybody = true,
                group => {
                    addressed.groups.insert(group.clone());
                }
            }
        }
        addressed
    }

    /// Whether all sequencers are addressed as a group, or everybody is: such an event ends a chunk and moves the sequencers' view
    /// of the topology (ch. 03 §3.3). A sequencer addressed as a member does not count.
    #[must_use]
    pub fn sequencers(&self) -> bool {
        self.everybody || self.groups.contains(&Recipient::SequencersOfSynchronizer)
    }
}
