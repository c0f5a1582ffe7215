//! The one owner of apply, commit and publish.
//!
//! A [`BlockExecutor`] stages ordered blocks against the state in memory, a [`Committer`] makes them durable in one
//! transaction and then publishes the new [`Head`] and the events. There is one of each in a process, whoever orders:
//! the local orderer and the CometBFT application drive the same two.

mod committer;
mod event_log;
mod executor;
mod head;
mod read_ahead;
mod tail;
mod wakeups;

pub use committer::{CommitFault, Committer};
pub use event_log::{EventLog, MemberReader};
pub use executor::{BlockExecutor, StagedBlock};
pub use head::{Head, HeadReceiver};
