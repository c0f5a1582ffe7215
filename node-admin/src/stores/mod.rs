//! The topology stores of a node, by name: its own one, those in memory, and that of its synchronizer.
//!
//! What a transaction does to a store is up to `synod-topology`; here is who signs, what is refused before, and where rows
//! are kept.

mod danger;
mod id;
mod local;
mod outbox;
mod read;
mod rejected;
mod signing;
mod synchronizer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use synod_crypto::Hash;
use synod_ordering::Clock;
use synod_store::{Store, StoreFault};
use synod_topology::{SignedTopologyTransaction, TopologyRows, TopologyState, TopologyTransaction};
use synod_types::{Fingerprint, PhysicalSynchronizerId};
use tokio::sync::OwnedMutexGuard;

use crate::errors::{AdminError, ErrorCode};
use crate::{NodeLifecycle, StageReceiver, StopNode, Vault};
pub(crate) use danger::ForceFlags;
pub(crate) use id::{StoreName, temporary_name};
pub use local::AuthorizedStoreFault;
use local::LocalStore;
pub(crate) use outbox::Effective;
use outbox::Turn;
use outbox::dispatcher::Dispatcher;
pub use outbox::{NotBroadcast, TopologyBroadcaster, TopologyOutbox, TopologyQueues};
pub(crate) use read::StoredRows;
pub(crate) use signing::Proposal;
pub use synchronizer::{SynchronizerTopology, SynchronizerView};

/// Stores in memory that a node has at most: what is in them is not bounded by anything else.
const MAX_TEMPORARY: usize = 64;

type Shared = Arc<tokio::sync::Mutex<LocalStore>>;

/// The stores of one node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TopologyStores(Arc<Inner>);

/// What the stores need.
#[derive(Debug)]
pub struct TopologyStoresParts {
    /// Keeps the node's own store, and the rows of the synchronizer. Nobody else may write the node's own store from now
    /// on.
    pub store: Store,
    /// The time of new transactions.
    pub clock: Arc<dyn Clock>,
    /// Is told when the node's own store changes.
    pub lifecycle: NodeLifecycle,
    /// Tells the identity of the node.
    pub stage: StageReceiver,
    /// The topology of the synchronizer.
    pub synchronizer: Arc<dyn SynchronizerTopology>,
    /// The keys of the node.
    pub vault: Vault,
    /// What waits to be brought to the synchronizer.
    pub outbox: TopologyOutbox,
    /// Stops the node when its database fails.
    pub stop: StopNode,
}

#[derive(Debug)]
struct Inner {
    parts: TopologyStoresParts,
    authorized: Shared,
    temporary: Mutex<BTreeMap<String, Shared>>,
}

/// A store that is looked at, and nobody changes meanwhile.
enum Target {
    Local(OwnedMutexGuard<LocalStore>),
    Synchronizer(TopologyState),
}

impl Target {
    fn open_rows(&self) -> TopologyRows<'_> {
        match self {
            Self::Local(store) => store.open_rows(),
            Self::Synchronizer(topology) => topology.rows(),
        }
    }
}

/// A store that a call changes, and nobody else meanwhile.
enum Writable {
    Local(OwnedMutexGuard<LocalStore>),
    Synchronizer(Turn),
}

impl Writable {
    fn open_rows(&self) -> TopologyRows<'_> {
        match self {
            Self::Local(store) => store.open_rows(),
            Self::Synchronizer(turn) => turn.candidate().rows(),
        }
    }
}

/// What is to be signed and added.
#[derive(Debug)]
pub(crate) enum Change {
    /// Something new.
    Proposal(Box<Proposal>),
    /// The open transaction or proposal of this hash.
    Existing(Hash),
}

impl TopologyStores {
    /// The stores of a node, none in memory yet.
    ///
    /// # Errors
    /// [`AuthorizedStoreFault`] when the node's own store cannot be read.
    pub async fn open(parts: TopologyStoresParts) -> Result<Self, AuthorizedStoreFault> {
        let authorized = LocalStore::authorized(parts.store.clone()).await?;
        parts.lifecycle.authorized_changed(authorized.open_rows());
        let authorized = Arc::new(tokio::sync::Mutex::new(authorized));
        Ok(Self(Arc::new(Inner { parts, authorized, temporary: Mutex::default() })))
    }

