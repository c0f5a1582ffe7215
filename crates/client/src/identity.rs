//! Who a member is: its keys, and the topology transactions that prove them (chapter 02 §7.1).

use synod_crypto::{
    CryptoKeyFormat, EncryptionKeySpec, EncryptionPublicKey, InvalidKey, KeyGenerationFault, KeyUsages, SigningError,
    SigningKeySpec, SigningPrivateKey,
};
use synod_topology::mapping::{NamespaceDelegation, OwnerToKeyMapping, PublicKey, SynchronizerTrustCertificate};
use synod_topology::{
    InvalidMessage, Mapping, Operation, SignedTopologyTransaction, TopologySignature, TopologyTransaction,
};
use synod_types::{
    InvalidIdentifier, Member, MemberKind, Namespace, ParticipantId, PhysicalSynchronizerId, ProtocolVersion,
    UniqueIdentifier,
};
use thiserror::Error;

use crate::ClientError;

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
    /// A transaction could not be made.
    #[error("a topology transaction could not be made")]
    Transaction(#[from] InvalidMessage),
    /// A transaction could not be signed.
    #[error("a topology transaction could not be signed")]
    Sign(#[from] SigningError),
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
    member: Member,
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
        Ok(Self { member: Member::new(kind, UniqueIdentifier::new(name, &namespace)?), keys })
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
        &self.member
    }

    /// Its keys.
    #[must_use]
    pub const fn keys(&self) -> &MemberKeys {
        &self.keys
    }

    pub(crate) fn authentication_keys(&self) -> impl Iterator<Item = &SigningPrivateKey> {
        [&self.keys.authentication].into_iter()
    }

    pub(crate) const fn protocol_key(&self) -> &SigningPrivateKey {
        &self.keys.protocol
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
        let root = NamespaceDelegation::root(namespace.public_key().clone())?;
        let mut listed = vec![
            PublicKey::Signing(authentication.public_key().clone()),
            PublicKey::Signing(protocol.public_key().clone()),
        ];
        listed.extend(encryption.clone().map(PublicKey::Encryption));
        let keys = OwnerToKeyMapping::new(self.member.clone(), listed)?;
        let signers = [
            (namespace, KeyUsages::NAMESPACE),
            (authentication, KeyUsages::PROOF_OF_OWNERSHIP),
            (protocol, KeyUsages::PROOF_OF_OWNERSHIP),
        ];
        Ok([sign_mapping(root, version, &[(namespace, KeyUsages::NAMESPACE)])?, sign_mapping(keys, version, &signers)?])
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
            participant: ParticipantId::new(self.member.uid().clone()),
            synchronizer: psid.logical().clone(),
            feature_flags: Vec::new(),
        };
        let certificate = sign_mapping(certificate, version, &[(&self.keys.namespace, KeyUsages::NAMESPACE)])?;
        Ok(self.identity_transactions(version)?.into_iter().chain([certificate]).collect())
    }
}

/// The first transaction of a mapping, signed by these keys, each under the usage given.
///
/// # Errors
/// [`IdentityFault`].
pub fn sign_mapping(
    mapping: impl Into<Mapping>,
    version: ProtocolVersion,
    signers: &[(&SigningPrivateKey, KeyUsages)],
) -> Result<SignedTopologyTransaction, IdentityFault> {
    let transaction = TopologyTransaction::new(Operation::Replace, 1, mapping, version)?;
    let signatures: Result<Vec<TopologySignature>, SigningError> = signers
        .iter()
        .map(|(key, usages)| key.sign(transaction.hash(), *usages).map(TopologySignature::single))
        .collect();
    Ok(SignedTopologyTransaction::new(transaction, signatures?, false)?)
}
