//! What belongs to the node itself, not to the synchronizer: identity, keys, its own topology store, settings.

mod identity;
mod keys;
mod settings;

pub(crate) use identity::{read_configuration, write_configuration};
pub use keys::PublicKeyRow;
