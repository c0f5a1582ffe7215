//! Connections to sequencers, as they are told and stored.

use bytes::Bytes;
use prost::Message;
use synod_client::{InvalidPoolConfig, PoolConfig};
use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_wire::{ParseError, versioned};
use thiserror::Error;

const VERSION: i32 = 30;

/// Stored connections cannot be read.
#[derive(Debug, Error)]
pub(crate) enum StoredConnectionsFault {
    #[error(transparent)]
    Version(#[from] ParseError),
    #[error(transparent)]
    Message(#[from] prost::DecodeError),
    #[error(transparent)]
    Config(#[from] InvalidPoolConfig),
}

/// Connections as they are stored.
pub(super) fn to_bytes(connections: &SequencerConnections) -> Bytes {
    versioned::wrap(VERSION, &connections.encode_to_vec())
}

/// Connections as they were stored.
pub(super) fn of_bytes(stored: &Bytes) -> Result<SequencerConnections, StoredConnectionsFault> {
    Ok(SequencerConnections::decode(versioned::unwrap(stored)?.data)?)
}

/// What a mediator does with stored connections.
pub(super) fn pool_config(stored: &Bytes) -> Result<PoolConfig, StoredConnectionsFault> {
    Ok(PoolConfig::from_proto(&of_bytes(stored)?)?)
}
