//! Signs verdicts and their submissions (chapter 04 §2.5, §4.3).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use synod_client::{ClientError, MemberIdentity, Submission};
use synod_crypto::{KeyUsages, SigningError, SigningPrivateKey, protocol_message_hash};
use synod_machine::traffic::{WeighedEnvelope, event_cost, group_size};
use synod_topology::Snapshot;
use synod_types::{Fingerprint, MessageId, ProtocolVersion, Recipient};
use synod_wire::{Batch, Envelope, Recipients};
use thiserror::Error;

use crate::rules::VerdictSubmission;

/// The private keys of the mediator, by name. They may change while it runs.
pub trait SigningKeys: std::fmt::Debug + Send + Sync {
    /// The private key of this name, if it is here.
    fn key(&self, fingerprint: &Fingerprint) -> Option<SigningPrivateKey>;
}

/// A verdict cannot be signed. The request then stays without one from this mediator.
#[derive(Debug, Error)]
pub enum UnsignedVerdict {
    /// None of the keys that the mediator had at the time of the request is here.
    #[error("none of the keys that the mediator had at the time of the request is here")]
    NoKey,
    /// A key does not sign.
    #[error("the verdict cannot be signed")]
    Sign(#[from] SigningError),
    /// The submission cannot be signed.
    #[error("the submission of the verdict cannot be signed")]
    Submission(#[from] ClientError),
}

/// Signs as the mediator.
#[derive(Debug, Clone)]
pub struct VerdictSigner {
    /// Who signs submissions.
    pub identity: Arc<MemberIdentity>,
    /// The keys that sign verdicts.
    pub keys: Arc<dyn SigningKeys>,
    /// The version of everything that is sent.
    pub version: ProtocolVersion,
}

impl VerdictSigner {
    /// The signed submission of a verdict: versioned `SignedContent`. `head` is the newest topology, by which the cost is
    /// computed where there is traffic control.
    ///
    /// # Errors
    /// [`UnsignedVerdict`].
    pub(super) fn sign(
        &self,
        verdict: &VerdictSubmission,
        message_id: MessageId,
        head: &Snapshot,
    ) -> Result<Bytes, UnsignedVerdict> {
        let key = verdict.signing_keys.iter().find_map(|fingerprint| self.keys.key(fingerprint));
        let key = key.ok_or(UnsignedVerdict::NoKey)?;
        let content = verdict.result.to_typed_content(self.version);
        let signature = key.sign(&protocol_message_hash(&content), KeyUsages::PROTOCOL)?;
        let envelope = Envelope { content, signatures: vec![signature] };
        let size = envelope.content.len();
        let trees = verdict.recipients.iter().map(|participant| {
            (0, BTreeSet::from([Recipient::Member(participant.member())]))
        });
        // The rules make no submission to nobody.
        let recipients = Recipients::from_preorder(trees).ok_or(UnsignedVerdict::NoKey)?;
        let batch = Batch::new(self.version, vec![(envelope, recipients)]);
        let submission = Submission {
            aggregation_rule: verdict.aggregation_rule.clone(),
            submission_cost: cost(&batch, size, head),
            ..Submission::new(message_id, batch, verdict.max_sequencing_time)
        };
        Ok(submission.sign(&self.identity, self.version)?)
    }
}

/// What the submission costs, where there is traffic control (chapter 03 §5.1).
fn cost(batch: &Batch, size: usize, head: &Snapshot) -> Option<i64> {
    let traffic = head.parameters()?.traffic_control.as_ref()?;
    let envelopes = batch.recipients().iter().enumerate().map(|(index, recipients)| WeighedEnvelope {
        identity: batch.envelope_identity(index),
        recipients,
        size,
    });
    Some(event_cost(envelopes, traffic, |recipient| group_size(head, recipient)))
}
