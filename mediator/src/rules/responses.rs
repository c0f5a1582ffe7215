//! Whether what a participant answers counts (chapter 04 §3.6, `processResponses`).

use std::collections::BTreeSet;
use std::fmt::Display;

use synod_crypto::{KeyUsages, SignatureVerifier, protocol_message_hash};
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MediatorGroupIndex, MediatorId, ProtocolVersion, Recipient};

use super::alarm::{Alarm, AlarmKind};
use super::opening::SignedResponses;

/// The envelope of responses, and when it came.
pub(super) struct Arrival<'a> {
    pub(super) signed: &'a SignedResponses<'a>,
    /// Time of the event.
    pub(super) time: CantonTimestamp,
    /// Topology time of the event.
    pub(super) topology_timestamp: Option<CantonTimestamp>,
    pub(super) version: ProtocolVersion,
}

impl Arrival<'_> {
    pub(super) fn request_id(&self) -> CantonTimestamp {
        self.signed.responses.request_id
    }

    pub(super) fn alarm(&self, kind: AlarmKind, what: impl Display) -> Alarm {
        let (sender, id) = (&self.signed.responses.sender, self.request_id());
        Alarm::new(kind, format!("response of {sender} to request {id}: {what}"))
    }

    fn malformed(&self, what: impl Display) -> Alarm {
        self.alarm(AlarmKind::MalformedMessage, what)
    }

    fn mediator_groups(&self) -> BTreeSet<MediatorGroupIndex> {
        let group = |recipient: &Recipient| match recipient {
            Recipient::MediatorGroup(group) => Some(*group),
            _ => None,
        };
        self.signed.recipients.iter().filter_map(group).collect()
    }

    /// It answers something that was there before, and is for one mediator group. Canton's mediator does not survive the
    /// contrary of the latter.
    pub(super) fn check_envelope(&self) -> Result<(), Alarm> {
        if self.request_id() > self.time {
            return Err(self.malformed("a request of the future"));
        }
        match self.version {
            ProtocolVersion::V35 | ProtocolVersion::Dev if self.mediator_groups().len() > 1 => {
                Err(self.malformed("several mediator groups among the recipients"))
            }
            ProtocolVersion::V34 | ProtocolVersion::V35 | ProtocolVersion::Dev => Ok(()),
        }
    }

    /// All signatures are the sender's, by the topology at the time of the request.
    pub(super) fn check_signatures(&self, verifier: &SignatureVerifier, snapshot: &Snapshot) -> Result<(), Alarm> {
        let sender = self.signed.responses.sender.member();
        let hash = protocol_message_hash(&self.signed.content);
        for signature in &self.signed.signatures {
            let keys = snapshot.signing_keys_for(&sender, KeyUsages::PROTOCOL);
            let verified = verifier.verify(snapshot.timestamp(), keys, &hash, signature, KeyUsages::PROTOCOL);
            verified.map_err(|error| self.malformed(format_args!("an invalid signature: {error}")))?;
        }
        Ok(())
    }

    /// The deadline itself is in time.
    pub(super) fn check_deadline(&self, deadline: CantonTimestamp) -> Result<(), Alarm> {
        if self.time <= deadline { Ok(()) } else { Err(self.alarm(AlarmKind::Late, "it is too late")) }
    }

    /// Protocol version 34 resolves the group at the time of the request, later ones at the time of the response.
    pub(super) fn check_topology_timestamp(&self) -> Result<(), Alarm> {
        let expected = match self.version {
            ProtocolVersion::V34 => Some(self.request_id()),
            ProtocolVersion::V35 | ProtocolVersion::Dev => None,
        };
        if self.topology_timestamp == expected { Ok(()) } else { Err(self.malformed("a wrong topology timestamp")) }
    }

    /// About a request that is not known. From protocol version 35 on it is nobody's fault when this mediator was in none of
    /// the groups.
    pub(super) fn unknown(&self, mediator: &MediatorId, snapshot: &Snapshot) -> Alarm {
        let is_ours = match self.version {
            ProtocolVersion::V34 => true,
            ProtocolVersion::V35 | ProtocolVersion::Dev => {
                let mut groups = self.mediator_groups().into_iter().filter_map(|group| snapshot.mediator_group(group));
                groups.any(|group| group.active.contains(mediator) || group.passive.contains(mediator))
            }
        };
        self.alarm(if is_ours { AlarmKind::InvalidMessage } else { AlarmKind::NotForUs }, "the request is not known")
    }

    /// It is for the mediators of the request. Others may get it too.
    pub(super) fn check_recipients(&self, group: MediatorGroupIndex) -> Result<(), Alarm> {
        if self.mediator_groups().contains(&group) {
            Ok(())
        } else {
            Err(self.malformed("recipients without the mediators of the request"))
        }
    }
}
