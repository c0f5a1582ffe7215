//! Portable SQL: one statement text for both databases wherever they agree, [`Dialect`] where they differ.
//!
//! Statements use `$1` placeholders, columns are 64-bit integers, texts and byte strings only.

mod batch;
mod dialect;
mod guarded;
mod row;
mod session;

pub use batch::{Column, Insert, Value};
pub use dialect::Dialect;
pub(crate) use guarded::{guarded_text, run_guarded};
pub use row::Row;
pub use session::{Arg, Connection, Session, Transaction};
pub(crate) use session::{PooledConnection, PooledTransaction, SessionOf};
