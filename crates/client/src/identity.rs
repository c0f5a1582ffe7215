//! Who a member is: its keys, and the topology transactions that prove them (chapter 02 §7.1).

use synod_crypto::{
    CryptoKeyFormat, EncryptionKeySpec, EncryptionPublicKey, InvalidKey, KeyGenerationFault, KeyUsages, SigningKeySpec,
    SigningPrivateKey,
};
use synod_topology::build::{self, BuildError};
use synod_topology::mapping::SynchronizerTrustCertificate;
use synod_topology::{Operation, SignedTopologyTransaction, TopologyTransaction};
use synod_types::{
    InvalidIdentifier, Member, MemberKind, Namespace, ParticipantId, PhysicalSynchronizerId, ProtocolVersion,
    UniqueIdentifier,
};
use thiserror::Error;

use crate::{ClientError, MemberSigner};

/// A member's identity could not be made.
#[derive(Debug, Error)]
pub enum IdentityFault {
    /// The name is no identifier.
    #[error("the name of the member")]
    Name(#[from] InvalidIdentifier),
    /// A key could not be made.
    #[error("a key could not be made")]
    Key(#[from] KeyGenerationFault),
    /// An encryption key could not be made.
    #[error("an encryption key could not be made")]
    EncryptionKey(#[from] InvalidKey),
    /// A transaction could not be made or signed.
    #[error("the topology transactions of the member")]
    Transaction(#[from] BuildError),
}

/// The private keys of a member.
#[derive(Debug, Clone)]
pub struct MemberKeys {
    /// Roots the member's namespace.
    pub namespace: SigningPrivateKey,
    /// Logs the member in.
    pub authentication: SigningPrivateKey,
    /// Signs what the member sends.
    pub protocol: SigningPrivateKey,
    /// For what others send to a participant.
    pub encryption: Option<EncryptionPublicKey>,
}

/// A member with its keys.
#[derive(Debug, Clone)]
pub struct MemberIdentity {
    signer: MemberSigner,
    keys: MemberKeys,
}

impl MemberKeys {
    /// New keys (Ed25519) for a member of this kind.
    ///
    /// # Errors
    /// [`IdentityFault`] when there are no random numbers.
    pub fn generate(kind: MemberKind) -> Result<Self, IdentityFault> {
        let key = |usages| SigningPrivateKey::generate(SigningKeySpec::EcCurve25519, usages);
        let encryption = match kind {
            MemberKind::Participant => Some(encryption_key()?),
            MemberKind::Mediator | MemberKind::Sequencer => None,
        };
        Ok(Self {
            namespace: key(KeyUsages::NAMESPACE)?,
            authentication: key(KeyUsages::SEQUENCER_AUTHENTICATION)?,
            protocol: key(KeyUsages::PROTOCOL)?,
            encryption,
        })
    }
}

/// The public key of a pair whose private key nobody keeps: our participants never decrypt.
fn encryption_key() -> Result<EncryptionPublicKey, IdentityFault> {
    let pair = SigningPrivateKey::generate(SigningKeySpec::EcP256, KeyUsages::PROTOCOL)?;
    let spki = pair.public_key().key_bytes().clone();
    Ok(EncryptionPublicKey::new(CryptoKeyFormat::DerX509Spki, spki, EncryptionKeySpec::EcP256)?)
}

impl MemberIdentity {
    /// A member called `name` in the namespace of its keys.
    ///
    /// # Errors
    /// [`IdentityFault::Name`].
    pub fn new(kind: MemberKind, name: &str, keys: MemberKeys) -> Result<Self, IdentityFault> {
        let namespace = Namespace::new(keys.namespace.public_key().fingerprint().clone());
        let member = Member::new(kind, UniqueIdentifier::new(name, &namespace)?);
        Ok(Self { signer: MemberSigner::of_keys(member, &keys), keys })
    }

    /// A new participant.
    ///
    /// # Errors
    /// [`ClientError::Identity`].
    pub fn fresh_participant(name: &str) -> Result<Self, ClientError> {
        let fresh = || Self::new(MemberKind::Participant, name, MemberKeys::generate(MemberKind::Participant)?);
        fresh().map_err(ClientError::Identity)
    }

    /// The member.
    #[must_use]
    pub const fn member(&self) -> &Member {
        self.signer.member()
    }

    /// The keys that it logs in and signs with while it runs: those of [`Self::keys`], and what was added since.
    #[must_use]
    pub const fn signer(&self) -> &MemberSigner {
        &self.signer
    }

    /// Its keys at the beginning.
    #[must_use]
    pub const fn keys(&self) -> &MemberKeys {
        &self.keys
    }

    /// The transactions that root the member's namespace and list its keys.
    ///
    /// # Errors
    /// [`IdentityFault`].
    pub fn identity_transactions(
        &self,
        version: ProtocolVersion,
    ) -> Result<[SignedTopologyTransaction; 2], IdentityFault> {
        let MemberKeys { namespace, authentication, protocol, encryption } = &self.keys;
        let (member, keys) = (self.member().clone(), [authentication, protocol]);
        let keys = build::owner_to_key_mapping(member, namespace, &keys, encryption.as_slice(), 1, version)?;
        Ok([build::root_certificate(namespace, version)?, keys])
    }

    /// What a participant registers itself with: its identity and its trust in the synchronizer.
    ///
    /// # Errors
    /// [`IdentityFault`].
    pub fn onboarding_transactions(
        &self,
        psid: &PhysicalSynchronizerId,
    ) -> Result<Vec<SignedTopologyTransaction>, IdentityFault> {
        let version = psid.protocol_version();
        let certificate = SynchronizerTrustCertificate {
            participant: ParticipantId::new(self.member().uid().clone()),
            synchronizer: psid.logical().clone(),
            feature_flags: Vec::new(),
        };
        let certificate = TopologyTransaction::new(Operation::Replace, 1, certificate, version);
        let certificate = build::sign(certificate.map_err(BuildError::from)?, [&self.keys.namespace], false)?;
        Ok(self.identity_transactions(version)?.into_iter().chain([certificate]).collect())
    }
}
