//! Topology stores that belong to no synchronizer: a node's own one, and those that a bootstrap passes through
//! (`LocalTopologyManager`).

use std::fmt;
use std::sync::Arc;

use synod_types::{CantonTimestamp, PhysicalSynchronizerId, ProtocolVersion};

use super::batch::{self, Terms};
use super::head::Head;
use super::load;
use super::signing_keys::TopologyRows;
use crate::{LoadFault, SignedTopologyTransaction, StaticSynchronizerParameters, TopologyChanges, TopologyRow};

/// Stands where a state of a synchronizer has its name. Nothing of a local store refers to it.
const NO_SYNCHRONIZER: &str = "local::local::35-0";

/// The state of a topology store that belongs to no synchronizer. Serials, proposals, signatures and who has to sign are
/// judged as on a synchronizer, whether the mapping makes sense there is not. A clone costs next to nothing.
#[derive(Clone)]
pub struct LocalTopology {
    head: Arc<Head>,
    is_relaxed: bool,
}

impl fmt::Debug for LocalTopology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalTopology").field("next_id", &self.head.next_id).finish_non_exhaustive()
    }
}

impl LocalTopology {
    /// An empty store. `is_relaxed`: whether the relaxed rules of genesis hold (ch. 02 §2.5), as in temporary stores.
    ///
    /// # Panics
    /// Never: the name that stands for no synchronizer is valid.
    #[must_use]
    pub fn new(is_relaxed: bool) -> Self {
        let parameters = StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35);
        let none = PhysicalSynchronizerId::parse(NO_SYNCHRONIZER).expect("it is a constant, and valid");
        Self { head: Arc::new(Head::new(none, &parameters)), is_relaxed }
    }

    /// Takes up the rows of a store, by ascending id, into an empty state. They are trusted.
    ///
    /// # Errors
    /// [`LoadFault`] when the rows are not those of a state; the state is then not to be used.
    pub fn load(&mut self, rows: Vec<TopologyRow>) -> Result<(), LoadFault> {
        load::load(Arc::make_mut(&mut self.head), rows)
    }

    /// Applies one transaction at a time at which it is sequenced and effective at once. Times ascend strictly from call
    /// to call. `expect_full_authorization`: whether it is rejected when it misses signatures, proposal or not.
    pub fn apply(
        &mut self,
        at: CantonTimestamp,
        transaction: SignedTopologyTransaction,
        expect_full_authorization: bool,
    ) -> TopologyChanges {
        let terms =
            Terms { sequenced: at, effective: at, relaxed: self.is_relaxed, expect_full_authorization, is_local: true };
        batch::apply(Arc::make_mut(&mut self.head), terms, vec![transaction])
    }

    /// The open rows, to look up and to find keys by.
    #[must_use]
    pub fn rows(&self) -> TopologyRows<'_> {
        TopologyRows::of_local(&self.head)
    }
}
