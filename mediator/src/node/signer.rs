//! Signs verdicts and their submissions (chapter 04 §2.5, §4.3).

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_client::{ClientError, MemberSigner, Submission};
use synod_crypto::{KeyUsages, SigningError, protocol_message_hash};
use synod_machine::traffic::submission_cost;
use synod_topology::Snapshot;
use synod_types::{MessageId, Recipient};
use synod_wire::{Batch, Envelope, Recipients};
use thiserror::Error;

use crate::rules::VerdictSubmission;

/// A verdict cannot be signed. The request then stays without one from this mediator.
#[derive(Debug, Error)]
pub(super) enum UnsignedVerdict {
    /// None of the keys that the mediator had at the time of the request is here.
    #[error("none of the keys that the mediator had at the time of the request is here")]
    NoKey,
    /// There is nobody to send it to, which the rules do not ask for.
    #[error("the verdict has no recipients")]
    NoRecipients,
    /// A key does not sign.
    #[error("the verdict cannot be signed")]
    Sign(#[from] SigningError),
    /// The submission cannot be signed.
    #[error("the submission of the verdict cannot be signed")]
    Submission(#[from] ClientError),
}

/// The signed submission of a verdict: versioned `SignedContent`. The verdict itself is signed with a key that the mediator
/// had at the time of the request, the submission with one that it has `now`.
pub(super) fn sign(
    signer: &MemberSigner,
    verdict: &VerdictSubmission,
    message_id: MessageId,
    now: &Snapshot,
) -> Result<Bytes, UnsignedVerdict> {
    let version = now.psid().protocol_version();
    // Canton signs with the last key of several.
    let key = verdict.signing_keys.iter().rev().find_map(|fingerprint| signer.keys().key(fingerprint));
    let key = key.ok_or(UnsignedVerdict::NoKey)?;
    let content = verdict.result.to_typed_content(version);
    let signature = key.sign(&protocol_message_hash(&content), KeyUsages::PROTOCOL)?;
    let envelope = Envelope { content, signatures: vec![signature] };
    let size = envelope.content.len();
    let trees = verdict.recipients.iter();
    let trees = trees.map(|participant| (0, BTreeSet::from([Recipient::Member(participant.member())])));
    let recipients = Recipients::from_preorder(trees).ok_or(UnsignedVerdict::NoRecipients)?;
    let batch = Batch::new(version, vec![(envelope, recipients)]);
    let submission = Submission {
        topology_timestamp: verdict.topology_timestamp,
        aggregation_rule: verdict.aggregation_rule.clone(),
        submission_cost: submission_cost(&batch, &[size], now),
        ..Submission::new(message_id, batch, verdict.max_sequencing_time)
    };
    Ok(submission.sign_in(signer, now)?.bytes)
}
