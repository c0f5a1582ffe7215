//! What the tasks of a pool share.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tonic::Code;

use super::receipts::Receipts;
use super::state::{LinkId, PoolState, Why};
use crate::error::causes;
use crate::{ClientError, ClientIdentity, MemberSigner};

pub(super) struct Shared {
    pub(super) signer: MemberSigner,
    /// What all connections show to a sequencer that asks for a certificate.
    pub(super) identity: Option<ClientIdentity>,
    pub(super) receipts: Receipts,
    state: Mutex<PoolState>,
    /// Counts the changes of the state.
    changes: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(signer: MemberSigner, identity: Option<ClientIdentity>, state: PoolState) -> Self {
        let (state, changes) = (Mutex::new(state), watch::Sender::new(0));
        Self { signer, identity, receipts: Receipts::default(), state, changes }
    }

    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<R>(&self, read: impl FnOnce(&PoolState) -> R) -> R {
        read(&self.state())
    }

    /// Changes the state and wakes all who wait for a change.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut PoolState) -> R) -> R {
        let result = change(&mut self.state());
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
        result
    }

    /// Changes whose turn it is, which nobody waits for.
    pub(super) fn choose<R>(&self, choose: impl FnOnce(&mut PoolState) -> R) -> R {
        choose(&mut self.state())
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(super) fn no_sequencer(&self) -> ClientError {
        self.read(|state| match state.is_closed() {
            true => ClientError::Closed,
            false => ClientError::NoSequencer { connections: Why(state).to_string() },
        })
    }

    /// Has the connection looked at, if the error may mean that it is lost.
    pub(super) fn doubt(&self, id: LinkId, error: &ClientError) {
        let is_lost = match error {
            ClientError::Connect { .. } | ClientError::Timeout { .. } => true,
            ClientError::Call { status, .. } => {
                matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled)
            }
            _ => false,
        };
        if is_lost {
            self.change(|state| state.doubt(id, causes(error)));
        }
    }
}
