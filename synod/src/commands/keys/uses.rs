//! Where the topology uses the keys of a node.

use std::collections::BTreeMap;

use synod_topology::genesis::StoredTransaction;
use synod_topology::mapping::PublicKey;
use synod_topology::{Mapping, MappingCode};
use synod_types::Fingerprint;

use crate::admin_client::{AdminCallError, TopologyQuery, TopologyStore};
use crate::cli::StoreArg;
use crate::commands::failure::Failure;
use crate::commands::targets::Target;

/// A mapping that names a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) store: String,
    pub(super) code: &'static str,
    pub(super) serial: u32,
}

/// Keys and what names them.
pub(super) type Uses = BTreeMap<Fingerprint, Vec<Use>>;

const CODES: [MappingCode; 2] = [MappingCode::NamespaceDelegation, MappingCode::OwnerToKeyMapping];

/// What names keys in the node's own store, and in that of its synchronizer when it is part of one.
pub(super) async fn uses(target: &Target) -> Result<Uses, Failure> {
    let mut stores = vec![TopologyStore::Authorized];
    match target.node.synchronizer(target.kind).await {
        Ok(psid) => stores.push(TopologyStore::Synchronizer(psid)),
        Err(AdminCallError::NoSynchronizer(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let mut uses = Uses::new();
    for store in stores {
        let query = TopologyQuery { codes: CODES.to_vec(), ..TopologyQuery::of(store.clone()) };
        for stored in target.node.transactions(&query).await? {
            add(&mut uses, &store.to_string(), &stored);
        }
    }
    Ok(uses)
}

fn add(uses: &mut Uses, store: &str, stored: &StoredTransaction) {
    let content = stored.transaction.transaction();
    let named: Vec<&Fingerprint> = match content.mapping() {
        Mapping::NamespaceDelegation(delegation) => vec![delegation.target.fingerprint()],
        Mapping::OwnerToKeyMapping(mapping) => mapping.keys().iter().map(PublicKey::fingerprint).collect(),
        _ => Vec::new(),
    };
    for fingerprint in named {
        let code = content.mapping().code().short_code();
        let found = Use { store: store.to_owned(), code, serial: content.serial() };
        uses.entry(fingerprint.clone()).or_default().push(found);
    }
}

/// The keys of a member in the node's own store, with their serial (`owner_to_key_mappings.list` of the Console).
pub(super) async fn own_mapping(target: &Target) -> Result<StoredTransaction, Failure> {
    let uid = target.node.uid().await?;
    let query = TopologyQuery::of(TopologyStore::Authorized).kind(MappingCode::OwnerToKeyMapping);
    let found = target.node.transactions(&query).await?.into_iter().find(|stored| {
        let mapping = stored.transaction.transaction().mapping();
        matches!(mapping, Mapping::OwnerToKeyMapping(mapping) if *mapping.member().uid() == uid)
    });
    found.ok_or_else(|| {
        Failure::negative(format!("{} has not said yet which keys it has", target.node.name))
            .help(format!("`synod topology list --store {}` shows what it has said", StoreArg::AUTHORIZED))
    })
}
