//! Members and their keys (`GrpcTopologyAggregationService.listKeyOwners`, `StoreBasedTopologySnapshot.inspectKeys`).

use synod_proto::topology::admin::v30::list_key_owners_response::Result as Listed;
use synod_topology::mapping::PublicKey;
use synod_topology::{InvalidMessage, Mapping, MappingCode};
use synod_types::MemberKind;

use super::Looked;

/// What says who has which keys.
pub(super) const CODES: &[MappingCode] = &[MappingCode::OwnerToKeyMapping];

/// Which members are listed.
#[derive(Debug)]
pub(super) struct OwnerFilter {
    pub(super) kind: Option<MemberKind>,
    /// Of `identifier::namespace`.
    pub(super) uid_prefix: String,
    /// Of each member the first so many keys. All members are listed, as by Canton, whose limit it is.
    pub(super) max_keys: usize,
}

/// The members whose keys are published, in the order in which these came.
pub(super) fn list(looked: &Looked, filter: &OwnerFilter) -> Result<Vec<Listed>, InvalidMessage> {
    let mut listed = Vec::new();
    for row in looked.in_force() {
        let signed = row.transaction()?;
        let Mapping::OwnerToKeyMapping(keys) = signed.transaction().mapping() else { continue };
        let member = keys.member();
        let is_meant = filter.kind.is_none_or(|kind| kind == member.kind())
            && member.uid().as_str().starts_with(&filter.uid_prefix);
        if !is_meant {
            continue;
        }
        let (mut signing_keys, mut encryption_keys) = (Vec::new(), Vec::new());
        for key in keys.keys().iter().take(filter.max_keys) {
            match key {
                PublicKey::Signing(key) => signing_keys.push(key.to_proto()),
                PublicKey::Encryption(key) => encryption_keys.push(key.to_proto()),
            }
        }
        listed.push(Listed {
            synchronizer_id: looked.psid.logical().to_string(),
            key_owner: member.to_string(),
            signing_keys,
            encryption_keys,
            physical_synchronizer_id: looked.psid.to_string(),
        });
    }
    Ok(listed)
}
