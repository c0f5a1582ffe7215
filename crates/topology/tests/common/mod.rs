//! Nodes and owners of a small synchronizer.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_crypto::{
    CryptoKeyFormat, EncryptionKeySpec, EncryptionPublicKey, Hash, HashPurpose, KeyUsages, SigningKeySpec,
    SigningPrivateKey,
};
use synod_topology::build::{self, Founding};
use synod_topology::genesis::Genesis;
use synod_topology::mapping::SynchronizerTrustCertificate;
use synod_topology::{
    DynamicSynchronizerParameters, Mapping, Operation, SignedTopologyTransaction, StaticSynchronizerParameters,
    TopologyTransaction,
};
use synod_types::{
    CantonTimestamp, MediatorGroupIndex, MediatorId, Member, MemberKind, Namespace, ParticipantId, ProtocolVersion,
    SequencerId, SynchronizerId, UniqueIdentifier,
};

pub(crate) const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// An Ed25519 key that follows from a name.
pub(crate) fn key(name: &str, usages: KeyUsages) -> SigningPrivateKey {
    const PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let seed = Hash::digest(HashPurpose::of_id(-1), name.as_bytes());
    let pkcs8 = [&PREFIX[..], seed.as_digest()].concat();
    SigningPrivateKey::from_pkcs8(&pkcs8, SigningKeySpec::EcCurve25519, usages).expect("any seed is a key")
}

pub(crate) fn namespace_of(key: &SigningPrivateKey) -> Namespace {
    Namespace::new(key.public_key().fingerprint().clone())
}

fn encryption_key() -> EncryptionPublicKey {
    const SPKI: &str = "3059301306072a8648ce3d020106082a8648ce3d03010703420004ca7136f9daf09ee6e7c1ed18ff2c934af21672afda3c6ef5\
                        aea319438051aead8c3f9ed43569880a0cd942c6396fdb786b60bf8e72395b3018a47109f1095d27";
    let bytes = (0..SPKI.len()).step_by(2).map(|at| u8::from_str_radix(&SPKI[at..at + 2], 16).expect("hex"));
    let key: Bytes = bytes.collect::<Vec<u8>>().into();
    EncryptionPublicKey::new(CryptoKeyFormat::DerX509Spki, key, EncryptionKeySpec::EcP256).expect("a point")
}

/// A member with a namespace of its own.
pub(crate) struct Node {
    pub(crate) member: Member,
    pub(crate) namespace_key: SigningPrivateKey,
    pub(crate) protocol_key: SigningPrivateKey,
}

impl Node {
    pub(crate) fn new(kind: MemberKind, name: &str) -> Self {
        let namespace_key = key(&format!("{name} namespace"), KeyUsages::NAMESPACE);
        let uid = UniqueIdentifier::new(name, &namespace_of(&namespace_key)).expect("an identifier");
        let protocol_key =
            key(&format!("{name} protocol"), KeyUsages::PROTOCOL.union(KeyUsages::SEQUENCER_AUTHENTICATION));
        Self { member: Member::new(kind, uid), namespace_key, protocol_key }
    }

    pub(crate) fn participant(&self) -> ParticipantId {
        ParticipantId::try_from(self.member.clone()).expect("a participant")
    }

    /// Root certificate and keys.
    pub(crate) fn identity(&self) -> [SignedTopologyTransaction; 2] {
        let root = build::root_certificate(&self.namespace_key, VERSION).expect("a namespace key");
        let encryption_keys = match self.member.kind() {
            MemberKind::Participant => vec![encryption_key()],
            _ => Vec::new(),
        };
        let (member, keys) = (self.member.clone(), [&self.protocol_key]);
        let keys = build::owner_to_key_mapping(member, &self.namespace_key, &keys, &encryption_keys, 1, VERSION);
        [root, keys.expect("a few keys")]
    }

