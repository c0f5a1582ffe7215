//! The topology of a synchronizer: who its members are, their keys, and who decides about it (chapter 02 of the protocol
//! notes).
//!
//! - [`mapping`], [`TopologyTransaction`], [`SignedTopologyTransaction`]: what is sent, read with exactly Canton's
//!   strictness.
//! - [`TopologyState`]: what a batch of transactions does; [`TopologyRejection`]: why one does nothing.
//! - [`Snapshot`]: the answers at a time.
//! - [`broadcast`], [`registration`]: how transactions come in; [`genesis`], [`init_state`]: where a topology begins.
//! - [`build`]: making and signing transactions.
//! - [`StaticSynchronizerParameters`], [`DynamicSynchronizerParameters`]: parameters.

pub mod broadcast;
pub mod build;
mod error;
pub mod genesis;
pub mod init_state;
pub mod mapping;
mod number;
mod operation;
mod parameters;
mod protobuf;
pub mod registration;
mod rejection;
mod row;
mod schema;
mod signed;
mod snapshot;
mod state;
mod text;
mod transaction;

pub use error::InvalidMessage;
pub use mapping::{InvalidMappingCode, Mapping, MappingCode, ReferencedAuthorizations, RequiredAuthorization};
pub use operation::Operation;
pub use parameters::{
    AcsCommitmentsCatchUp, DynamicSynchronizerParameters, OnboardingRestriction, RequiredEncryptionSpecs,
    RequiredSigningSpecs, StaticSynchronizerParameters, TrafficControlParameters,
};
pub use rejection::{MissingKeys, TopologyRejection};
pub use row::{LoadFault, TopologyChanges, TopologyRow, ValidatedTransaction};
pub use signed::{SignedTopologyTransaction, TopologySignature};
pub use snapshot::{
    AnnouncedLsu, HostingAttributes, MediatorGroup, ParticipantAttributes, PartyHosting, SequencerGroup, Snapshot,
    Validity,
};
pub use state::{FirstKnown, LocalTopology, SignatureTask, SigningKeys, TopologyRows, TopologyState};
pub use transaction::TopologyTransaction;
