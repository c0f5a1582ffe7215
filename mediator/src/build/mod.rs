//! Making the messages that participants send to a mediator: for self-tests, measurements and tests. A mediator itself only
//! reads them.
//!
//! - [`TransactionRequest`]: a confirmation request and its root hash messages.
//! - [`Response`]: what a participant answers.
//!
//! Everything that is blinded for a mediator is a hash of nothing that exists; all salts follow from one seed.

mod responses;
mod salts;
mod transaction;
mod tree;

pub use responses::{Response, approve, confirmation_responses};
pub use transaction::{BuiltRequest, RequestError, TransactionRequest, root_hash_message};
pub use tree::ViewToConfirm;
