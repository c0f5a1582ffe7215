//! What the owners of a new synchronizer agree in: each signs it at its own node, and nobody else has its key.

use std::collections::BTreeSet;

use bytes::Bytes;
use synod_topology::build::Founding;
use synod_topology::genesis::{Genesis, encode_v2};
use synod_topology::{SignedTopologyTransaction, StaticSynchronizerParameters, TopologyTransaction};
use synod_types::{MediatorGroupIndex, MediatorId, Namespace, ProtocolVersion, SequencerId, UniqueIdentifier};

use super::{BootstrapError, SynchronizerDescription};
use crate::admin_client::NodeAdmin;

/// A node and who it is.
pub(super) struct KnownNode {
    pub(super) admin: NodeAdmin,
    pub(super) uid: UniqueIdentifier,
}

/// Everybody who takes part.
pub(super) struct Everybody<'a> {
    pub(super) description: &'a SynchronizerDescription,
    pub(super) sequencers: &'a [KnownNode],
    pub(super) mediators: &'a [KnownNode],
    pub(super) version: ProtocolVersion,
}

impl Everybody<'_> {
    fn nodes(&self) -> impl Iterator<Item = &KnownNode> {
        self.sequencers.iter().chain(self.mediators)
    }

    fn owners(&self) -> Vec<&KnownNode> {
        let names = self.description.owner_names();
        let owner = |name: &str| self.nodes().find(|node| node.admin.name == name);
        names.into_iter().filter_map(owner).collect()
    }

    /// The genesis of the synchronizer, signed by its owners.
    pub(super) async fn agree(&self, parameters: StaticSynchronizerParameters) -> Result<Bytes, BootstrapError> {
        let store = format!("{}-setup", self.description.name);
        let owners = self.owners();
        for owner in &owners {
            owner.admin.create_store(&store).await?;
        }
        let genesis = self.agree_in(&store, &owners, parameters).await;
        for owner in &owners {
            // Whatever happened before is what is told.
            if let Err(error) = owner.admin.drop_store(&store).await {
                tracing::warn!(error = %synod_runtime::Chain(&error), "the store of the founding stays");
            }
        }
        genesis
    }

    async fn agree_in(
        &self,
        store: &str,
        owners: &[&KnownNode],
        parameters: StaticSynchronizerParameters,
    ) -> Result<Bytes, BootstrapError> {
        let mut transactions = Vec::new();
        for node in self.nodes() {
            transactions.extend(node.admin.identity(&node.uid).await?);
        }
        for owner in owners {
            owner.admin.add(store, &transactions).await?;
        }
        let founding = self.founding(owners)?;
        let namespace = sign_by_all(owners, store, &founding.namespace()?).await?;
        for owner in owners {
            owner.admin.add(store, std::slice::from_ref(&namespace)).await?;
        }
        transactions.push(namespace);
        for agreed in self.state(&founding)? {
            transactions.push(sign_by_all(owners, store, &agreed).await?);
        }
        let genesis = Genesis::new(parameters, Genesis::prepare(transactions))?;
        Ok(encode_v2(&genesis.rows, self.version))
    }

    fn founding(&self, owners: &[&KnownNode]) -> Result<Founding, BootstrapError> {
        let namespaces: BTreeSet<Namespace> = owners.iter().map(|owner| owner.uid.namespace().clone()).collect();
        let all = u32::try_from(namespaces.len()).unwrap_or(u32::MAX);
        let threshold = self.description.owner_threshold.unwrap_or(all);
        Ok(Founding::new(&self.description.name, namespaces, threshold, self.version)?)
    }

    /// Parameters, mediators and sequencers.
    fn state(&self, founding: &Founding) -> Result<Vec<TopologyTransaction>, BootstrapError> {
        let mut state = vec![founding.parameters(self.description.parameters.dynamic_parameters())?];
        if !self.mediators.is_empty() {
            let group = MediatorGroupIndex::new(0).map_err(synod_topology::build::BuildError::from)?;
            let mediators = self.mediators.iter().map(|node| MediatorId::new(node.uid.clone())).collect();
            state.push(founding.mediators(group, self.description.mediator_threshold, mediators, Vec::new())?);
        }
        let sequencers: Vec<_> = self.sequencers.iter().map(|node| SequencerId::new(node.uid.clone())).collect();
        state.push(founding.sequencers(trust_threshold(sequencers.len()), sequencers, Vec::new())?);
        Ok(state)
    }
}

/// All owners sign the same bytes.
async fn sign_by_all(
    owners: &[&KnownNode],
    store: &str,
    transaction: &TopologyTransaction,
) -> Result<SignedTopologyTransaction, BootstrapError> {
    let mut agreed: Option<SignedTopologyTransaction> = None;
    for owner in owners {
        let signed = owner.admin.authorize(store, transaction).await?.with_proposal(false);
        match &mut agreed {
            None => agreed = Some(signed),
            Some(agreed) => {
                let (found, expected) = (*signed.transaction().hash(), *agreed.transaction().hash());
                if found != expected {
                    return Err(BootstrapError::Disagreement { node: owner.admin.name.clone(), found, expected });
                }
                agreed.add_signatures(signed.signatures());
            }
        }
    }
    agreed.ok_or(BootstrapError::NoOwner)
}

/// So many equal answers come from at least one honest node, when less than a third of all are faulty.
pub(crate) fn trust_threshold(nodes: usize) -> u32 {
    u32::try_from(nodes.saturating_sub(1) / 3 + 1).unwrap_or(u32::MAX)
}
