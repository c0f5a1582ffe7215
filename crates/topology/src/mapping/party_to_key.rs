//! The keys of a party, deprecated (`PartyToKeyMapping`).

use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_types::{Namespace, PartyId, UniqueIdentifier};

use super::keys::{SigningKeysWithThreshold, parse_signing_keys};
use super::{MappingCode, MappingKind, UniqueKey, parse};
use crate::InvalidMessage;

/// The keys of a party. [`PartyToParticipant`](super::PartyToParticipant) can have them too, and comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartyToKeyMapping {
    /// The party.
    pub party: PartyId,
    /// Its keys.
    pub signing_keys: SigningKeysWithThreshold,
}

impl PartyToKeyMapping {
    /// Keys that are listed twice count once.
    pub(super) fn from_proto(proto: v30::PartyToKeyMapping) -> Result<Self, InvalidMessage> {
        let keys = parse_signing_keys(proto.signing_keys)?;
        Ok(Self {
            party: parse::party(&proto.party)?,
            signing_keys: SigningKeysWithThreshold::new(keys.into_iter().collect(), proto.threshold)?,
        })
    }

    pub(super) fn to_proto(&self) -> v30::PartyToKeyMapping {
        v30::PartyToKeyMapping {
            party: self.party.as_str().to_owned(),
            threshold: self.signing_keys.threshold,
            signing_keys: self.signing_keys.keys.iter().map(Into::into).collect(),
        }
    }
}

impl MappingKind for PartyToKeyMapping {
    const CODE: MappingCode = MappingCode::PartyToKeyMapping;

    fn namespace(&self) -> Namespace {
        self.party.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.party.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::party_to_key_mapping(&self.party)
    }
}
