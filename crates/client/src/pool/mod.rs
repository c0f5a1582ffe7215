//! Several sequencers at once, of which a threshold is believed.

mod config;
mod config_proto;

pub use config::{Amplification, ConnectionConfig, InvalidPoolConfig, PoolConfig, PoolDelays};
