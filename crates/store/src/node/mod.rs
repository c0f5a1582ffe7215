//! What belongs to the node itself, not to the synchronizer: identity, keys, its own topology store, settings.

mod identity;
mod keys;
mod settings;

pub use keys::PublicKeyRow;
