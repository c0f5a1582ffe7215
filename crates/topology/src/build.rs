//! Making and signing topology transactions: what a node says about itself, and what the owners of a synchronizer begin
//! with (ch. 02 §7.1 and §7.2).

use std::collections::BTreeSet;

use synod_crypto::{EncryptionPublicKey, Hash, KeyUsages, SigningError, SigningPrivateKey, multi_transaction_hash};
use synod_types::{
    Fingerprint, MediatorGroupIndex, MediatorId, Member, Namespace, ProtocolVersion, SequencerId, SynchronizerId,
};
use thiserror::Error;

use crate::mapping::{
    DecentralizedNamespaceDefinition, MediatorSynchronizerState, NamespaceDelegation, OwnerToKeyMapping, PublicKey,
    SequencerSynchronizerState, SynchronizerParametersState,
};
use crate::{
    DynamicSynchronizerParameters, InvalidMessage, Mapping, Operation, SignedTopologyTransaction, TopologySignature,
    TopologyTransaction,
};

/// A transaction cannot be made or signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BuildError {
    /// The parts do not make a transaction.
    #[error("the topology transaction is not valid")]
    Transaction(#[from] InvalidMessage),
    /// A key does not sign.
    #[error("the topology transaction cannot be signed")]
    Signing(#[from] SigningError),
    /// The name of the synchronizer is no identifier.
    #[error("the name of the synchronizer is not valid")]
    Name(#[from] synod_types::InvalidIdentifier),
}

/// What a key has to be for to sign this mapping: keys that it lists prove that their owner has them, all others sign for
/// a namespace.
#[must_use]
pub fn required_usages(mapping: &Mapping, key: &Fingerprint) -> KeyUsages {
    if mapping.proves_ownership(key) { KeyUsages::PROOF_OF_OWNERSHIP } else { KeyUsages::NAMESPACE }
}

fn signature(
    transaction: &TopologyTransaction,
    hash: &Hash,
    key: &SigningPrivateKey,
) -> Result<synod_crypto::Signature, SigningError> {
    key.sign(hash, required_usages(transaction.mapping(), key.public_key().fingerprint()))
}

/// Signs a transaction. `is_proposal`: whether it may miss signatures.
///
/// # Errors
/// [`BuildError`] when there is no key, or one may not sign this.
pub fn sign<'a>(
    transaction: TopologyTransaction,
    keys: impl IntoIterator<Item = &'a SigningPrivateKey>,
    is_proposal: bool,
) -> Result<SignedTopologyTransaction, BuildError> {
    let sign = |key| Ok(TopologySignature::single(signature(&transaction, transaction.hash(), key)?));
    let signatures = keys.into_iter().map(sign).collect::<Result<_, SigningError>>()?;
    Ok(SignedTopologyTransaction::new(transaction, signatures, is_proposal)?)
}

/// Signs several transactions at once, each key with one signature for all of them.
///
/// # Errors
/// [`BuildError`] when there is no key, or one may not sign one of these.
pub fn sign_together(
    transactions: Vec<TopologyTransaction>,
    keys: &[&SigningPrivateKey],
    is_proposal: bool,
) -> Result<Vec<SignedTopologyTransaction>, BuildError> {
    let hashes: BTreeSet<Hash> = transactions.iter().map(|transaction| *transaction.hash()).collect();
    let combined = multi_transaction_hash(&hashes);
    let sign = |transaction: TopologyTransaction| {
        let sign =
            |key: &&SigningPrivateKey| Ok(TopologySignature::multi(signature(&transaction, &combined, key)?, &hashes));
        let signatures = keys.iter().map(sign).collect::<Result<_, SigningError>>()?;
        Ok(SignedTopologyTransaction::new(transaction, signatures, is_proposal)?)
    };
    transactions.into_iter().map(sign).collect()
}

/// Adds a signature, unless the key has signed already.
///
/// # Errors
/// [`SigningError`] when the key may not sign this.
pub fn add_signature(transaction: &mut SignedTopologyTransaction, key: &SigningPrivateKey) -> Result<(), SigningError> {
    let signature = signature(transaction.transaction(), transaction.transaction().hash(), key)?;
    transaction.add_signatures(&[TopologySignature::single(signature)]);
    Ok(())
}

/// The root certificate of a key's namespace.
///
/// # Errors
/// [`BuildError`] when the key is not for namespaces.
pub fn root_certificate(
    key: &SigningPrivateKey,
    version: ProtocolVersion,
) -> Result<SignedTopologyTransaction, BuildError> {
    let mapping = NamespaceDelegation::root(key.public_key().clone())?;
    sign(TopologyTransaction::new(Operation::Replace, 1, mapping, version)?, [key], false)
}

/// The keys of a member: the signing keys, then the encryption keys, in order. Signed by the key of its namespace and by
/// each of the signing keys.
///
/// # Errors
/// [`BuildError`] when there is no key, there are more than 20, or one is there twice.
pub fn owner_to_key_mapping(
    member: Member,
    namespace_key: &SigningPrivateKey,
    signing_keys: &[&SigningPrivateKey],
    encryption_keys: &[EncryptionPublicKey],
    serial: u32,
    version: ProtocolVersion,
) -> Result<SignedTopologyTransaction, BuildError> {
    let signing = signing_keys.iter().map(|key| PublicKey::Signing(key.public_key().clone()));
    let encryption = encryption_keys.iter().cloned().map(PublicKey::Encryption);
    let mapping = OwnerToKeyMapping::new(member, signing.chain(encryption).collect())?;
    let transaction = TopologyTransaction::new(Operation::Replace, serial, mapping, version)?;
    sign(transaction, std::iter::once(namespace_key).chain(signing_keys.iter().copied()), false)
}

/// What the owners of a new synchronizer agree in. All of them need the same bytes to sign.
#[derive(Debug, Clone)]
pub struct Founding {
    definition: DecentralizedNamespaceDefinition,
    synchronizer: SynchronizerId,
    version: ProtocolVersion,
}

impl Founding {
    /// A synchronizer called `name`, of which as many owners sign together as the threshold says.
    ///
    /// # Errors
    /// [`BuildError`] when there is no owner, the threshold is 0 or above the number of owners, or the name is none.
    pub fn new(
        name: &str,
        owners: BTreeSet<Namespace>,
        threshold: u32,
        version: ProtocolVersion,
    ) -> Result<Self, BuildError> {
        let definition = DecentralizedNamespaceDefinition::new(owners, threshold)?;
        let uid = synod_types::UniqueIdentifier::new(name, &definition.namespace)?;
        Ok(Self { definition, synchronizer: SynchronizerId::new(uid), version })
    }

    /// The synchronizer.
    #[must_use]
    pub const fn synchronizer(&self) -> &SynchronizerId {
        &self.synchronizer
    }

    /// The namespace of the owners: all of them sign it.
    ///
    /// # Errors
    /// None in practice: the serial is valid.
    pub fn namespace(&self) -> Result<TopologyTransaction, BuildError> {
        self.first(self.definition.clone())
    }

    /// The dynamic parameters: as many owners sign them as the threshold says. So it is with all that follows.
    ///
    /// # Errors
    /// None in practice: the serial is valid.
    pub fn parameters(&self, parameters: DynamicSynchronizerParameters) -> Result<TopologyTransaction, BuildError> {
        self.first(SynchronizerParametersState {
            synchronizer: self.synchronizer.clone(),
            parameters: Box::new(parameters),
        })
    }

    /// A mediator group.
    ///
    /// # Errors
    /// [`BuildError`] as [`MediatorSynchronizerState::new`].
    pub fn mediators(
        &self,
        group: MediatorGroupIndex,
        threshold: u32,
        active: Vec<MediatorId>,
        observers: Vec<MediatorId>,
    ) -> Result<TopologyTransaction, BuildError> {
        let synchronizer = self.synchronizer.clone();
        self.first(MediatorSynchronizerState::new(synchronizer, group, threshold, active, observers)?)
    }

    /// The sequencers.
    ///
    /// # Errors
    /// [`BuildError`] as [`SequencerSynchronizerState::new`].
    pub fn sequencers(
        &self,
        threshold: u32,
        active: Vec<SequencerId>,
        observers: Vec<SequencerId>,
    ) -> Result<TopologyTransaction, BuildError> {
        self.first(SequencerSynchronizerState::new(self.synchronizer.clone(), threshold, active, observers)?)
    }

    fn first(&self, mapping: impl Into<Mapping>) -> Result<TopologyTransaction, BuildError> {
        Ok(TopologyTransaction::new(Operation::Replace, 1, mapping, self.version)?)
    }
}
