//! Renders the CometBFT home of each operator of a consortium from one description of all of them.
//!
//! What all operators have to agree on ([`Network`]) is a function of public data: operators who never share a machine
//! derive the same `genesis.json`, byte for byte. What only one of them has ([`OperatorKeys`], [`LocalSettings`]) stays
//! in its own home.

mod config_toml;
mod genesis;
mod home;
mod keys;
mod network;

pub use config_toml::LocalSettings;
pub use genesis::{ChainId, genesis_json};
pub use home::{Home, HomeFault};
pub use keys::{InvalidKeyFile, OperatorKeys};
pub use network::{InvalidNetwork, Network, NetworkFileError, Operator};
