//! The keys of a member (`OwnerToKeyMapping`).

use synod_crypto::{EncryptionPublicKey, Hash, SigningPublicKey};
use synod_proto::protocol::v30;
use synod_types::{Member, Namespace, UniqueIdentifier};

use super::keys::{MAX_KEYS, PublicKey, are_distinct};
use super::{MappingCode, MappingKind, UniqueKey, parse};
use crate::InvalidMessage;
use crate::error::ensure;

/// The keys of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerToKeyMapping {
    member: Member,
    keys: Vec<PublicKey>,
    signing_keys: Box<[SigningPublicKey]>,
}

impl OwnerToKeyMapping {
    /// The keys `keys` of `member`, in this order.
    ///
    /// # Errors
    /// [`InvalidMessage`] when there is none, there are more than 20, or two have the same fingerprint.
    pub fn new(member: Member, keys: Vec<PublicKey>) -> Result<Self, InvalidMessage> {
        if keys.is_empty() {
            return Err(InvalidMessage::FieldNotSet { field: "public_keys" });
        }
        ensure(are_distinct(keys.iter().map(PublicKey::fingerprint)), "a key is listed twice")?;
        ensure(keys.len() <= MAX_KEYS, "more than 20 keys")?;
        let signing_keys = keys
            .iter()
            .filter_map(|key| match key {
                PublicKey::Signing(key) => Some(key.clone()),
                PublicKey::Encryption(_) => None,
            })
            .collect();
        Ok(Self { member, keys, signing_keys })
    }

    /// The member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// All keys, in order: 1 to 20.
    #[must_use]
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    /// The signing keys, in order.
    #[must_use]
    pub fn signing_keys(&self) -> &[SigningPublicKey] {
        &self.signing_keys
    }

    /// The encryption keys, in order.
    pub fn encryption_keys(&self) -> impl Iterator<Item = &EncryptionPublicKey> {
        self.keys.iter().filter_map(|key| match key {
            PublicKey::Encryption(key) => Some(key),
            PublicKey::Signing(_) => None,
        })
    }

    pub(super) fn from_proto(proto: v30::OwnerToKeyMapping) -> Result<Self, InvalidMessage> {
        let member = parse::member(&proto.member)?;
        let keys = proto.public_keys.into_iter().map(PublicKey::from_proto).collect::<Result<_, _>>()?;
        Self::new(member, keys)
    }

    pub(super) fn to_proto(&self) -> v30::OwnerToKeyMapping {
        v30::OwnerToKeyMapping {
            member: self.member.to_string(),
            public_keys: self.keys.iter().map(PublicKey::to_proto).collect(),
        }
    }
}

impl MappingKind for OwnerToKeyMapping {
    const CODE: MappingCode = MappingCode::OwnerToKeyMapping;

    fn namespace(&self) -> Namespace {
        self.member.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.member.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::owner_to_key_mapping(self.member.uid())
    }
}
