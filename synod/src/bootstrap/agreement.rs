//! What the owners of a new synchronizer agree in. It follows from the description and from what the nodes say about
//! themselves alone, whatever way that has taken: all operators compute the same bytes, sign them, and begin with the same
//! genesis.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use synod_crypto::{CryptoRestrictions, Hash, KeyUsages, SignatureVerifier, TopologyStateHash};
use synod_topology::build::Founding;
use synod_topology::genesis::{Genesis, encode_v2, parse_v2};
use synod_topology::mapping::NamespaceDelegation;
use synod_topology::{
    Mapping, SignedTopologyTransaction, StaticSynchronizerParameters, TopologySignature, TopologyTransaction,
};
use synod_types::{
    CantonTimestamp, MediatorGroupIndex, MediatorId, MemberKind, Namespace, PhysicalSynchronizerId, ProtocolVersion,
    SequencerId,
};

use super::identity::NodeIdentity;
use super::{BootstrapError, SynchronizerDescription};

/// The protocol version of what is founded.
pub(super) const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// What is signed together: the second part can only be signed when the first one is complete, because nodes sign for a
/// namespace that they know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The namespace of the owners.
    Namespace,
    /// Parameters, mediators and sequencers.
    State,
}

impl Part {
    /// As it is told to operators.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "signature of the owners' namespace",
            Self::State => "signature of parameters, mediators and sequencers",
        }
    }
}

/// Signatures of owners that were verified.
#[derive(Debug, Clone, Default)]
pub(super) struct Signatures(BTreeMap<Hash, Vec<TopologySignature>>);

/// A signed transaction that is not part of the agreement, or not signed by an owner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidSigned {
    #[error("the transaction {0} is not one that the owners agree in")]
    Other(Hash),
    #[error("the transaction {0} has a signature of a key that is no owner's")]
    Stranger(Hash),
    #[error("the transaction {transaction} has a wrong signature")]
    Signature {
        transaction: Hash,
        #[source]
        source: synod_crypto::SignatureError,
    },
}

/// The beginning of a synchronizer.
#[derive(Debug)]
pub(super) struct Agreement {
    pub(super) psid: PhysicalSynchronizerId,
    pub(super) parameters: StaticSynchronizerParameters,
    /// What the nodes say about themselves, in the order of the description.
    pub(super) identities: Vec<SignedTopologyTransaction>,
    /// Names and namespaces of the owners, in the order of the description.
    owners: Vec<(String, Namespace)>,
    /// The keys that sign for owners.
    delegations: Vec<NamespaceDelegation>,
    namespace: TopologyTransaction,
    state: Vec<TopologyTransaction>,
}

impl Agreement {
    /// What follows from the description and the identities of all of its nodes.
    pub(super) fn new(
        description: &SynchronizerDescription,
        nodes: &BTreeMap<String, NodeIdentity>,
    ) -> Result<Self, BootstrapError> {
        let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
        let of = |name: &str| nodes.get(name).ok_or_else(|| BootstrapError::UnknownNode(name.to_owned()));
        let in_order: Vec<_> = description.nodes().map(|node| of(node.name)).collect::<Result<_, _>>()?;
        let mut owners = Vec::new();
        for name in description.owner_names() {
            owners.push((name.to_owned(), of(name)?.uid.namespace().clone()));
        }
        let namespaces: BTreeSet<Namespace> = owners.iter().map(|(_, namespace)| namespace.clone()).collect();
        let all = u32::try_from(namespaces.len()).unwrap_or(u32::MAX);
        let threshold = description.owner_threshold.unwrap_or(all);
        let founding = Founding::new(&description.name, namespaces.clone(), threshold, VERSION)?;
        let identities: Vec<_> = in_order.iter().flat_map(|node| node.transactions.iter().cloned()).collect();
        let delegations = identities.iter().filter_map(|signed| match signed.transaction().mapping() {
            Mapping::NamespaceDelegation(delegation) if namespaces.contains(&delegation.namespace) => {
                Some(delegation.clone())
            }
            _ => None,
        });
        Ok(Self {
            psid: PhysicalSynchronizerId::new(founding.synchronizer().clone(), VERSION, parameters.serial),
            delegations: delegations.collect(),
            namespace: founding.namespace()?,
            state: state(description, &founding, &in_order)?,
            parameters,
            identities,
            owners,
        })
    }

    /// The transactions of a part.
    pub(super) fn part(&self, part: Part) -> &[TopologyTransaction] {
        match part {
            Part::Namespace => std::slice::from_ref(&self.namespace),
            Part::State => &self.state,
        }
    }

    fn all(&self) -> impl Iterator<Item = &TopologyTransaction> {
        std::iter::once(&self.namespace).chain(&self.state)
    }

    /// Names everything in it: equal at operators that agree.
    pub(super) fn digest(&self) -> Hash {
        let identities = self.identities.iter().map(|signed| signed.transaction().hash());
        let hashes = identities.chain(self.all().map(TopologyTransaction::hash));
        hashes.fold(TopologyStateHash::new(), TopologyStateHash::add_transaction).finish()
    }

    /// Verifies a signed transaction and keeps its signatures; of each key the one that was kept first stays.
    pub(super) fn accept(
        &self,
        signatures: &mut Signatures,
        signed: &SignedTopologyTransaction,
    ) -> Result<(), InvalidSigned> {
        let hash = *signed.transaction().hash();
        if !self.all().any(|transaction| *transaction.hash() == hash) {
            return Err(InvalidSigned::Other(hash));
        }
        for signature in signed.signatures() {
            self.verify(&hash, signature)?;
        }
        let kept = signatures.0.entry(hash).or_default();
        for signature in signed.signatures() {
            if !kept.iter().any(|kept| kept.authorizing_key() == signature.authorizing_key()) {
                kept.push(signature.clone());
            }
        }
        // In an order that does not depend on who signed first.
        kept.sort_by(|one, other| one.authorizing_key().cmp(other.authorizing_key()));
        Ok(())
    }

