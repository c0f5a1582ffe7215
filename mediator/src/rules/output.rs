//! What the mediator sends (chapter 04 §4.3 and §4.4, `DefaultVerdictSender`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use synod_crypto::{Hash, KeyUsages};
use synod_topology::{MediatorGroup, Snapshot};
use synod_types::{
    CantonTimestamp, Fingerprint, MediatorGroupIndex, MediatorId, Member, ParticipantId, PhysicalSynchronizerId,
    ProtocolVersion, Recipient,
};
use synod_wire::AggregationRule;

use super::opening::{AddressedRootHash, participant_of};
use crate::messages::{ConfirmationResult, Verdict, ViewType};

/// When which mediator of a group sends (`VerdictSenderParameters`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendingSettings {
    /// How many mediators beyond the threshold send at once.
    pub liveness_margin: u32,
    /// How long the first of the others waits.
    pub initial_delay: Duration,
    /// How much longer each further one waits.
    pub delay: Duration,
}

impl Default for SendingSettings {
    fn default() -> Self {
        Self { liveness_margin: 3, initial_delay: Duration::from_secs(3), delay: Duration::from_secs(1) }
    }
}

/// When this mediator sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendDecision {
    /// At once.
    Now,
    /// As a spare: after this time, unless the decision time is near.
    After(Duration),
    /// Not at all: it is no active mediator of the group.
    Never,
}

/// A result on its way to participants: one batch with one envelope, not signed yet.
#[derive(Debug, Clone, PartialEq)]
pub struct VerdictSubmission {
    /// The request.
    pub request_id: CantonTimestamp,
    /// What is said.
    pub result: ConfirmationResult,
    /// To whom: each participant is in a tree of its own, in this order.
    pub recipients: Vec<ParticipantId>,
    /// With whom it is sent together.
    pub aggregation_rule: Option<AggregationRule>,
    /// The topology by which recipients and signatures are resolved; none in protocol version 35.
    pub topology_timestamp: Option<CantonTimestamp>,
    /// The decision time.
    pub max_sequencing_time: CantonTimestamp,
    /// When this mediator sends it.
    pub send: SendDecision,
    /// Keys that this mediator has for the protocol at the time of the request: one of them signs the result.
    pub signing_keys: Vec<Fingerprint>,
}

/// What all results of one request have in common.
pub(super) struct Output<'a> {
    pub(super) psid: &'a PhysicalSynchronizerId,
    pub(super) mediator: &'a MediatorId,
    pub(super) settings: &'a SendingSettings,
    pub(super) request_id: CantonTimestamp,
    pub(super) decision_time: CantonTimestamp,
    /// The topology at the time of the request.
    pub(super) snapshot: &'a Snapshot,
}

impl Output<'_> {
    /// The verdict of a request to its participants. Nothing when there are none, or when the group has gone, which is
    /// checked when the request comes.
    pub(super) fn verdict(
        &self,
        view_type: ViewType,
        root_hash: Hash,
        verdict: Verdict,
        group: MediatorGroupIndex,
        participants: Vec<ParticipantId>,
    ) -> Option<VerdictSubmission> {
        let group = self.snapshot.mediator_group(group)?;
        if participants.is_empty() {
            return None;
        }
        let (request_id, version) = (self.request_id, self.psid.protocol_version());
        let me = Member::from(self.mediator.clone());
        let signing_keys = self.snapshot.signing_keys_for(&me, KeyUsages::PROTOCOL);
        Some(VerdictSubmission {
            request_id,
            result: ConfirmationResult { psid: self.psid.clone(), view_type, request_id, root_hash, verdict },
            recipients: participants,
            aggregation_rule: aggregation_rule(&group, version),
            topology_timestamp: match version {
                ProtocolVersion::V34 => Some(request_id),
                ProtocolVersion::V35 | ProtocolVersion::Dev => None,
            },
            max_sequencing_time: self.decision_time,
            send: self.send_decision(&group),
            signing_keys: signing_keys.map(|key| key.fingerprint().clone()).collect(),
        })
    }

    /// The rejection of a request that is not pending: one for each kind and root hash that participants were told. The
    /// group is that of the first root hash message.
    pub(super) fn reject(&self, root_hashes: &[AddressedRootHash], verdict: &Verdict) -> Vec<VerdictSubmission> {
        let groups = root_hashes.iter().flat_map(|root_hash| root_hash.recipients.iter());
        let group = groups.into_iter().find_map(|recipient| match recipient {
            Recipient::MediatorGroup(group) => Some(*group),
            _ => None,
        });
        let Some(group) = group else { return Vec::new() };
        let mut told: BTreeMap<(ViewType, Hash), Vec<ParticipantId>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for AddressedRootHash { message, recipients } in root_hashes {
            let about = (message.view_type, message.root_hash);
            for recipient in recipients.iter() {
                if let Some(participant) = participant_of(recipient)
                    && seen.insert((about, participant.clone()))
                {
                    told.entry(about).or_default().push(participant);
                }
            }
        }
        let rejects = told.into_iter();
        let rejects = rejects.filter_map(|((view_type, root_hash), participants)| {
            self.verdict(view_type, root_hash, verdict.clone(), group, participants)
        });
        rejects.collect()
    }

    /// The first mediators of the group send at once, in an order that turns with the request; the others later.
    fn send_decision(&self, group: &MediatorGroup) -> SendDecision {
        let Some(index) = group.active.iter().position(|active| active == self.mediator) else {
            return SendDecision::Never;
        };
        let wide = |number: usize| i128::try_from(number).unwrap_or(i128::MAX);
        // Java's remainder: that of a request before 1970 is negative.
        let turn = (wide(index) + i128::from(self.request_id.as_micros())) % wide(group.active.len());
        let spare = turn - i128::from(group.threshold) - i128::from(self.settings.liveness_margin);
        match u32::try_from(spare) {
            Ok(spare) => SendDecision::After(self.settings.initial_delay + self.settings.delay.saturating_mul(spare)),
            Err(_) => SendDecision::Now,
        }
    }
}

/// Protocol version 35 checks the group when the result is delivered, so that even a single mediator names it.
fn aggregation_rule(group: &MediatorGroup, version: ProtocolVersion) -> Option<AggregationRule> {
    match version {
        ProtocolVersion::V34 if group.threshold <= 1 => None,
        ProtocolVersion::V34 => Some(AggregationRule::Members {
            eligible: group.active.iter().cloned().map(Member::from).collect(),
            threshold: i32::try_from(group.threshold).unwrap_or(i32::MAX),
        }),
        ProtocolVersion::V35 | ProtocolVersion::Dev => Some(AggregationRule::MediatorGroup(group.index)),
    }
}
