//! What tests and developer commands share: readers of the golden vectors and of the recordings, counting of compared
//! cases, random changes of inputs, and private PostgreSQL servers.
//!
//! A dev-dependency only: no crate of the product depends on it.

#[cfg(feature = "certificates")]
pub mod certificates;
#[cfg(feature = "databases")]
pub mod databases;
pub mod fields;
mod lines;
mod mutate;
#[cfg(feature = "nodes")]
pub mod nodes;
pub mod postgres;
pub mod recordings;
#[cfg(feature = "requests")]
pub mod requests;
mod tally;
pub mod vectors;

pub use lines::{DataError, Lines, read_lines};
pub use mutate::Mutator;
pub use tally::{Counts, Tally};
