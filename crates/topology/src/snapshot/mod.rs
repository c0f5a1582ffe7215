//! The topology at a time (ch. 02 §8.1): what became effective before it and has not ended before it.

mod members;
mod participants;
mod parties;
mod values;

use std::fmt;
use std::sync::Arc;

use synod_crypto::Hash;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};

use crate::Mapping;
use crate::state::{Head, StoredRow};

pub use members::{MediatorGroup, SequencerGroup};
pub use participants::ParticipantAttributes;
pub use parties::{HostingAttributes, PartyHosting};
pub use values::{AnnouncedLsu, Validity};

/// The topology at a time. A clone costs next to nothing.
///
/// It answers for good as long as its time is not after what the state knows (ch. 02 §3.2), and as the history before it
/// is not forgotten.
#[derive(Clone)]
pub struct Snapshot {
    head: Arc<Head>,
    at: CantonTimestamp,
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("psid", &self.head.psid).field("at", &self.at).finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(crate) const fn new(head: Arc<Head>, at: CantonTimestamp) -> Self {
        Self { head, at }
    }

    /// The time.
    #[must_use]
    pub const fn timestamp(&self) -> CantonTimestamp {
        self.at
    }

    /// The synchronizer.
    #[must_use]
    pub fn psid(&self) -> &PhysicalSynchronizerId {
        &self.head.psid
    }

    /// The row of a unique key that is in force, and its end.
    fn row(&self, key: &Hash) -> Option<(&Arc<StoredRow>, Option<CantonTimestamp>)> {
        self.head.lanes.get(key)?.at(self.at)
    }

    /// The mapping of a unique key that is in force, of a kind that is kept parsed.
    fn kept_mapping(&self, key: &Hash) -> Option<&Mapping> {
        self.row(key)?.0.kept_mapping()
    }

    /// The mapping of a unique key that is in force.
    fn mapping(&self, key: &Hash) -> Option<Arc<Mapping>> {
        self.row(key).map(|(row, _)| row.mapping())
    }
}
