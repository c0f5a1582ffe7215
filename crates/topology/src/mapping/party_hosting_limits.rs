//! Limits of hosting a party (`PartyHostingLimits`).

use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_types::{Namespace, PartyId, SynchronizerId, UniqueIdentifier};

use super::{MappingCode, MappingKind, UniqueKey, parse};
use crate::InvalidMessage;

/// Limits of hosting a party. It has none in Canton 3.5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyHostingLimits {
    /// The synchronizer.
    pub synchronizer: SynchronizerId,
    /// The party.
    pub party: PartyId,
}

impl PartyHostingLimits {
    pub(super) fn from_proto(proto: &v30::PartyHostingLimits) -> Result<Self, InvalidMessage> {
        Ok(Self { synchronizer: parse::synchronizer(&proto.synchronizer_id)?, party: parse::party(&proto.party)? })
    }

    pub(super) fn to_proto(&self) -> v30::PartyHostingLimits {
        v30::PartyHostingLimits {
            synchronizer_id: self.synchronizer.as_str().to_owned(),
            party: self.party.as_str().to_owned(),
        }
    }
}

impl MappingKind for PartyHostingLimits {
    const CODE: MappingCode = MappingCode::PartyHostingLimits;

    fn namespace(&self) -> Namespace {
        self.party.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.party.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::party_hosting_limits(&self.synchronizer, &self.party)
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(&self.synchronizer)
    }
}
