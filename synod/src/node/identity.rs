//! The identity of a node that makes its own (`init.identity.type = auto`, chapter 05 §1.2).

use prost::Message;
use synod_client::{IdentityFault, KeyRing, MemberIdentity, MemberKeys, MemberSigner};
use synod_crypto::{InvalidPrivateKey, KeyGenerationFault, KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_proto::crypto::v30::SigningPublicKey as SigningPublicKeyProto;
use synod_store::{PublicKeyRow, Store, StoreError, StoreFault};
use synod_topology::genesis::StoredTransaction;
use synod_topology::{TopologyChanges, TopologyRow};
use synod_types::{CantonTimestamp, Member, MemberKind, ProtocolVersion, UniqueIdentifier};
use thiserror::Error;

/// The identity cannot be read or made.
#[derive(Debug, Error)]
pub(crate) enum NodeIdentityError {
    /// A key could not be made, or a transaction not be signed.
    #[error("the identity of the node cannot be made")]
    Make(#[from] IdentityFault),
    /// A key could not be made.
    #[error("a key of the node cannot be made")]
    Generate(#[from] KeyGenerationFault),
    /// The store failed.
    #[error("the identity of the node cannot be read or stored")]
    Store(#[from] StoreFault),
    /// The store refused.
    #[error("the identity of the node cannot be stored")]
    Refused(#[from] StoreError),
    /// A stored key is broken.
    #[error("a stored key of the node is broken")]
    Key(#[from] InvalidPrivateKey),
    /// A stored public key is broken.
    #[error("a stored key of the node is broken")]
    PublicKey(#[from] prost::DecodeError),
    /// The node has no identity.
    #[error("the node has no identity yet")]
    NoIdentity,
    /// The node cannot sign events.
    #[error("the node has no key to sign events with in its store")]
    NoProtocolKey,
    /// A stored key cannot be read.
    #[error("a stored key of the node cannot be read")]
    Vault(#[from] synod_node_admin::VaultFault),
    /// A key that a node has is not there.
    #[error("the node `{uid}` has no {name} key in its store")]
    Missing {
        /// The node.
        uid: UniqueIdentifier,
        /// Which key.
        name: &'static str,
    },
}

/// A node's identity. Its transactions are in the authorized store.
#[derive(Debug, Clone)]
pub(crate) struct NodeIdentity {
    pub(crate) identity: MemberIdentity,
}

/// A key that a node has: what its name ends with behind the name of the node, and what it is for (chapter 05 §1.2).
type KeyRole = (&'static str, KeyUsages);

const NAMESPACE: KeyRole = ("namespace", KeyUsages::NAMESPACE);
const AUTHENTICATION: KeyRole = ("sequencer-auth", KeyUsages::SEQUENCER_AUTHENTICATION);
const PROTOCOL: KeyRole = ("signing", KeyUsages::PROTOCOL);

impl NodeIdentity {
    /// The identity in the store; a new one, called `name`, when there is none. Making it can be interrupted anywhere:
    /// a key that is there already is used, and the transactions follow from the keys. `now` is the time of a new
    /// transaction. The caller has to be the only writer of the store.
    pub(crate) async fn open(
        store: &Store,
        kind: MemberKind,
        name: &str,
        now: CantonTimestamp,
    ) -> Result<Self, NodeIdentityError> {
        let identity = match store.node_identity().await? {
            Some(uid) => Self::read(store, kind, &uid).await?,
            None => Self::make(store, kind, name).await?,
        };
        if store.authorized_rows().await?.is_empty() {
            let changes = TopologyChanges { inserted: rows(&identity, now)?, ..TopologyChanges::default() };
            store.change_authorized(&changes).await?;
        }
        Ok(Self { identity })
    }

    async fn read(
        store: &Store,
        kind: MemberKind,
        uid: &UniqueIdentifier,
    ) -> Result<MemberIdentity, NodeIdentityError> {
        let missing = |role: KeyRole| NodeIdentityError::Missing { uid: uid.clone(), name: role.0 };
        let mut keys = [NAMESPACE, AUTHENTICATION, PROTOCOL].map(|role| (role, None));
        for (role, key) in &mut keys {
            *key = stored_key(store, uid.identifier(), *role).await?;
        }
        let [namespace, authentication, protocol] = keys.map(|(role, key)| key.ok_or_else(|| missing(role)));
        let keys = MemberKeys {
            namespace: namespace?,
            authentication: authentication?,
            protocol: protocol?,
            encryption: None,
        };
        let identity = MemberIdentity::new(kind, uid.identifier(), keys)?;
        if identity.member() == &Member::new(kind, uid.clone()) { Ok(identity) } else { Err(missing(NAMESPACE)) }
    }

    async fn make(store: &Store, kind: MemberKind, name: &str) -> Result<MemberIdentity, NodeIdentityError> {
        let keys = MemberKeys {
            namespace: stored_or_new_key(store, name, NAMESPACE).await?,
            authentication: stored_or_new_key(store, name, AUTHENTICATION).await?,
            protocol: stored_or_new_key(store, name, PROTOCOL).await?,
            encryption: None,
        };
        let identity = MemberIdentity::new(kind, name, keys)?;
        store.set_node_identity(identity.member().uid()).await?;
        Ok(identity)
    }
}

/// The node has a key of its own that may sign events. Which one signs is up to the topology.
pub(crate) async fn check_protocol_key(store: &Store) -> Result<(), NodeIdentityError> {
    let vault = synod_node_admin::Vault::new(store.clone());
    for fingerprint in vault.own_fingerprints().await? {
        let key = vault.signing_key(&fingerprint).await?;
        if key.is_some_and(|key| key.public_key().usages().allows(KeyUsages::PROTOCOL)) {
            return Ok(());
        }
    }
    Err(NodeIdentityError::NoProtocolKey)
}

/// The node as a member, with all its own keys. Which of them signs is up to the topology.
pub(crate) async fn signer(store: &Store, kind: MemberKind) -> Result<MemberSigner, NodeIdentityError> {
    let uid = store.node_identity().await?.ok_or(NodeIdentityError::NoIdentity)?;
    let vault = synod_node_admin::Vault::new(store.clone());
    let keys = KeyRing::default();
    for fingerprint in vault.own_fingerprints().await? {
        if let Some(key) = vault.signing_key(&fingerprint).await? {
            keys.add(key);
        }
    }
    Ok(MemberSigner::new(Member::new(kind, uid), keys))
}

fn key_name(name: &str, (suffix, _): KeyRole) -> String {
    format!("{name}-{suffix}")
}

async fn stored_or_new_key(store: &Store, name: &str, role: KeyRole) -> Result<SigningPrivateKey, NodeIdentityError> {
    if let Some(key) = stored_key(store, name, role).await? {
        return Ok(key);
    }
    let key = SigningPrivateKey::generate(SigningKeySpec::EcCurve25519, role.1)?;
    let row = PublicKeyRow {
        fingerprint: key.public_key().fingerprint().clone(),
        name: Some(key_name(name, role)),
        public_key: key.public_key().to_proto().encode_to_vec().into(),
        owned: true,
    };
    store.put_key_pair(&row, &key.to_pkcs8()).await?;
    Ok(key)
}

async fn stored_key(store: &Store, name: &str, role: KeyRole) -> Result<Option<SigningPrivateKey>, NodeIdentityError> {
    let name = key_name(name, role);
    let named = |row: &PublicKeyRow| row.owned && row.name.as_deref() == Some(name.as_str());
    let Some(row) = store.public_keys().await?.into_iter().find(named) else { return Ok(None) };
    let Some(der) = store.private_key(&row.fingerprint).await? else { return Ok(None) };
    let public = SigningPublicKeyProto::decode(row.public_key)?;
    let spec = SigningKeySpec::from_spec_or_scheme(public.key_spec, 0).map_err(InvalidPrivateKey::EnumValue)?;
    let usages = KeyUsages::from_proto(&public.usage).map_err(InvalidPrivateKey::EnumValue)?;
    Ok(Some(SigningPrivateKey::from_pkcs8(&der, spec, usages)?))
}

/// The rows of the authorized store, in force from `now` on.
fn rows(identity: &MemberIdentity, now: CantonTimestamp) -> Result<Vec<TopologyRow>, IdentityFault> {
    let transactions = identity.identity_transactions(ProtocolVersion::V35)?;
    let stored = |transaction| StoredTransaction {
        sequenced: now,
        valid_from: now,
        valid_until: None,
        transaction,
        rejection: None,
    };
    let numbered = (0_u32..).zip(transactions);
    Ok(numbered.map(|(index, one)| stored(one).into_row(index.into(), index, ProtocolVersion::V35)).collect())
}

#[cfg(test)]
mod tests {
    use synod_store::StoreConfig;
    use tempfile::TempDir;

    use super::*;

    const NOW: CantonTimestamp = CantonTimestamp::EPOCH;

    async fn store(dir: &TempDir) -> Store {
        let url = format!("sqlite://{}", dir.path().join("node.db").display());
        Store::open(&StoreConfig::new(url)).await.expect("opens")
    }

    async fn open(store: &Store) -> NodeIdentity {
        NodeIdentity::open(store, MemberKind::Sequencer, "sequencer1", NOW).await.expect("an identity")
    }

    fn fingerprints(identity: &MemberIdentity) -> [String; 3] {
        let keys = identity.keys();
        [&keys.namespace, &keys.authentication, &keys.protocol]
            .map(|key| key.public_key().fingerprint().as_str().to_owned())
    }

    #[tokio::test]
    async fn a_node_stays_who_it_is_under_another_name() {
        let dir = TempDir::new().expect("a directory");
        let store = store(&dir).await;
        let first = open(&store).await;
        let authorized = store.authorized_rows().await.expect("reads");
        let again = NodeIdentity::open(&store, MemberKind::Sequencer, "other", NOW).await.expect("an identity");
        assert_eq!(first.identity.member(), again.identity.member());
        assert_eq!(fingerprints(&first.identity), fingerprints(&again.identity));
        assert_eq!(store.authorized_rows().await.expect("reads"), authorized);
        assert_eq!(authorized.len(), 2);
    }

    #[tokio::test]
    async fn making_an_identity_continues_where_it_was_interrupted() {
        let dir = TempDir::new().expect("a directory");
        let store = store(&dir).await;
        // Interrupted after the second key.
        let namespace = stored_or_new_key(&store, "sequencer1", NAMESPACE).await.expect("a key");
        let authentication = stored_or_new_key(&store, "sequencer1", AUTHENTICATION).await.expect("a key");
        // Interrupted before the transactions.
        let made = NodeIdentity::make(&store, MemberKind::Sequencer, "sequencer1").await.expect("an identity");
        let opened = open(&store).await;
        assert_eq!(fingerprints(&made), fingerprints(&opened.identity));
        let first_two = [namespace, authentication].map(|key| key.public_key().fingerprint().as_str().to_owned());
        assert_eq!(fingerprints(&made)[..2], first_two);
        assert_eq!(store.public_keys().await.expect("reads").len(), 3);
        let expected: Vec<_> = rows(&made, NOW).expect("rows").into_iter().map(|row| row.tx_hash).collect();
        let authorized = store.authorized_rows().await.expect("reads");
        assert_eq!(authorized.iter().map(|row| row.tx_hash).collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn a_node_without_its_key_does_not_start_as_somebody_else() {
        let dir = TempDir::new().expect("a directory");
        let store = store(&dir).await;
        let opened = open(&store).await;
        store.delete_key_pair(opened.identity.keys().protocol.public_key().fingerprint()).await.expect("deletes");
        let failed = NodeIdentity::open(&store, MemberKind::Sequencer, "sequencer1", NOW).await;
        assert!(matches!(failed, Err(NodeIdentityError::Missing { name: "signing", .. })), "{failed:?}");
    }
}
