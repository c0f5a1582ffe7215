//! Which keys a list call means (`GrpcVaultService.listPublicKeys`).

use prost::Message;
use synod_crypto::{KeyUsages, SigningPublicKey};
use synod_proto::crypto::admin::v30::ListKeysFilters;
use synod_proto::crypto::v30 as crypto;
use synod_proto::crypto::v30::KeyPurpose;
use synod_store::PublicKeyRow;
use synod_types::Fingerprint;

use super::VaultFault;
use crate::errors::{AdminError, fault, malformed};

/// Checked filters: what is empty matches all.
#[derive(Debug)]
pub(super) struct KeyFilter {
    fingerprint: Option<Fingerprint>,
    name: String,
    /// All keys here are for signing.
    signing: bool,
    usage: Option<KeyUsages>,
}

impl KeyFilter {
    /// Reads the filters of a call.
    pub(super) fn parse(filters: Option<ListKeysFilters>) -> Result<Self, AdminError> {
        let filters = filters.unwrap_or_default();
        let mut purposes = Vec::with_capacity(filters.purpose.len());
        for number in &filters.purpose {
            match KeyPurpose::try_from(*number) {
                Ok(KeyPurpose::Unspecified) | Err(_) => {
                    return Err(malformed(format!("field `purpose` cannot be {number}")));
                }
                Ok(purpose) => purposes.push(purpose),
            }
        }
        if purposes.contains(&KeyPurpose::Encryption) && !filters.usage.is_empty() {
            return Err(malformed("Cannot specify a usage when listing encryption keys"));
        }
        let fingerprint = (!filters.fingerprint.is_empty()).then(|| Fingerprint::parse(&filters.fingerprint));
        let usage = (!filters.usage.is_empty()).then(|| KeyUsages::from_proto(&filters.usage));
        Ok(Self {
            fingerprint: fingerprint.transpose().map_err(malformed)?,
            name: filters.name,
            signing: purposes.is_empty() || purposes.contains(&KeyPurpose::Signing),
            usage: usage.transpose().map_err(malformed)?,
        })
    }

    /// The key as it is listed, if it is meant.
    pub(super) fn listed(&self, row: &PublicKeyRow) -> Result<Option<crypto::PublicKeyWithName>, AdminError> {
        let broken = |source: Box<dyn std::error::Error + Send + Sync>| {
            fault(&VaultFault::Key { fingerprint: row.fingerprint.clone(), source })
        };
        let proto = crypto::SigningPublicKey::decode(row.public_key.clone()).map_err(|error| broken(error.into()))?;
        let key = SigningPublicKey::from_proto(proto.clone()).map_err(|error| broken(error.into()))?;
        let name = row.name.clone().unwrap_or_default();
        let is_meant = self.signing
            && self.fingerprint.as_ref().is_none_or(|fingerprint| *fingerprint == row.fingerprint)
            && name.contains(&self.name)
            && self.usage.is_none_or(|usage| key.usages().matches(usage));
        let public_key = crypto::PublicKey { key: Some(crypto::public_key::Key::SigningPublicKey(proto)) };
        Ok(is_meant.then_some(crypto::PublicKeyWithName { public_key: Some(public_key), name }))
    }
}
