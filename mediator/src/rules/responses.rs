//! Whether what a participant answers counts (chapter 04 §3.6, `processResponses`).

use std::collections::BTreeSet;

use synod_crypto::{KeyUsages, SignatureVerifier, protocol_message_hash};
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, Member, ProtocolVersion, Recipient};

use super::alarm::{Alarm, AlarmKind};
use super::jvm_order::set_order;
use super::opening::SignedResponses;
use super::{RequestView, ResponseAggregation, ViewNumber};
use crate::messages::{ConfirmationResponse, LfParty, LocalVerdictCode};

/// The envelope of responses, and when it came.
pub(super) struct Arrival<'a> {
    pub(super) signed: &'a SignedResponses,
    /// Time of the event.
    pub(super) time: CantonTimestamp,
    /// Topology time of the event.
    pub(super) topology_timestamp: Option<CantonTimestamp>,
    pub(super) version: ProtocolVersion,
}

impl Arrival<'_> {
    fn request_id(&self) -> CantonTimestamp {
        self.signed.responses.request_id
    }

    fn malformed(&self, what: impl std::fmt::Display) -> Alarm {
        let (sender, id) = (&self.signed.responses.sender, self.request_id());
        Alarm::new(AlarmKind::MalformedMessage, format!("response of {sender} to request {id}: {what}"))
    }

    /// The checks that need no topology: of one mediator group, and not before the request.
    pub(super) fn check_envelope(&self) -> Result<(), Alarm> {
        if self.request_id() > self.time {
            return Err(self.malformed("a request of the future"));
        }
        let groups = self.signed.recipients.all_recipients();
        let groups = groups.iter().filter(|recipient| matches!(recipient, Recipient::MediatorGroup(_))).count();
        match self.version {
            ProtocolVersion::V34 => Ok(()),
            ProtocolVersion::V35 | ProtocolVersion::Dev if groups > 1 => {
                Err(self.malformed("several mediator groups among the recipients"))
            }
            ProtocolVersion::V35 | ProtocolVersion::Dev => Ok(()),
        }
    }

    /// All signatures are the sender's, by the topology at the time of the request.
    pub(super) fn check_signatures(&self, verifier: &SignatureVerifier, snapshot: &Snapshot) -> Result<(), Alarm> {
        let sender = Member::from(self.signed.responses.sender.clone());
        let hash = protocol_message_hash(&self.signed.content);
        for signature in &self.signed.signatures {
            let keys = snapshot.signing_keys_for(&sender, KeyUsages::PROTOCOL);
            let verified = verifier.verify(self.request_id(), keys, &hash, signature, KeyUsages::PROTOCOL);
            verified.map_err(|error| self.malformed(error))?;
        }
        Ok(())
    }

    /// Protocol version 34 resolves the group at the time of the request, later ones at the time of the response.
    pub(super) fn check_topology_timestamp(&self) -> Result<(), Alarm> {
        let expected = match self.version {
            ProtocolVersion::V34 => Some(self.request_id()),
            ProtocolVersion::V35 | ProtocolVersion::Dev => None,
        };
        if self.topology_timestamp == expected { Ok(()) } else { Err(self.malformed("a wrong topology timestamp")) }
    }

    /// It is for the mediators of the request. Others may get it too.
    pub(super) fn check_recipients(&self, aggregation: &ResponseAggregation) -> Result<(), Alarm> {
        let mediators = Recipient::MediatorGroup(aggregation.request().mediator_group());
        if self.signed.recipients.iter().any(|recipient| *recipient == mediators) {
            Ok(())
        } else {
            Err(self.malformed("recipients without the mediators of the request"))
        }
    }

    /// The views that a response counts for, with the parties that it counts for in each.
    ///
    /// # Errors
    /// An alarm when it counts for none. Other responses of the message are not touched.
    pub(super) fn votes(
        &self,
        response: &ConfirmationResponse,
        aggregation: &ResponseAggregation,
    ) -> Result<Vec<(ViewNumber, Vec<LfParty>)>, Alarm> {
        let request = aggregation.request();
        if self.signed.responses.root_hash != *request.root_hash() {
            return Err(self.malformed("another root hash"));
        }
        let sender = &self.signed.responses.sender;
        let able = |view: &RequestView| -> Vec<LfParty> {
            let confirmers = view.confirmers().iter();
            set_order(confirmers.filter(|party| aggregation.can_confirm(sender, party)).cloned().collect())
        };
        let Some(position) = &response.view_position else {
            let views = request.views_in_map_order().into_iter().filter_map(|number| request.view(number));
            let votes = views.map(|view| (view.number(), able(view)));
            return Ok(votes.filter(|(_, parties)| !parties.is_empty()).collect());
        };
        let view = request.view_at(position).ok_or_else(|| self.malformed("an unknown view"))?;
        if response.verdict.code() == LocalVerdictCode::Malformed {
            return Ok(vec![(view.number(), able(view))]);
        }
        let confirmers: BTreeSet<_> = view.confirmers().iter().collect();
        let counts = |party: &LfParty| confirmers.contains(party) && aggregation.can_confirm(sender, party);
        if response.confirming_parties.iter().all(counts) {
            Ok(vec![(view.number(), set_order(response.confirming_parties.clone()))])
        } else {
            Err(self.malformed("parties that the sender cannot confirm for"))
        }
    }
}
