//! The participants that host a party (`PartyToParticipant`).

use std::collections::BTreeSet;

use synod_crypto::{Hash, SigningPublicKey};
use synod_proto::crypto::v30 as crypto;
use synod_proto::protocol::v30;
use synod_proto::protocol::v30::party_to_participant as proto;
use synod_types::{Namespace, ParticipantId, PartyId, UniqueIdentifier};

use super::keys::{SigningKeysWithThreshold, are_distinct, parse_signing_keys};
use super::{MappingCode, MappingKind, ParticipantPermission, UniqueKey, parse};
use crate::InvalidMessage;
use crate::error::ensure;
use crate::number::positive_u32;

/// A participant that hosts a party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostingParticipant {
    /// The participant.
    pub participant: ParticipantId,
    /// What it may do for the party.
    pub permission: ParticipantPermission,
    /// Whether it is not ready yet. Until then it does not confirm.
    pub onboarding: bool,
}

impl HostingParticipant {
    /// A participant that is ready.
    #[must_use]
    pub const fn new(participant: ParticipantId, permission: ParticipantPermission) -> Self {
        Self { participant, permission, onboarding: false }
    }

    fn from_proto(proto: &proto::HostingParticipant) -> Result<Self, InvalidMessage> {
        Ok(Self {
            participant: parse::participant("participant_uid", &proto.participant_uid)?,
            permission: ParticipantPermission::from_number(proto.permission)?,
            onboarding: proto.onboarding.is_some(),
        })
    }

    fn to_proto(&self) -> proto::HostingParticipant {
        proto::HostingParticipant {
            participant_uid: self.participant.uid().as_str().to_owned(),
            permission: self.permission.number(),
            onboarding: self.onboarding.then_some(proto::hosting_participant::Onboarding {}),
        }
    }
}

/// The participants that host a party, and the party's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartyToParticipant {
    /// The party.
    pub party: PartyId,
    /// How many of them have to confirm; above zero. May be more than can: then nothing is ever confirmed.
    pub threshold: u32,
    /// The participants, each once.
    pub participants: Vec<HostingParticipant>,
    /// Keys by which the party itself signs.
    pub signing_keys: Option<SigningKeysWithThreshold>,
}

impl PartyToParticipant {
    /// The hosting of `party`. Of a participant that is there several times the one with the highest permission stays
    /// (of these the first), in the place of the first.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the threshold is 0 or above 2³¹ − 1.
    pub fn new(
        party: PartyId,
        threshold: u32,
        participants: Vec<HostingParticipant>,
        signing_keys: Option<SigningKeysWithThreshold>,
    ) -> Result<Self, InvalidMessage> {
        let mut distinct: Vec<HostingParticipant> = Vec::with_capacity(participants.len());
        for next in participants {
            match distinct.iter_mut().find(|found| found.participant == next.participant) {
                Some(found) if next.permission > found.permission => *found = next,
                Some(_) => {}
                None => distinct.push(next),
            }
        }
        Ok(Self { party, threshold: positive_u32("threshold", threshold)?, participants: distinct, signing_keys })
    }

    /// The key of the party's own namespace among its keys: with it the party needs no namespace delegation.
    #[must_use]
    pub fn namespace_key(&self) -> Option<&SigningPublicKey> {
        self.signing_keys
            .as_ref()?
            .keys
            .iter()
            .find(|key| key.fingerprint().as_str() == self.party.uid().namespace_str())
    }

    pub(crate) fn signing_fingerprints(&self) -> BTreeSet<synod_types::Fingerprint> {
        self.signing_keys.as_ref().map(SigningKeysWithThreshold::fingerprints).unwrap_or_default()
    }

    pub(super) fn from_proto(proto: v30::PartyToParticipant) -> Result<Self, InvalidMessage> {
        let participants = proto.participants.iter().map(HostingParticipant::from_proto).collect::<Result<_, _>>()?;
        let signing_keys = proto.party_signing_keys.map(parse_keys).transpose()?;
        Self::new(parse::party(&proto.party)?, proto.threshold, participants, signing_keys)
    }

    pub(super) fn to_proto(&self) -> v30::PartyToParticipant {
        v30::PartyToParticipant {
            party: self.party.as_str().to_owned(),
            threshold: self.threshold,
            participants: self.participants.iter().map(HostingParticipant::to_proto).collect(),
            party_signing_keys: self.signing_keys.as_ref().map(|keys| crypto::SigningKeysWithThreshold {
                keys: keys.keys.iter().map(Into::into).collect(),
                threshold: keys.threshold,
            }),
        }
    }
}

fn parse_keys(proto: crypto::SigningKeysWithThreshold) -> Result<SigningKeysWithThreshold, InvalidMessage> {
    let keys = parse_signing_keys(proto.keys)?;
    ensure(are_distinct(keys.iter().map(SigningPublicKey::fingerprint)), "a signing key is listed twice")?;
    SigningKeysWithThreshold::new(keys.into_iter().collect(), proto.threshold)
}

impl MappingKind for PartyToParticipant {
    const CODE: MappingCode = MappingCode::PartyToParticipant;

    fn namespace(&self) -> Namespace {
        self.party.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.party.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::party_to_participant(&self.party)
    }
}
