//! Durable state of a node: one [`Store`] on SQLite or PostgreSQL.
//!
//! - [`Store::open`]: by URL; refuses what would lose data or belongs to a newer program ([`StoreRefused`]).
//! - [`Store::acquire_lease`], [`Store::initialize`], [`Store::commit`]: writing the synchronizer's state, one transaction
//!   for any number of consecutive blocks, fenced by the [`Lease`].
//! - [`Store::load_checkpoint`]: the state after the last block. [`Store::events`], [`Store::latest_event_before`]: the
//!   stream of a member. [`Store::topology_page`], [`Store::traffic_state_at`], [`Store::members`] and more: other reads.
//! - [`Store::prune`]: forgetting what every member has processed.
//! - [`database`]: the same database for tables that other crates define, such as the mediator's.
//! - [`PlainRows`]: the database without everything else, for measurements.
//! - [`to_its_end`]: for reads inside of streams to clients.
//! - Identity, keys, settings, the node's own topology store, and the outbox towards CometBFT.
//!
//! A [`StoreFault`] of a write means that the node cannot know what is stored: the process ends, a restart finds out.
//! [`StoreFault::Unreachable`] alone is worth waiting for ([`Store::while_unreachable`]); [`Store::commit`] does.

mod checkpoint;
mod codec;
mod commit;
mod config;
pub mod database;
mod detached;
mod error;
mod events;
mod head;
mod lease;
mod location;
mod members;
mod migrate;
mod node;
mod outbox;
mod plain;
mod postgres;
mod postgres_writer;
mod pruning;
mod reachability;
mod seal;
mod sql;
mod sqlite;
mod store;
mod topology;
mod traffic;

pub use commit::CommitReport;
pub use config::StoreConfig;
pub use detached::to_its_end;
pub use error::{StoreError, StoreFault, StoreRefused};
pub use events::EventsError;
pub use head::BlockRow;
pub use lease::{Acquired, Lease};
pub use members::MemberRow;
pub use node::PublicKeyRow;
pub use outbox::OutboxFrame;
pub use plain::PlainRows;
pub use pruning::PruneReport;
pub use store::Store;
pub use traffic::TrafficAt;
