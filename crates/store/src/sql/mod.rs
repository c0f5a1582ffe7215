//! Portable SQL: one statement text for both databases wherever they agree, [`Dialect`] where they differ.
//!
//! Statements use `$1` placeholders, columns are 64-bit integers, texts and byte strings only.

mod batch;
mod dialect;
mod row;
mod session;

pub(crate) use batch::{Column, Insert};
pub(crate) use dialect::Dialect;
pub(crate) use row::Row;
pub(crate) use session::{Arg, Connection, PooledConnection, PooledTransaction, Session, Transaction};
