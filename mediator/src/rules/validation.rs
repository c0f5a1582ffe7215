//! Whether a request can be confirmed at all (chapter 04 §3.3, `validateRequest`): checks in order, the first that fails
//! counts.

use std::collections::{BTreeMap, BTreeSet};

use synod_crypto::{KeyUsages, SignatureVerifier};
use synod_topology::{HostingAttributes, PartyHosting, Snapshot};
use synod_types::{CantonTimestamp, MediatorId, Member, ParticipantId, PartyId, Recipient};
use synod_wire::Recipients;

use super::opening::{AddressedRootHash, participant_of};
use super::{ConfirmationRequest, status};
use crate::messages::{LfParty, Verdict};

/// Why a request is not pending.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refusal {
    /// It is not for this mediator: nothing is said, nothing is stored.
    NotMine,
    /// It is rejected.
    Reject {
        verdict: Verdict,
        /// For the log; participants do not see it when the request is malformed.
        cause: String,
    },
}

impl Refusal {
    fn malformed(cause: String) -> Self {
        Self::Reject { verdict: status::malformed(), cause }
    }

    fn invalid(cause: String) -> Self {
        Self::Reject { verdict: status::invalid(&cause), cause }
    }
}

/// A request and what it is judged by.
pub(super) struct Candidate<'a> {
    pub(super) request_id: CantonTimestamp,
    pub(super) request: &'a ConfirmationRequest,
    pub(super) recipients: &'a Recipients,
    pub(super) root_hashes: &'a [AddressedRootHash],
    pub(super) has_topology: bool,
    pub(super) mediator: &'a MediatorId,
    pub(super) verifier: &'a SignatureVerifier,
    /// The topology at the time of the request.
    pub(super) snapshot: &'a Snapshot,
}

