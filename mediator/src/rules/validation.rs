//! Whether a request can be confirmed at all (chapter 04 §3.3, `validateRequest`): checks in order, the first that fails
//! counts.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;

use synod_crypto::{KeyUsages, SignatureError, SignatureVerifier};
use synod_topology::{Snapshot, TopologyState};
use synod_types::{CantonTimestamp, MediatorId, ParticipantId, Recipient};
use synod_wire::{Recipients, RecipientsTree};

use super::alarm::{Alarm, AlarmKind};
use super::hosting::Hosting;
use super::opening::{ReceivedRequest, participant};
use super::{ConfirmationRequest, jvm_order, status};
use crate::messages::{LfParty, Verdict};

/// Longest line of Canton's log texts (`Pretty.DefaultWidth`), which some verdicts have inside.
const WIDTH: usize = 200;
/// Characters of a fingerprint in such texts.
const SHOWN_FINGERPRINT: usize = 12;

/// Why a request is not pending.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    /// It is not for this mediator: nothing is said, nothing is stored.
    NotMine,
    /// It is rejected.
    Reject(Verdict),
}

/// What a check found.
#[derive(Debug, Clone)]
struct Failure {
    kind: AlarmKind,
    /// For the log; participants do not see it when the request is malformed.
    cause: String,
}

impl Failure {
    fn verdict(&self) -> Verdict {
        match self.kind {
            AlarmKind::InvalidMessage => status::invalid(&self.cause),
            _ => status::malformed(),
        }
    }
}

fn malformed(what: impl Display) -> Failure {
    Failure { kind: AlarmKind::MalformedMessage, cause: what.to_string() }
}

/// A topology by which a request is judged.
struct Judge<'a> {
    request: &'a ConfirmationRequest,
    snapshot: Snapshot,
    hosting: OnceCell<Hosting>,
}

impl<'a> Judge<'a> {
    const fn new(request: &'a ConfirmationRequest, snapshot: Snapshot) -> Self {
        Self { request, snapshot, hosting: OnceCell::new() }
    }

    fn hosting(&self) -> &Hosting {
        self.hosting.get_or_init(|| Hosting::of(self.request, &self.snapshot))
    }
}

/// A request and what it is judged by.
pub(super) struct Candidate<'a> {
    pub(super) request_id: CantonTimestamp,
    pub(super) received: &'a ReceivedRequest<'a>,
    pub(super) mediator: &'a MediatorId,
    pub(super) verifier: &'a SignatureVerifier,
    pub(super) topology: &'a TopologyState,
    /// See [`super::RulesSettings`].
    pub(super) topology_change_warn_delay: Duration,
}

