//! The binary from outside, as its users run it.

mod bootstrap;
mod consortium;
mod growing;
mod health;
mod key_rotation;
mod localnet;
mod manual_identity;
mod operations;
mod operators_apart;
mod outages;
mod security;
mod support;
mod topology_changes;
