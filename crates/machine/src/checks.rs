//! Predicates that hold for one request: the machine applies them after ordering, the gateway before (each in its own order, with
//! the topology and time of its own).

use std::collections::BTreeSet;

use synod_crypto::{
    KeyUsages, Signature, SignatureError, acknowledgement_hash, protocol_message_hash, submission_request_hash,
};
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, Member};
use synod_wire::{AggregationRule, ParseError};
use thiserror::Error;

use crate::{Members, SignedAcknowledgement, SignedSubmission, State};
use synod_wire::status::short_member;

/// Verifies that the sender signed the request with one of its protocol keys at `at` (ch. 03 §3.6 #2).
///
/// # Errors
/// [`SignatureError`].
pub fn submission_signature(
    state: &State,
    snapshot: &Snapshot,
    submission: &SignedSubmission,
) -> Result<(), SignatureError> {
    let hash = submission_request_hash(&submission.request.bytes);
    verify_of(state, snapshot, &submission.request.sender, &hash, &submission.signature)
}

/// Verifies that the member signed the acknowledgement with one of its protocol keys in `snapshot` (ch. 03 §3.9).
///
/// # Errors
/// [`SignatureError`].
pub fn acknowledgement_signature(
    state: &State,
    snapshot: &Snapshot,
    acknowledgement: &SignedAcknowledgement,
) -> Result<(), SignatureError> {
    let hash = acknowledgement_hash(&acknowledgement.request.bytes);
    verify_of(state, snapshot, &acknowledgement.request.member, &hash, &acknowledgement.signature)
}

/// An envelope that may not be sequenced.
#[derive(Debug, Error)]
pub enum InvalidEnvelope {
    /// It does not decompress or parse, or it is larger than the limit.
    #[error("envelope {index} cannot be opened")]
    Closed {
        /// Its place in the batch, from 0.
        index: usize,
        /// Why.
        #[source]
        source: ParseError,
    },
    /// A signature on it is not valid for the sender.
    #[error("envelope {index} has a signature that is not its sender's")]
    Signature {
        /// Its place in the batch, from 0.
        index: usize,
        /// Why.
        #[source]
        source: SignatureError,
    },
}

/// Opens all envelopes of a request, verifies that every signature on them is the sender's, and gives the sizes of their contents
/// (ch. 03 §3.6 #9). Envelopes without signatures pass. The contents are not kept: together they may be far larger than the request.
///
/// # Errors
/// [`InvalidEnvelope`], the first one.
pub fn envelopes(
    state: &State,
    snapshot: &Snapshot,
    submission: &SignedSubmission,
    limit: usize,
) -> Result<Vec<usize>, InvalidEnvelope> {
    let request = &submission.request;
    let open_and_verify = |index| {
        let envelope =
            request.batch.open_envelope(index, limit).map_err(|source| InvalidEnvelope::Closed { index, source })?;
        let hash = protocol_message_hash(&envelope.content);
        for signature in &envelope.signatures {
            verify_of(state, snapshot, &request.sender, &hash, signature)
                .map_err(|source| InvalidEnvelope::Signature { index, source })?;
        }
        Ok(envelope.content.len())
    };
    (0..request.batch.len()).map(open_and_verify).collect()
}

fn verify_of(
    state: &State,
    snapshot: &Snapshot,
    member: &Member,
    hash: &synod_crypto::Hash,
    signature: &Signature,
) -> Result<(), SignatureError> {
    let keys = snapshot.signing_keys(member);
    state.verifier().verify(snapshot.timestamp(), keys, hash, signature, KeyUsages::PROTOCOL)
}

/// Those of `candidates` that are not registered at `time`, sorted (ch. 03 §3.6 #6 and #14).
#[must_use]
pub fn unregistered<'a>(
    members: &Members,
    candidates: impl IntoIterator<Item = &'a Member>,
    time: CantonTimestamp,
) -> BTreeSet<&'a Member> {
    candidates.into_iter().filter(|member| members.registered_at(member, time).is_none()).collect()
}

/// The time that the maximum sequencing time of a request with an aggregation rule has to be before (ch. 03 §3.6 #11). `None` when
/// there are no parameters in `snapshot`.
#[must_use]
pub fn aggregation_bound(snapshot: &Snapshot, time: CantonTimestamp) -> Option<CantonTimestamp> {
    snapshot.parameters().map(|parameters| time.saturating_add(parameters.sequencer_aggregate_submission_timeout))
}

/// Why a sender may not take part in an aggregation; the texts are Canton's
/// (`InFlightAggregationHandler.senderIsAuthorizedAndAggregationRuleIsWellFormed`).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidAggregation {
    /// There are fewer eligible members than have to contribute.
    #[error("Threshold {threshold} cannot be reached")]
    Threshold {
        /// How many have to contribute.
        threshold: i32,
    },
    /// The sender is not in the list of the rule.
    #[error("Sender [{}] is not eligible according to the aggregation rule", short_member(sender))]
    NotEligible {
        /// The sender.
        sender: Member,
    },
    /// The sender is no active mediator of the group.
    #[error("Sender [{}] is not part of the mediator group with index {group}", short_member(sender))]
    NotInMediatorGroup {
        /// The sender.
        sender: Member,
        /// The group.
        group: i32,
    },
    /// The mediator group does not exist.
    #[error("Invalid aggregation rule with mediator index {group} as there is no such mediator group")]
    NoMediatorGroup {
        /// The group.
        group: i32,
    },
    /// The sender is no active sequencer.
    #[error("Sender [{}] is not part of the sequencer group", short_member(sender))]
    NotInSequencerGroup {
        /// The sender.
        sender: Member,
    },
    /// There is no sequencer group.
    #[error("Invalid sequencer aggregation rule as there is no sequencer group")]
    NoSequencerGroup,
}

/// Whether `sender` may contribute to an aggregation with this rule, and the rule can be fulfilled (ch. 03 §3.6 #13). Passive members
/// of a group may not contribute.
///
/// # Errors
/// [`InvalidAggregation`].
pub fn may_aggregate(snapshot: &Snapshot, sender: &Member, rule: &AggregationRule) -> Result<(), InvalidAggregation> {
    let sender_is = |active: bool, otherwise: InvalidAggregation| if active { Ok(()) } else { Err(otherwise) };
    match rule {
        AggregationRule::Members { eligible, threshold } => {
            let distinct: BTreeSet<&Member> = eligible.iter().collect();
            if usize::try_from(*threshold).is_ok_and(|threshold| distinct.len() < threshold) {
                return Err(InvalidAggregation::Threshold { threshold: *threshold });
            }
            sender_is(distinct.contains(sender), InvalidAggregation::NotEligible { sender: sender.clone() })
        }
        AggregationRule::MediatorGroup(index) => {
            let number = index.as_i32();
            let group = snapshot.mediator_group(*index).ok_or(InvalidAggregation::NoMediatorGroup { group: number })?;
            let active = group.active.iter().any(|mediator| mediator.member() == *sender);
            sender_is(active, InvalidAggregation::NotInMediatorGroup { sender: sender.clone(), group: number })
        }
        AggregationRule::Sequencers => {
            let group = snapshot.sequencer_group().ok_or(InvalidAggregation::NoSequencerGroup)?;
            let active = group.active.iter().any(|sequencer| sequencer.member() == *sender);
            sender_is(active, InvalidAggregation::NotInSequencerGroup { sender: sender.clone() })
        }
        AggregationRule::SenderDeduplication => Ok(()),
    }
}
