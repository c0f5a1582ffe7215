//! Members with keys.

use synod_crypto::{
    CryptoKeyFormat, EncryptionKeySpec, EncryptionPublicKey, Hash, HashPurpose, KeyUsages, Signature, SigningKeySpec,
    SigningPrivateKey,
};
use synod_topology::build;
use synod_topology::mapping::Mapping;
use synod_topology::{Operation, SignedTopologyTransaction, TopologyTransaction};
use synod_types::{Member, MemberKind, Namespace, ProtocolVersion, UniqueIdentifier};

/// An Ed25519 key that follows from a name.
pub type TestKey = SigningPrivateKey;

/// What stands before the seed of an Ed25519 key in PKCS #8.
const ED25519_PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The key of this name for these usages.
///
/// # Panics
/// When the usages are invalid for a key.
#[must_use]
pub fn key(name: &str, usages: KeyUsages) -> TestKey {
    let seed = Hash::digest(HashPurpose::of_id(-1), name.as_bytes());
    let pkcs8 = [&ED25519_PKCS8_PREFIX[..], seed.as_digest()].concat();
    SigningPrivateKey::from_pkcs8(&pkcs8, SigningKeySpec::EcCurve25519, usages).expect("any seed is a key")
}

/// Participants have to have an encryption key. Nothing is encrypted for it: all have this one, a P-256 key.
fn encryption_key() -> EncryptionPublicKey {
    const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004ca7136f9daf09ee6e7c1ed18ff2c934af21672afda3c6ef5\
                        aea319438051aead8c3f9ed43569880a0cd942c6396fdb786b60bf8e72395b3018a47109f1095d27";
    let key = hex::decode(SPKI).expect("hex").into();
    EncryptionPublicKey::new(CryptoKeyFormat::DerX509Spki, key, EncryptionKeySpec::EcP256)
        .expect("a point on the curve")
}

/// A node of a synchronizer: a namespace of its own, and keys to log in and to sign with.
#[derive(Debug, Clone)]
pub struct TestMember {
    member: Member,
    namespace_key: TestKey,
    authentication_key: TestKey,
    protocol_key: TestKey,
}

impl TestMember {
    /// The member of this kind and name.
    ///
    /// # Panics
    /// When the name is none.
    #[must_use]
    pub fn new(kind: MemberKind, name: &str) -> Self {
        let full = format!("{} {name}", kind.code());
        let namespace_key = key(&format!("{full} namespace"), KeyUsages::NAMESPACE);
        let namespace = Namespace::new(namespace_key.public_key().fingerprint().clone());
        let uid = UniqueIdentifier::new(name, &namespace).expect("a test's name is an identifier");
        Self {
            member: Member::new(kind, uid),
            namespace_key,
            authentication_key: key(&format!("{full} authentication"), KeyUsages::SEQUENCER_AUTHENTICATION),
            protocol_key: key(&format!("{full} protocol"), KeyUsages::PROTOCOL),
        }
    }

    /// The member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        &self.member
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        self.member.uid().namespace()
    }

    /// The key that it signs requests, envelopes and events with.
    #[must_use]
    pub const fn protocol_key(&self) -> &TestKey {
        &self.protocol_key
    }

    /// The same member with another protocol key, which follows from `name`.
    #[must_use]
    pub fn with_protocol_key(&self, name: &str) -> Self {
        Self { protocol_key: key(name, KeyUsages::PROTOCOL), ..self.clone() }
    }

    /// Signs with its protocol key.
    ///
    /// # Panics
    /// Never: the key is for this.
    #[must_use]
    pub fn sign(&self, hash: &Hash) -> Signature {
        self.protocol_key.sign(hash, KeyUsages::PROTOCOL).expect("the key is for protocol messages")
    }

    /// The root certificate of its namespace.
    ///
    /// # Panics
    /// Never: the transaction is well formed.
    #[must_use]
    pub fn root(&self) -> SignedTopologyTransaction {
        build::root_certificate(&self.namespace_key, ProtocolVersion::V35).expect("a namespace key")
    }

    /// The mapping of this member to its keys, with this serial.
    ///
    /// # Panics
    /// Never: the transaction is well formed.
    #[must_use]
    pub fn owner_to_key(&self, serial: u32) -> SignedTopologyTransaction {
        let encryption = match self.member.kind() {
            MemberKind::Participant => vec![encryption_key()],
            MemberKind::Mediator | MemberKind::Sequencer => Vec::new(),
        };
        let (member, keys) = (self.member.clone(), [&self.authentication_key, &self.protocol_key]);
        let version = ProtocolVersion::V35;
        build::owner_to_key_mapping(member, &self.namespace_key, &keys, &encryption, serial, version)
            .expect("a few keys")
    }

    /// A transaction that its namespace key signs.
    ///
    /// # Panics
    /// When the serial is not positive.
    #[must_use]
    pub fn transaction(&self, operation: Operation, serial: u32, mapping: Mapping) -> SignedTopologyTransaction {
        let unsigned = TopologyTransaction::new(operation, serial, mapping, ProtocolVersion::V35);
        build::sign(unsigned.expect("a positive serial"), [&self.namespace_key], false).expect("a namespace key")
    }
}