impl Candidate<'_> {
    /// Judges the request by the topology at its time. Returns who hosts its informees; says in `alarms` what is wrong.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) fn validate(&self, alarms: &mut Vec<Alarm>) -> Result<Hosting, Refusal> {
        let judge = Judge::new(self.request(), self.topology.snapshot(self.request_id));
        if !judge.snapshot.is_mediator_active(self.mediator) {
            let cause = format!("request {} comes before this mediator is active", self.request_id);
            alarms.push(Alarm::new(AlarmKind::NotForUs, cause));
            return Err(Refusal::NotMine);
        }
        let before = self.submission_snapshot(alarms).map(|snapshot| Judge::new(self.request(), snapshot));
        match self.check(&judge, before.as_ref()) {
            Ok(()) => Ok(judge.hosting.into_inner().unwrap_or_default()),
            Err((failure, is_recent)) => {
                let kind = if is_recent { AlarmKind::TopologyChange } else { failure.kind };
                let verdict = failure.verdict();
                let cause = match failure.kind {
                    AlarmKind::InvalidMessage => failure.cause,
                    _ => format!("request {}: {}", self.request_id, failure.cause),
                };
                alarms.push(Alarm::new(kind, cause));
                Err(Refusal::Reject(verdict))
            }
        }
    }

    fn request(&self) -> &ConfirmationRequest {
        &self.received.request
    }

    /// The topology by which the request was made, as far as it says so in one voice and it is not long ago. It is only
    /// good for telling malice from changes of the topology (`SubmissionTopologyHelper`).
    fn submission_snapshot(&self, alarms: &mut Vec<Alarm>) -> Option<Snapshot> {
        let times: BTreeSet<CantonTimestamp> =
            self.received.root_hashes.iter().map(|root_hash| root_hash.submission_topology_time).collect();
        let declared = *times.first()?;
        if times.len() > 1 {
            let cause = format!("request {} was made by {} different topologies", self.request_id, times.len());
            alarms.push(Alarm::new(AlarmKind::InvalidMessage, cause));
            return None;
        }
        if declared > self.request_id {
            let cause = format!("request {} was made by the topology of {declared}", self.request_id);
            alarms.push(Alarm::new(AlarmKind::FutureTopology, cause));
        }
        let time = declared.min(self.request_id);
        (time >= self.request_id.saturating_sub(self.topology_change_warn_delay)).then(|| self.topology.snapshot(time))
    }

    /// All checks. An error says also whether it would have been none by the topology before.
    fn check(&self, now: &Judge<'_>, before: Option<&Judge<'_>>) -> Result<(), (Failure, bool)> {
        let or_before = |check: &dyn Fn(&Judge<'_>) -> Result<(), Failure>| {
            check(now).map_err(|failure| (failure, before.is_some_and(|before| check(before).is_ok())))
        };
        let for_good = |failure| (failure, false);
        self.check_signature(now, before)?;
        or_before(&|judge| self.check_hosting(judge))?;
        self.check_mediators(now).map_err(for_good)?;
        or_before(&|judge| self.check_group_is_active(judge))?;
        let addressed = self.check_root_hashes().map_err(for_good)?;
        or_before(&|judge| check_members(judge.hosting(), &addressed))?;
        self.check_thresholds().map_err(for_good)?;
        or_before(&|judge| self.check_confirmers(judge))?;
        if self.received.has_topology {
            return Err(for_good(malformed("topology transactions in the same batch")));
        }
        Ok(())
    }

    fn verify(&self, judge: &Judge<'_>) -> Result<(), SignatureError> {
        let participant = self.request().submitting_participant().member();
        let keys = judge.snapshot.signing_keys_for(&participant, KeyUsages::PROTOCOL);
        let (hash, signature) = (self.request().root_hash(), self.request().signature());
        self.verifier.verify(judge.snapshot.timestamp(), keys, hash, signature, KeyUsages::PROTOCOL)
    }

    /// A signature that does not verify is not computed again: only keys and their time change with the topology.
    fn check_signature(&self, now: &Judge<'_>, before: Option<&Judge<'_>>) -> Result<(), (Failure, bool)> {
        let Err(error) = self.verify(now) else { return Ok(()) };
        let was_computed =
            matches!(error, SignatureError::InvalidSignature { .. } | SignatureError::InvalidSignatureDelegation(_));
        let is_recent = !was_computed && before.is_some_and(|before| self.verify(before).is_ok());
        let participant = self.request().submitting_participant();
        Err((malformed(format_args!("the signature of {participant} is invalid: {error}")), is_recent))
    }

    /// The text is a part of the verdict.
    fn check_hosting(&self, judge: &Judge<'_>) -> Result<(), Failure> {
        let homeless = &judge.hosting().homeless;
        if homeless.is_empty() {
            return Ok(());
        }
        let (id, homeless) = (self.request_id, party_set(homeless));
        let cause = format!(
            "Received a mediator confirmation request with id RequestId({id}) with some informees not being hosted by an \
             active participant: {homeless}. Rejecting request..."
        );
        Err(Failure { kind: AlarmKind::InvalidMessage, cause })
    }

    fn check_mediators(&self, judge: &Judge<'_>) -> Result<(), Failure> {
        let index = self.request().mediator_group();
        let Some(group) = judge.snapshot.mediator_group(index) else {
            return Err(malformed("an unknown mediator group"));
        };
        if !(group.active.contains(self.mediator) || group.passive.contains(self.mediator)) {
            return Err(malformed("a mediator group that this mediator is not in"));
        }
        if Recipients::group([Recipient::MediatorGroup(index)]).as_ref() != Some(self.received.recipients) {
            return Err(malformed("recipients other than its mediator group"));
        }
        Ok(())
    }

    fn check_group_is_active(&self, judge: &Judge<'_>) -> Result<(), Failure> {
        match judge.snapshot.mediator_group(self.request().mediator_group()) {
            Some(group) if group.is_active() => Ok(()),
            Some(_) => Err(malformed("an inactive mediator group")),
            None => Err(malformed("an unknown mediator group")),
        }
    }

    /// Returns the participants that they are for.
    fn check_root_hashes(&self) -> Result<BTreeSet<ParticipantId>, Failure> {
        let root_hashes = &self.received.root_hashes;
        let mediators = Recipient::MediatorGroup(self.request().mediator_group());
        let mut addressed = BTreeSet::new();
        let mut repeated = None;
        for tree in root_hashes.iter().flat_map(|root_hash| root_hash.recipients.trees()) {
            let participant = addressee(&tree, &mediators)
                .ok_or_else(|| malformed(format_args!("root hash messages with wrong recipients: {tree:?}")))?;
            if !addressed.insert(participant.clone()) {
                repeated.get_or_insert(participant);
            }
        }
        if let Some(participant) = repeated {
            return Err(malformed(format_args!("several root hash messages for {participant}")));
        }
        if self.received.payloads_differ {
            return Err(malformed("different payloads in root hash messages"));
        }
        if root_hashes.iter().any(|root_hash| root_hash.root_hash != *self.request().root_hash()) {
            return Err(malformed("root hash messages with another root hash"));
        }
        if root_hashes.iter().any(|root_hash| root_hash.view_type != self.request().view_type()) {
            return Err(malformed("root hash messages with another view type"));
        }
        Ok(addressed)
    }

    fn check_thresholds(&self) -> Result<(), Failure> {
        let needs_nobody =
            |view: &super::RequestView| view.parameters().quorums.iter().all(|quorum| quorum.threshold == 0);
        match self.request().views().iter().find(|view| needs_nobody(view)) {
            None => Ok(()),
            Some(view) => Err(malformed(format_args!("nobody has to confirm view {}", view.number().index()))),
        }
    }

    /// Every quorum can be reached by those who have somebody to confirm for them. Weights are added in 32 bits, as Canton
    /// does, so that they may overflow.
    fn check_confirmers(&self, judge: &Judge<'_>) -> Result<(), Failure> {
        let hosting = judge.hosting();
        for view in self.request().views() {
            for quorum in &view.parameters().quorums {
                let able = quorum.confirmers.iter().filter(|(party, _)| hosting.has_confirmer(party));
                let weight = able.fold(0_i32, |sum, (_, weight)| sum.wrapping_add(weight.cast_signed()));
                if weight < quorum.threshold.cast_signed() {
                    let view = view.number().index();
                    return Err(malformed(format_args!("too few can confirm view {view}: {weight} in all")));
                }
            }
        }
        Ok(())
    }
}

