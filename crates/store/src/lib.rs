//! Durable state of a node.
mod codec;
mod config;
mod error;
mod lease;
mod location;
mod migrate;
mod node;
mod outbox;
mod postgres;
mod seal;
mod sql;
mod sqlite;
mod store;

pub use config::StoreConfig;
pub use error::{StoreError, StoreFault, StoreRefused};
pub use lease::{Acquired, Lease};
pub use node::PublicKeyRow;
pub use outbox::OutboxFrame;
pub use store::Store;
