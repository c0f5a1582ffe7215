//! What the mediator sends (chapter 04 §4.3 and §4.4, `DefaultVerdictSender`).

use std::collections::BTreeMap;

use indexmap::IndexSet;
use synod_crypto::{Hash, KeyUsages};
use synod_topology::{MediatorGroup, Snapshot};
use synod_types::{
    CantonTimestamp, MediatorGroupIndex, MediatorId, Member, ParticipantId, PhysicalSynchronizerId, ProtocolVersion,
    Recipient,
};
use synod_wire::{AggregationRule, Recipients};

use super::jvm_order::{self, ParticipantRecipient};
use super::opening::{RootHash, participant};
use super::output::{SendDecision, VerdictSubmission};
use super::settings::SendingSettings;
use crate::messages::{ConfirmationResult, Verdict, ViewType};

/// What all results of one request have in common.
pub(super) struct Sender<'a> {
    pub(super) psid: &'a PhysicalSynchronizerId,
    pub(super) mediator: &'a MediatorId,
    pub(super) settings: &'a SendingSettings,
    pub(super) request_id: CantonTimestamp,
    pub(super) decision_time: CantonTimestamp,
    /// The topology at the time of the request.
    pub(super) snapshot: &'a Snapshot,
}

impl Sender<'_> {
    /// A verdict for participants, said by the mediators of `group`. Nothing when there are none, and when there is no such
    /// group: then Canton's mediator stops.
    pub(super) fn verdict(
        &self,
        about: (ViewType, Hash),
        verdict: Verdict,
        group: MediatorGroupIndex,
        recipients: Vec<ParticipantId>,
    ) -> Option<VerdictSubmission> {
        let group = self.snapshot.mediator_group(group)?;
        if recipients.is_empty() {
            return None;
        }
        let (request_id, version) = (self.request_id, self.psid.protocol_version());
        let (view_type, root_hash) = about;
        let keys = self.snapshot.signing_keys(&self.mediator.member()).iter();
        let keys = keys.filter(|key| key.usages().matches(KeyUsages::PROTOCOL));
        Some(VerdictSubmission {
            request_id,
            result: ConfirmationResult { psid: self.psid.clone(), view_type, request_id, root_hash, verdict },
            recipients,
            group: group.index,
            aggregation_rule: aggregation_rule(&group, version),
            topology_timestamp: match version {
                ProtocolVersion::V34 => Some(request_id),
                ProtocolVersion::V35 | ProtocolVersion::Dev => None,
            },
            max_sequencing_time: self.decision_time,
            send: self.send_decision(&group),
            signing_keys: keys.map(|key| key.fingerprint().clone()).collect(),
        })
    }

    /// The rejection of a request that is not pending: one for each kind and root hash that participants were told. The
    /// mediators that say it are those of the first root hash message, whatever the request declares.
    pub(super) fn reject<'r>(
        &self,
        root_hashes: impl IntoIterator<Item = &'r RootHash<'r>>,
        verdict: &Verdict,
    ) -> Vec<VerdictSubmission> {
        let mut group = None;
        let mut told: BTreeMap<(ViewType, Hash), IndexSet<ParticipantId>> = BTreeMap::new();
        for root_hash in root_hashes {
            group = group.or_else(|| Some(root_hash.recipients.iter().find_map(mediator_group)));
            told.entry((root_hash.view_type, root_hash.root_hash))
                .or_default()
                .extend(in_jvm_order(root_hash.recipients));
        }
        let Some(group) = group.flatten() else { return Vec::new() };
        let rejects = told.into_iter().filter_map(|(about, participants)| {
            let participants = participants.into_iter().map(ParticipantRecipient).collect();
            let participants = jvm_order::set_order(participants).into_iter().map(|recipient| recipient.0);
            self.verdict(about, verdict.clone(), group, participants.collect())
        });
        rejects.collect()
    }

    /// The first mediators of the group send at once, in an order that turns with the request; the others later.
    fn send_decision(&self, group: &MediatorGroup) -> SendDecision {
        let Some(index) = group.active.iter().position(|active| active == self.mediator) else {
            return SendDecision::Never;
        };
        let wide = |number: usize| i128::try_from(number).unwrap_or(i128::MAX);
        // As the remainder of the JVM, that of a request before 1970 is negative.
        let turn = (wide(index) + i128::from(self.request_id.as_micros())) % wide(group.active.len());
        let spare = turn - i128::from(group.threshold) - i128::from(self.settings.liveness_margin);
        match u32::try_from(spare) {
            Ok(spare) => SendDecision::After(
                self.settings.initial_delay.saturating_add(self.settings.delay.saturating_mul(spare)),
            ),
            Err(_) => SendDecision::Now,
        }
    }
}

const fn mediator_group(recipient: &Recipient) -> Option<MediatorGroupIndex> {
    match recipient {
        Recipient::MediatorGroup(group) => Some(*group),
        Recipient::Member(_) | Recipient::SequencersOfSynchronizer | Recipient::AllMembersOfSynchronizer => None,
    }
}

/// The participants among the recipients, each once, in the order of the JVM's set of all recipients (§4.5). Where the
/// mediators are in a set of more than four is not known; that may change places of others in it.
fn in_jvm_order(recipients: &Recipients) -> impl Iterator<Item = ParticipantId> {
    let size = recipients.all_recipients().len();
    let participants: IndexSet<ParticipantId> = recipients.iter().filter_map(participant).collect();
    let participants = participants.into_iter().map(ParticipantRecipient).collect();
    jvm_order::subset_order(size, participants).into_iter().map(|recipient| recipient.0)
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