/// The participant of a tree of a root hash message: one leaf with it and the mediators (`wrongAndCorrectRecipients`).
fn addressee(tree: &RecipientsTree<'_>, mediators: &Recipient) -> Option<ParticipantId> {
    match tree.recipients() {
        [one, other] if tree.children().next().is_none() => match (participant(one), participant(other)) {
            (Some(participant), None) if other == mediators => Some(participant),
            (None, Some(participant)) if one == mediators => Some(participant),
            _ => None,
        },
        _ => None,
    }
}

/// Missing ones are found before superfluous ones.
fn check_members(hosting: &Hosting, addressed: &BTreeSet<ParticipantId>) -> Result<(), Failure> {
    if let Some(missing) = hosting.participants.iter().find(|participant| !addressed.contains(*participant)) {
        return Err(malformed(format_args!("no root hash message for {missing}")));
    }
    match addressed.iter().find(|participant| !hosting.participants.contains(*participant)) {
        None => Ok(()),
        Some(superfluous) => Err(malformed(format_args!("a superfluous root hash message for {superfluous}"))),
    }
}

/// A set of parties as Canton prints it: one is printed alone, and what does not fit in a line has a line for each.
fn party_set(parties: &[LfParty]) -> String {
    let parties = jvm_order::set_order(parties.iter().collect());
    let texts: Vec<String> = parties.into_iter().map(shown).collect();
    match &texts[..] {
        [one] => one.clone(),
        several => {
            let line = format!("Set({})", several.join(", "));
            if line.len() <= WIDTH { line } else { format!("Set(\n  {}\n)", several.join(",\n  ")) }
        }
    }
}

/// A party with the first characters of its fingerprint.
fn shown(party: &LfParty) -> String {
    let text = party.as_str();
    let start = text.find("::").map_or(0, |at| at + 2);
    match text.get(start..start + SHOWN_FINGERPRINT) {
        Some(fingerprint) if text.len() > start + SHOWN_FINGERPRINT => format!("{}{fingerprint}...", &text[..start]),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(name: &str) -> LfParty {
        LfParty::parse(&format!("{name}::1220{}", "ab".repeat(32)), "party").expect("a party")
    }

    #[test]
    fn sets_are_printed_as_canton_does() {
        assert_eq!(party_set(&[party("alice")]), "alice::1220abababab...");
        let two = [party("alice"), party("bob")];
        assert_eq!(party_set(&two), "Set(alice::1220abababab..., bob::1220abababab...)");
        let long = "l".repeat(180);
        let two = [party(&long), party("bob")];
        assert_eq!(party_set(&two), format!("Set(\n  {long}::1220abababab...,\n  bob::1220abababab...\n)"));
    }
}
