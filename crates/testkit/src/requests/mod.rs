//! Members with keys, the topology that makes a synchronizer of them, and requests that they sign.
//!
//! All keys follow from names, so that tests have the same bytes every time.

mod member;
mod network;
mod submission;

pub use member::{TestKey, TestMember, key};
pub use network::{Network, genesis_state};
pub use submission::{Submission, acknowledgement, envelope, session_signature};