    fn verify(&self, transaction: &Hash, signature: &TopologySignature) -> Result<(), InvalidSigned> {
        let key = signature.authorizing_key();
        let known = self.delegations.iter().map(|delegation| &delegation.target);
        let keys: Vec<_> = known.filter(|known| known.fingerprint() == key).collect();
        if keys.is_empty() || !signature.covers(transaction) {
            return Err(InvalidSigned::Stranger(*transaction));
        }
        let synchronizer = self.psid.logical().clone();
        let verifier = SignatureVerifier::new(synchronizer, VERSION, CryptoRestrictions::jce());
        let (at, hash) = (CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME, signature.signed_hash(transaction));
        let verified = verifier.verify(at, keys, &hash, signature.signature(), KeyUsages::NAMESPACE);
        verified.map_err(|source| InvalidSigned::Signature { transaction: *transaction, source })
    }

    /// Whether the owner has signed a transaction.
    fn has_signed(&self, signatures: &Signatures, owner: &Namespace, transaction: &Hash) -> bool {
        let mut keys = self.delegations.iter().filter(|delegation| delegation.namespace == *owner);
        let signed = signatures.0.get(transaction).map(Vec::as_slice).unwrap_or_default();
        keys.any(|key| signed.iter().any(|signature| signature.authorizing_key() == key.target.fingerprint()))
    }

    /// The owners that have not signed all of a part. All of them have to, whatever the threshold is: the namespace is
    /// valid by that only, and the genesis is the same at all when it has all signatures.
    pub(super) fn unsigned(&self, signatures: &Signatures, part: Part) -> Vec<&str> {
        let transactions = self.part(part);
        let lacks = |owner: &Namespace| {
            transactions.iter().any(|transaction| !self.has_signed(signatures, owner, transaction.hash()))
        };
        self.owners.iter().filter(|(_, owner)| lacks(owner)).map(|(name, _)| name.as_str()).collect()
    }

    /// Names of the owners whose signatures a transaction has.
    pub(super) fn signers(&self, signed: &SignedTopologyTransaction) -> Vec<&str> {
        let signatures = Signatures([(*signed.transaction().hash(), signed.signatures().to_vec())].into());
        let has = |owner: &Namespace| self.has_signed(&signatures, owner, signed.transaction().hash());
        self.owners.iter().filter(|(_, owner)| has(owner)).map(|(name, _)| name.as_str()).collect()
    }

    /// The transactions that have signatures, in order.
    pub(super) fn signed(&self, signatures: &Signatures) -> Result<Vec<SignedTopologyTransaction>, BootstrapError> {
        let signed = self.all().filter_map(|transaction| {
            let found = signatures.0.get(transaction.hash())?;
            Some(SignedTopologyTransaction::new(transaction.clone(), found.clone(), false))
        });
        Ok(signed.collect::<Result<_, _>>().map_err(synod_topology::build::BuildError::from)?)
    }

    /// The genesis, when all have signed.
    pub(super) fn genesis(&self, signatures: &Signatures) -> Result<Bytes, BootstrapError> {
        let mut transactions = self.identities.clone();
        transactions.extend(self.signed(signatures)?);
        let genesis = Genesis::new(self.parameters.clone(), Genesis::prepare(transactions))?;
        Ok(encode_v2(&genesis.rows, VERSION))
    }

    /// Keeps the signatures of a genesis that a sequencer of this synchronizer began with.
    pub(super) fn accept_genesis(&self, signatures: &mut Signatures, genesis: &Bytes) -> Result<(), BootstrapError> {
        let stored = parse_v2(genesis, VERSION).map_err(synod_topology::build::BuildError::from)?;
        let hashes: BTreeSet<Hash> = self.all().map(|transaction| *transaction.hash()).collect();
        for stored in stored {
            if hashes.contains(stored.transaction.transaction().hash()) {
                self.accept(signatures, &stored.transaction)?;
            }
        }
        Ok(())
    }
}

/// Parameters, mediators and sequencers.
fn state(
    description: &SynchronizerDescription,
    founding: &Founding,
    nodes: &[&NodeIdentity],
) -> Result<Vec<TopologyTransaction>, BootstrapError> {
    let of = |kind: MemberKind| nodes.iter().filter(move |node| node.kind == kind).map(|node| node.uid.clone());
    let mut state = vec![founding.parameters(description.parameters.dynamic_parameters())?];
    let mediators: Vec<_> = of(MemberKind::Mediator).map(MediatorId::new).collect();
    if !mediators.is_empty() {
        let group = MediatorGroupIndex::new(0).map_err(synod_topology::build::BuildError::from)?;
        state.push(founding.mediators(group, description.mediator_threshold, mediators, Vec::new())?);
    }
    let sequencers: Vec<_> = of(MemberKind::Sequencer).map(SequencerId::new).collect();
    state.push(founding.sequencers(trust_threshold(sequencers.len()), sequencers, Vec::new())?);
    Ok(state)
}

/// So many equal answers come from at least one honest node, when less than a third of all are faulty.
pub(crate) fn trust_threshold(nodes: usize) -> u32 {
    u32::try_from(nodes.saturating_sub(1) / 3 + 1).unwrap_or(u32::MAX)
}