impl Candidate<'_> {
    /// Judges the request. Returns who hosts its informees.
    pub(super) fn validate(&self) -> Result<Hosting, Refusal> {
        if !self.snapshot.is_mediator_active(self.mediator) {
            return Err(Refusal::NotMine);
        }
        self.check_signature()?;
        let hosting = Hosting::of(self.request, self.snapshot);
        self.check_hosting(&hosting)?;
        self.check_mediators()?;
        self.check_root_hashes(&hosting)?;
        self.check_thresholds()?;
        self.check_confirmers(&hosting)?;
        if self.has_topology {
            return Err(Refusal::malformed(format!("request {} with topology transactions", self.request_id)));
        }
        Ok(hosting)
    }

    fn malformed(&self, what: impl std::fmt::Display) -> Refusal {
        Refusal::malformed(format!("request {}: {what}", self.request_id))
    }

    fn check_signature(&self) -> Result<(), Refusal> {
        let participant = Member::from(self.request.submitting_participant().clone());
        let keys = self.snapshot.signing_keys_for(&participant, KeyUsages::PROTOCOL);
        let (hash, signature) = (self.request.root_hash(), self.request.signature());
        let verified = self.verifier.verify(self.request_id, keys, hash, signature, KeyUsages::PROTOCOL);
        verified.map_err(|error| self.malformed(format_args!("the signature of {participant}: {error}")))
    }

    fn check_hosting(&self, hosting: &Hosting) -> Result<(), Refusal> {
        let homeless: Vec<_> = hosting.homeless.iter().map(ToString::to_string).collect();
        if homeless.is_empty() {
            return Ok(());
        }
        // The text is a part of the verdict.
        let (id, homeless) = (self.request_id, homeless.join(", "));
        Err(Refusal::invalid(format!(
            "Received a mediator confirmation request with id {id} with some informees not being hosted by an active \
             participant: {homeless}. Rejecting request..."
        )))
    }

    fn check_mediators(&self) -> Result<(), Refusal> {
        let index = self.request.mediator_group();
        let Some(group) = self.snapshot.mediator_group(index) else {
            return Err(self.malformed("an unknown mediator group"));
        };
        if !(group.active.contains(self.mediator) || group.passive.contains(self.mediator)) {
            return Err(self.malformed("a mediator group that this mediator is not in"));
        }
        if Recipients::group([Recipient::MediatorGroup(index)]).as_ref() != Some(self.recipients) {
            return Err(self.malformed("recipients other than its mediator group"));
        }
        if group.is_active() { Ok(()) } else { Err(self.malformed("an inactive mediator group")) }
    }

    fn check_root_hashes(&self, hosting: &Hosting) -> Result<(), Refusal> {
        let mediators = Recipient::MediatorGroup(self.request.mediator_group());
        let mut addressed = BTreeSet::new();
        let mut repeated = None;
        for tree in self.root_hashes.iter().flat_map(|root_hash| root_hash.recipients.trees()) {
            let participant = match tree.recipients() {
                [one, other] if tree.children().next().is_none() => {
                    match (participant_of(one), participant_of(other)) {
                        (Some(participant), None) if *other == mediators => Some(participant),
                        (None, Some(participant)) if *one == mediators => Some(participant),
                        _ => None,
                    }
                }
                _ => None,
            };
            let Some(participant) = participant else {
                return Err(self.malformed("root hash messages with wrong recipients"));
            };
            if !addressed.insert(participant.clone()) {
                repeated.get_or_insert(participant);
            }
        }
        if let Some(participant) = repeated {
            return Err(self.malformed(format_args!("several root hash messages for {participant}")));
        }
        let messages = || self.root_hashes.iter().map(|root_hash| &root_hash.message);
        if messages().map(|message| &message.payload).collect::<BTreeSet<_>>().len() > 1 {
            return Err(self.malformed("different payloads in root hash messages"));
        }
        if messages().any(|message| message.root_hash != *self.request.root_hash()) {
            return Err(self.malformed("root hash messages with another root hash"));
        }
        if messages().any(|message| message.view_type != self.request.view_type()) {
            return Err(self.malformed("root hash messages with another view type"));
        }
        let expected: BTreeSet<_> = hosting.participants.iter().cloned().collect();
        if !expected.is_subset(&addressed) {
            return Err(self.malformed("missing root hash messages"));
        }
        if !addressed.is_subset(&expected) {
            return Err(self.malformed("superfluous root hash messages"));
        }
        Ok(())
    }

    fn check_thresholds(&self) -> Result<(), Refusal> {
        let views = self.request.views().iter();
        let mut unsatisfied = views.filter(|view| view.parameters().quorums.iter().all(|quorum| quorum.threshold == 0));
        match unsatisfied.next() {
            None => Ok(()),
            Some(_) => Err(self.malformed("a view that nobody has to confirm")),
        }
    }

    /// Every quorum can be reached by those who have somebody to confirm for them.
    fn check_confirmers(&self, hosting: &Hosting) -> Result<(), Refusal> {
        for quorum in self.request.views().iter().flat_map(|view| &view.parameters().quorums) {
            let able = quorum.confirmers.iter().filter(|(party, _)| hosting.has_confirmer(party));
            if able.map(|(_, weight)| u64::from(*weight)).sum::<u64>() < u64::from(quorum.threshold) {
                return Err(self.malformed("a view with too few parties that can confirm"));
            }
        }
        Ok(())
    }
}

/// Who hosts the informees of a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosting {
    of: BTreeMap<LfParty, PartyHosting>,
    /// Informees that no active participant hosts. One whose name is no identifier is left out, as in Canton: it cannot
    /// confirm either.
    homeless: Vec<LfParty>,
    /// All participants of the informees, each once: those of the first informee first.
    pub(super) participants: Vec<ParticipantId>,
}

impl Hosting {
    pub(super) fn of(request: &ConfirmationRequest, snapshot: &Snapshot) -> Self {
        let mut hosting = Self::default();
        let mut seen = BTreeSet::new();
        for informee in request.informees() {
            let Ok(party) = PartyId::parse(informee.as_str()) else { continue };
            let Some(hosts) = snapshot.hosting(&party) else {
                hosting.homeless.push(informee.clone());
                continue;
            };
            let new = hosts.participants.keys().filter(|participant| seen.insert((*participant).clone()));
            hosting.participants.extend(new.cloned());
            hosting.of.insert(informee.clone(), hosts);
        }
        hosting
    }

    fn has_confirmer(&self, party: &LfParty) -> bool {
        self.of.get(party).is_some_and(|hosts| hosts.participants.values().any(HostingAttributes::can_confirm))
    }
}
