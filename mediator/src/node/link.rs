//! How a mediator talks to the sequencers: a port, so that the shell can be run without them.

use std::fmt::Debug;

use async_trait::async_trait;
use synod_client::{ClientError, MemberTopology, ReceivedEvent, SignedSubmission};
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MessageId};

/// Calls to the sequencers.
#[async_trait]
pub trait SequencerLink: Debug + Send + Sync {
    /// Sends a signed submission, if need be to several sequencers. Success means that one took it.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::retry`] says whether to try again.
    async fn send(&self, submission: SignedSubmission) -> Result<(), ClientError>;

    /// Signs and sends a submission without recipients: its event tells the time (`tick-…`). `now` is the topology that is
    /// in force.
    ///
    /// # Errors
    /// [`ClientError`].
    async fn ask_for_time(&self, message_id: MessageId, now: &Snapshot) -> Result<(), ClientError>;

    /// Acknowledges all events up to `time`. `topology` is the one at that time.
    ///
    /// # Errors
    /// [`ClientError`].
    async fn acknowledge(&self, time: CantonTimestamp, topology: &Snapshot) -> Result<(), ClientError>;
}

/// The events of the mediator, each checked, in order.
#[async_trait]
pub trait MediatorEvents: Debug + Send {
    /// The next one. Waits as long as it takes; none is lost when the future is dropped.
    ///
    /// # Errors
    /// [`ClientError`] when it makes no sense to go on.
    async fn next(&mut self) -> Result<ReceivedEvent, ClientError>;

    /// The topology with the last event; `None` when it is not followed, which is a fault of who made this.
    fn topology(&self) -> Option<&MemberTopology>;

    /// No topology before `time` will be asked for.
    fn forget_before(&mut self, time: CantonTimestamp);
}