    /// Brings to the synchronizer what is added to its store by calls, and what the node's own store has and the
    /// synchronizer lacks. Once for each node, from when it runs; works until it is dropped. Returns only with a fault, with
    /// which the node has to end.
    pub async fn dispatch(self, broadcaster: Arc<dyn TopologyBroadcaster>) -> StoreFault {
        let Inner { parts, authorized, .. } = &*self.0;
        let dispatcher = Dispatcher {
            outbox: parts.outbox.clone(),
            broadcaster,
            synchronizer: Arc::clone(&parts.synchronizer),
            authorized: Arc::clone(authorized),
            store: parts.store.clone(),
            clock: Arc::clone(&parts.clock),
            refused: BTreeSet::new(),
            rejected: BTreeSet::new(),
        };
        dispatcher.run().await
    }

    /// Stops the node when its database fails.
    pub(crate) fn stop_node(&self) -> &StopNode {
        &self.0.parts.stop
    }

    /// Creates an empty store in memory.
    pub(crate) fn create_temporary(&self, name: &str) -> Result<(), AdminError> {
        let mut stores = self.0.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        if stores.len() >= MAX_TEMPORARY && !stores.contains_key(name) {
            return Err(AdminError::new(ErrorCode::TOPOLOGY_TOO_MANY_TEMPORARY_STORES, TOO_MANY_STORES));
        }
        if stores.contains_key(name) {
            let cause = format!("Cannot create topology store with id {name}, because it already exists.");
            return Err(AdminError::new(ErrorCode::TOPOLOGY_TEMPORARY_STORE_ALREADY_EXISTS, cause));
        }
        stores.insert(name.to_owned(), Arc::new(tokio::sync::Mutex::new(LocalStore::temporary())));
        Ok(())
    }

    /// Drops a store in memory.
    pub(crate) fn drop_temporary(&self, name: &str) -> Result<(), AdminError> {
        let mut stores = self.0.temporary.lock().unwrap_or_else(PoisonError::into_inner);
        stores.remove(name).map(|_| ()).ok_or_else(|| unknown(&name))
    }

    /// Adds transactions, all or none. Tells when they are effective.
    pub(crate) async fn add(
        &self,
        store: &StoreName,
        transactions: Vec<SignedTopologyTransaction>,
        force: &ForceFlags,
    ) -> Result<Effective, AdminError> {
        let _call = self.0.parts.outbox.call();
        let store = self.writable(store).await?;
        self.add_to(store, transactions, false, force).await
    }

    /// Signs a change and adds it. Returns it as this node signed it, and tells when it is effective.
    pub(crate) async fn authorize(
        &self,
        store: &StoreName,
        change: Change,
        signed_by: &BTreeSet<Fingerprint>,
        must_fully_authorize: bool,
        force: &ForceFlags,
    ) -> Result<(SignedTopologyTransaction, Effective), AdminError> {
        let _call = self.0.parts.outbox.call();
        let store = self.writable(store).await?;
        let (rows, vault) = (store.open_rows(), &self.0.parts.vault);
        let signed = match change {
            Change::Proposal(proposal) => {
                let transaction = signing::build(&proposal, rows)?;
                let is_proposal = !must_fully_authorize;
                signing::sign_new(transaction, signed_by, is_proposal, force, rows, vault).await?
            }
            Change::Existing(hash) => {
                let existing = rows.with_hash(&hash).ok_or_else(|| self.no_transaction(&hash))?;
                signing::extend(existing, signed_by, force, rows, vault).await?
            }
        };
        let effective = self.add_to(store, vec![signed.clone()], must_fully_authorize, force).await?;
        Ok((signed, effective))
    }

    /// Signs transactions without adding them.
    pub(crate) async fn sign(
        &self,
        store: &StoreName,
        transactions: Vec<SignedTopologyTransaction>,
        signed_by: &BTreeSet<Fingerprint>,
        force: &ForceFlags,
    ) -> Result<Vec<SignedTopologyTransaction>, AdminError> {
        let target = self.target(store).await?;
        let mut signed = Vec::with_capacity(transactions.len());
        for transaction in transactions {
            let rows = target.open_rows();
            signed.push(signing::extend(transaction, signed_by, force, rows, &self.0.parts.vault).await?);
        }
        Ok(signed)
    }