    /// A transaction that its namespace key signs.
    pub(crate) fn sign(
        &self,
        operation: Operation,
        serial: u32,
        mapping: impl Into<Mapping>,
    ) -> SignedTopologyTransaction {
        let transaction = TopologyTransaction::new(operation, serial, mapping, VERSION).expect("a positive serial");
        build::sign(transaction, [&self.namespace_key], false).expect("a namespace key")
    }

    pub(crate) fn certificate(&self, synchronizer: &SynchronizerId, serial: u32) -> SignedTopologyTransaction {
        let certificate = SynchronizerTrustCertificate {
            participant: self.participant(),
            synchronizer: synchronizer.clone(),
            feature_flags: Vec::new(),
        };
        self.sign(Operation::Replace, serial, certificate)
    }

    /// Everything that a participant needs to join.
    pub(crate) fn registration(&self, synchronizer: &SynchronizerId) -> Vec<SignedTopologyTransaction> {
        let [root, keys] = self.identity();
        vec![root, keys, self.certificate(synchronizer, 1)]
    }
}

/// A synchronizer of three owners, two of which sign together; with one sequencer and one mediator.
pub(crate) struct Synchronizer {
    pub(crate) owners: Vec<SigningPrivateKey>,
    pub(crate) founding: Founding,
    pub(crate) sequencer: Node,
    pub(crate) mediator: Node,
}

impl Synchronizer {
    pub(crate) fn new() -> Self {
        let owners: Vec<_> = (1..=3).map(|number| key(&format!("owner {number}"), KeyUsages::NAMESPACE)).collect();
        let namespaces: BTreeSet<Namespace> = owners.iter().map(namespace_of).collect();
        Self {
            founding: Founding::new("da", namespaces, 2, VERSION).expect("a threshold of two"),
            owners,
            sequencer: Node::new(MemberKind::Sequencer, "sequencer"),
            mediator: Node::new(MemberKind::Mediator, "mediator"),
        }
    }

    pub(crate) fn id(&self) -> &SynchronizerId {
        self.founding.synchronizer()
    }

    pub(crate) fn by_owners(&self, transaction: TopologyTransaction, owners: usize) -> SignedTopologyTransaction {
        build::sign(transaction, self.owners.iter().take(owners), false).expect("namespace keys")
    }

    pub(crate) fn parameters(&self, serial: u32, parameters: DynamicSynchronizerParameters) -> TopologyTransaction {
        let first = self.founding.parameters(parameters).expect("parameters");
        TopologyTransaction::new(Operation::Replace, serial, first.mapping().clone(), VERSION)
            .expect("a positive serial")
    }

    /// All transactions of the genesis, in the order of ch. 02 §7.2.
    pub(crate) fn transactions(&self) -> Vec<SignedTopologyTransaction> {
        let sequencer = SequencerId::try_from(self.sequencer.member.clone()).expect("a sequencer");
        let mediator = MediatorId::try_from(self.mediator.member.clone()).expect("a mediator");
        let group = MediatorGroupIndex::new(0).expect("a group");
        let root = |key| build::root_certificate(key, VERSION).expect("a namespace key");
        let mut all: Vec<_> = self.owners.iter().map(root).collect();
        all.extend(self.sequencer.identity());
        all.extend(self.mediator.identity());
        all.push(self.by_owners(self.founding.namespace().expect("a definition"), 3));
        all.push(self.by_owners(self.parameters(1, DynamicSynchronizerParameters::default()), 2));
        all.push(self.by_owners(self.founding.mediators(group, 1, vec![mediator], Vec::new()).expect("a group"), 2));
        all.push(self.by_owners(self.founding.sequencers(1, vec![sequencer], Vec::new()).expect("a group"), 2));
        all
    }

    pub(crate) fn genesis(&self) -> Genesis {
        let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
        Genesis::new(parameters, Genesis::prepare(self.transactions())).expect("a genesis")
    }
}

/// A time this many seconds after the epoch.
pub(crate) fn seconds(seconds: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(seconds * 1_000_000).expect("a time in range")
}
