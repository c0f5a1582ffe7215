//! Participants on a synchronizer (`SynchronizerTrustCertificate`, `ParticipantSynchronizerPermission`).

use synod_crypto::{Hash, InvalidEnumValue};
use synod_proto::protocol::v30;
use synod_types::{CantonTimestamp, Namespace, ParticipantId, SynchronizerId, UniqueIdentifier};

use super::{MappingCode, MappingKind, UniqueKey, parse};
use crate::InvalidMessage;
use crate::number::non_negative_u32;

/// What a participant may do for a party, ordered from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParticipantPermission {
    /// 3: see.
    Observation,
    /// 2: confirm, too.
    Confirmation,
    /// 1: submit, too.
    Submission,
}

impl ParticipantPermission {
    /// The permission of this number.
    ///
    /// # Errors
    /// [`InvalidEnumValue`] when it is 0 or unknown.
    pub const fn from_number(number: i32) -> Result<Self, InvalidEnumValue> {
        match number {
            1 => Ok(Self::Submission),
            2 => Ok(Self::Confirmation),
            3 => Ok(Self::Observation),
            0 => Err(InvalidEnumValue::NotSet { field: "permission" }),
            _ => Err(InvalidEnumValue::Unrecognized { field: "permission", number }),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Submission => 1,
            Self::Confirmation => 2,
            Self::Observation => 3,
        }
    }

    /// Whether it is enough to confirm.
    #[must_use]
    pub const fn can_confirm(self) -> bool {
        matches!(self, Self::Confirmation | Self::Submission)
    }
}

/// A participant joins a synchronizer. Once removed, it never returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynchronizerTrustCertificate {
    /// The participant.
    pub participant: ParticipantId,
    /// The synchronizer.
    pub synchronizer: SynchronizerId,
    /// What it can do: 1 is a relict of protocol version 33, 2 is to work on several synchronizers. Unknown numbers are
    /// kept; never 0.
    pub feature_flags: Vec<i32>,
}

impl SynchronizerTrustCertificate {
    pub(super) fn from_proto(proto: &v30::SynchronizerTrustCertificate) -> Result<Self, InvalidMessage> {
        Ok(Self {
            participant: parse::participant("participant_uid", &proto.participant_uid)?,
            synchronizer: parse::synchronizer(&proto.synchronizer_id)?,
            feature_flags: proto.feature_flags.iter().copied().filter(|flag| *flag != 0).collect(),
        })
    }

    pub(super) fn to_proto(&self) -> v30::SynchronizerTrustCertificate {
        v30::SynchronizerTrustCertificate {
            participant_uid: self.participant.uid().as_str().to_owned(),
            synchronizer_id: self.synchronizer.as_str().to_owned(),
            feature_flags: self.feature_flags.clone(),
        }
    }
}

impl MappingKind for SynchronizerTrustCertificate {
    const CODE: MappingCode = MappingCode::SynchronizerTrustCertificate;

    fn namespace(&self) -> Namespace {
        self.participant.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.participant.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::synchronizer_trust_certificate(&self.participant, &self.synchronizer)
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(&self.synchronizer)
    }
}

/// What a synchronizer lets a participant do. Needed to join a restricted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParticipantSynchronizerPermission {
    /// The synchronizer.
    pub synchronizer: SynchronizerId,
    /// The participant.
    pub participant: ParticipantId,
    /// The most that it may do for any party.
    pub permission: ParticipantPermission,
    /// Confirmation requests per second, below 2³¹. Without effect in Canton 3.5.
    pub confirmation_requests_max_rate: Option<u32>,
    /// When it may log in.
    pub login_after: Option<CantonTimestamp>,
}

impl ParticipantSynchronizerPermission {
    pub(super) fn from_proto(proto: &v30::ParticipantSynchronizerPermission) -> Result<Self, InvalidMessage> {
        let login_after = proto.login_after.map(CantonTimestamp::from_micros).transpose();
        let max_rate = proto.limits.as_ref().map(|limits| limits.confirmation_requests_max_rate);
        Ok(Self {
            synchronizer: parse::synchronizer(&proto.synchronizer_id)?,
            participant: parse::participant("participant_uid", &proto.participant_uid)?,
            permission: ParticipantPermission::from_number(proto.permission)?,
            confirmation_requests_max_rate: max_rate
                .map(|rate| non_negative_u32("confirmation_requests_max_rate", rate))
                .transpose()?,
            login_after: login_after.map_err(|source| InvalidMessage::Timestamp { field: "login_after", source })?,
        })
    }

    pub(super) fn to_proto(&self) -> v30::ParticipantSynchronizerPermission {
        v30::ParticipantSynchronizerPermission {
            synchronizer_id: self.synchronizer.as_str().to_owned(),
            participant_uid: self.participant.uid().as_str().to_owned(),
            permission: self.permission.number(),
            limits: self.confirmation_requests_max_rate.map(|confirmation_requests_max_rate| {
                v30::ParticipantSynchronizerLimits { confirmation_requests_max_rate }
            }),
            login_after: self.login_after.map(CantonTimestamp::as_micros),
        }
    }
}

impl MappingKind for ParticipantSynchronizerPermission {
    const CODE: MappingCode = MappingCode::ParticipantSynchronizerPermission;

    fn namespace(&self) -> Namespace {
        self.participant.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.participant.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::participant_synchronizer_permission(&self.synchronizer, &self.participant)
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(&self.synchronizer)
    }
}
