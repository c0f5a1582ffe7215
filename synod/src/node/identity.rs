//! The identity of a node that makes its own (`init.identity.type = auto`, chapter 05 §1.2).

use bytes::Bytes;
use prost::Message;
use synod_client::{IdentityFault, MemberIdentity, MemberKeys};
use synod_crypto::{InvalidPrivateKey, KeyUsages, SigningKeySpec, SigningPrivateKey};
use synod_proto::crypto::v30::SigningPublicKey as SigningPublicKeyProto;
use synod_store::{PublicKeyRow, Store, StoreError, StoreFault};
use synod_topology::{SignedTopologyTransaction, TopologyChanges, TopologyRow};
use synod_types::{CantonTimestamp, MemberKind, ProtocolVersion, UniqueIdentifier};
use thiserror::Error;

/// The identity cannot be read or made.
#[derive(Debug, Error)]
pub(crate) enum NodeIdentityError {
    /// A key could not be made, or a transaction not be signed.
    #[error("the identity of the node cannot be made")]
    Make(#[from] IdentityFault),
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
    /// A key that a node has is not there.
    #[error("the node `{uid}` has no {name} key in its store")]
    Missing {
        /// The node.
        uid: UniqueIdentifier,
        /// Which key.
        name: &'static str,
    },
}

/// A node's identity, and the transactions of its authorized store.
#[derive(Debug, Clone)]
pub(crate) struct NodeIdentity {
    pub(crate) identity: MemberIdentity,
    pub(crate) authorized: Vec<TopologyRow>,
}

/// Names of the keys (chapter 05 §1.2), behind the name of the node.
const KEYS: [(&str, KeyUsages); 3] = [
    ("namespace", KeyUsages::NAMESPACE),
    ("sequencer-auth", KeyUsages::SEQUENCER_AUTHENTICATION),
    ("signing", KeyUsages::PROTOCOL),
];

impl NodeIdentity {
    /// The identity in the store; a new one, called `name`, when there is none. Making it can be interrupted anywhere:
    /// the identity counts once its name is stored, which comes last.
    pub(crate) async fn open(store: &Store, kind: MemberKind, name: &str) -> Result<Self, NodeIdentityError> {
        if let Some(uid) = store.node_identity().await? {
            return Self::read(store, kind, &uid).await;
        }
        let identity = MemberIdentity::new(kind, name, MemberKeys::generate(kind)?)?;
        let keys = identity.keys();
        for (key, (suffix, _)) in [&keys.namespace, &keys.authentication, &keys.protocol].into_iter().zip(KEYS) {
            let row = PublicKeyRow {
                fingerprint: key.public_key().fingerprint().clone(),
                name: Some(format!("{name}-{suffix}")),
                public_key: key.public_key().to_proto().encode_to_vec().into(),
                owned: true,
            };
            store.put_key_pair(&row, &key.to_pkcs8()).await?;
        }
        let transactions = identity.identity_transactions(ProtocolVersion::V35)?;
        if store.authorized_rows().await?.is_empty() {
            let inserted = transactions.iter().enumerate().map(|(index, signed)| row(index, signed)).collect();
            store.change_authorized(&TopologyChanges { inserted, ..TopologyChanges::default() }).await?;
        }
        store.set_node_identity(identity.member().uid()).await?;
        Self::read(store, kind, identity.member().uid()).await
    }

    async fn read(store: &Store, kind: MemberKind, uid: &UniqueIdentifier) -> Result<Self, NodeIdentityError> {
        let authorized = store.authorized_rows().await?;
        let mut namespace = None;
        let mut authentication = None;
        let mut protocol = None;
        for row in store.public_keys().await?.into_iter().filter(|row| row.owned) {
            let proto = SigningPublicKeyProto::decode(row.public_key.clone())?;
            let Some(der) = store.private_key(&row.fingerprint).await? else { continue };
            let key = private_key(&der, &proto)?;
            let suffix = row.name.as_deref().unwrap_or_default();
            if suffix.ends_with("-namespace") && uid.namespace_str() == row.fingerprint.as_str() {
                namespace = Some(key);
            } else if suffix.ends_with("-sequencer-auth") {
                authentication = Some(key);
            } else if suffix.ends_with("-signing") {
                protocol = Some(key);
            }
        }
        let missing = |name| NodeIdentityError::Missing { uid: uid.clone(), name };
        let keys = MemberKeys {
            namespace: namespace.ok_or_else(|| missing("namespace"))?,
            authentication: authentication.ok_or_else(|| missing("sequencer-auth"))?,
            protocol: protocol.ok_or_else(|| missing("signing"))?,
            encryption: None,
        };
        Ok(Self { identity: MemberIdentity::new(kind, uid.identifier(), keys)?, authorized })
    }
}

fn private_key(der: &[u8], public: &SigningPublicKeyProto) -> Result<SigningPrivateKey, NodeIdentityError> {
    let spec = SigningKeySpec::from_spec_or_scheme(public.key_spec, 0).map_err(InvalidPrivateKey::EnumValue)?;
    let usages = KeyUsages::from_proto(&public.usage).map_err(InvalidPrivateKey::EnumValue)?;
    Ok(SigningPrivateKey::from_pkcs8(der, spec, usages)?)
}

/// A row of the authorized store: in force from now on.
fn row(index: usize, signed: &SignedTopologyTransaction) -> TopologyRow {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let time = CantonTimestamp::EPOCH.saturating_add(now);
    let transaction = signed.transaction();
    let mapping = transaction.mapping();
    let signed_bytes: Bytes = signed.encode(ProtocolVersion::V35);
    TopologyRow {
        id: index as u64,
        sequenced: time,
        valid_from: time,
        valid_until: None,
        batch_index: u32::try_from(index).unwrap_or(u32::MAX),
        signed: signed_bytes,
        is_proposal: false,
        rejection: None,
        tx_hash: *transaction.hash(),
        code: mapping.code(),
        namespace: mapping.namespace(),
        identifier: mapping.uid().map(|uid| uid.identifier().to_owned()),
        unique_key: mapping.unique_key(),
        serial: transaction.serial(),
        operation: transaction.operation(),
    }
}