    /// Builds the transaction of a proposal, unsigned.
    pub(crate) async fn generate(
        &self,
        store: &StoreName,
        proposal: &Proposal,
    ) -> Result<TopologyTransaction, AdminError> {
        signing::build(proposal, self.target(store).await?.open_rows())
    }

    async fn add_to(
        &self,
        store: Writable,
        transactions: Vec<SignedTopologyTransaction>,
        must_fully_authorize: bool,
        force: &ForceFlags,
    ) -> Result<Effective, AdminError> {
        let parts = &self.0.parts;
        let node = parts.stage.uid().ok_or_else(|| unknown(&StoreName::Authorized))?;
        if let Writable::Synchronizer(turn) = &store {
            turn.check_waiting()?;
        }
        for transaction in &transactions {
            danger::check(transaction, force, &node, store.open_rows())?;
        }
        let mut local = match store {
            Writable::Synchronizer(turn) => return turn.add(transactions, must_fully_authorize),
            Writable::Local(local) => local,
        };
        let added = local.add(transactions, must_fully_authorize, parts.clock.now(), &parts.stop).await?;
        if Arc::ptr_eq(OwnedMutexGuard::mutex(&local), &self.0.authorized) {
            parts.lifecycle.authorized_changed(local.open_rows());
            if parts.synchronizer.current().is_some() {
                parts.outbox.own_store_changed(added);
            }
        }
        Ok(Effective::default())
    }

    async fn writable(&self, name: &StoreName) -> Result<Writable, AdminError> {
        match name {
            StoreName::Synchronizer(_) | StoreName::PhysicalSynchronizer(_) => {
                let turn = self.0.parts.outbox.turn(|| self.synchronizer(name));
                Ok(Writable::Synchronizer(turn.await?))
            }
            StoreName::Authorized | StoreName::Temporary(_) => Ok(Writable::Local(self.local(name).await?)),
        }
    }

    async fn target(&self, name: &StoreName) -> Result<Target, AdminError> {
        match name {
            StoreName::Synchronizer(_) | StoreName::PhysicalSynchronizer(_) => {
                Ok(Target::Synchronizer(self.synchronizer(name)?.topology))
            }
            StoreName::Authorized | StoreName::Temporary(_) => Ok(Target::Local(self.local(name).await?)),
        }
    }

    /// The node's own store, or the one in memory of this name.
    async fn local(&self, name: &StoreName) -> Result<OwnedMutexGuard<LocalStore>, AdminError> {
        let store = match name {
            StoreName::Temporary(temporary) => {
                let stores = self.0.temporary.lock().unwrap_or_else(PoisonError::into_inner);
                stores.get(temporary).cloned().ok_or_else(|| unknown(name))?
            }
            _ => Arc::clone(&self.0.authorized),
        };
        Ok(store.lock_owned().await)
    }

    /// The synchronizer of this name, if it is the one that the node serves.
    fn synchronizer(&self, name: &StoreName) -> Result<SynchronizerView, AdminError> {
        let view = self.0.parts.synchronizer.current();
        match name {
            StoreName::Synchronizer(id) => {
                view.filter(|view| view.topology.psid().logical() == id).ok_or_else(|| no_active(id))
            }
            _ => view
                .filter(|view| StoreName::PhysicalSynchronizer(view.topology.psid().clone()) == *name)
                .ok_or_else(|| unknown(name)),
        }
    }

    fn served(&self) -> Option<PhysicalSynchronizerId> {
        self.0.parts.synchronizer.current().map(|view| view.topology.psid().clone())
    }

    fn no_transaction(&self, hash: &Hash) -> AdminError {
        let cause = format!(
            "Topology transaction with hash {} does not exist or is not active or is not an active proposal at {}",
            hash.to_hex(),
            self.0.parts.clock.now()
        );
        AdminError::new(ErrorCode::TOPOLOGY_TRANSACTION_NOT_FOUND, cause)
    }
}

const TOO_MANY_STORES: &str = "There are too many temporary topology stores. Drop those that are not needed any more.";

fn unknown(name: &impl std::fmt::Display) -> AdminError {
    AdminError::new(ErrorCode::TOPOLOGY_STORE_NOT_FOUND, format!("Topology store '{name}' is not known."))
}

fn no_active(id: &synod_types::SynchronizerId) -> AdminError {
    AdminError::new(ErrorCode::TOPOLOGY_STORE_NOT_FOUND, format!("No active synchronizer found for {id}."))
}
