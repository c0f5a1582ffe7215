//! The messages of the mediator, read as Canton 3.5 reads them and written as it writes them (chapter 04 §1, §2, §4.1).
//!
//! - [`MediatorContent`], [`MediatorMessage`]: what an envelope holds, as far as a mediator looks.
//! - [`InformeeMessage`], [`FullInformeeTree`]: the confirmation request of a transaction and its Merkle tree.
//! - [`ReassignmentMediatorMessage`]: the confirmation request of a reassignment.
//! - [`RootHashMessage`]: what ties the participants to the request.
//! - [`ConfirmationResponses`], [`LocalVerdict`]: what participants answer.
//! - [`ConfirmationResult`], [`Verdict`]: what the mediator says.

mod blindable;
mod common_metadata;
mod confirmation_responses;
mod confirmation_result;
mod content;
mod error;
mod informee_message;
mod informee_tree;
mod ledger_string;
mod local_verdict;
mod merkle_seq;
mod proto;
mod reassignment_common_data;
mod reassignment_message;
mod reassignment_submitter;
#[cfg(test)]
mod reassignment_tests;
mod root_hash_message;
mod salt;
mod status;
mod submitter_metadata;
#[cfg(test)]
mod tests;
mod uuid;
mod verdict;
mod view_common_data;
mod view_position;
mod view_type;

pub use blindable::Blindable;
pub use common_metadata::CommonMetadata;
pub use confirmation_responses::{ConfirmationResponse, ConfirmationResponses};
pub use confirmation_result::ConfirmationResult;
pub use content::{MediatorContent, MediatorMessage};
pub use error::InvalidMessage;
pub use informee_message::InformeeMessage;
pub use informee_tree::{FullInformeeTree, InformeeView};
pub use ledger_string::LfParty;
pub use local_verdict::{LocalVerdict, LocalVerdictCode};
pub use merkle_seq::{MerkleSeq, SeqElement};
pub use reassignment_common_data::{AssignmentOrigin, ReassignmentCommonData};
pub use reassignment_message::ReassignmentMediatorMessage;
pub use reassignment_submitter::ReassignmentSubmitterMetadata;
pub use root_hash_message::RootHashMessage;
pub use salt::Salt;
pub use submitter_metadata::SubmitterMetadata;
pub use uuid::RequestUuid;
pub use verdict::{RejectionReason, Verdict};
pub use view_common_data::{Quorum, ViewCommonData, ViewConfirmationParameters};
pub use view_position::{MerkleSeqIndex, ViewPosition};
pub use view_type::ViewType;
