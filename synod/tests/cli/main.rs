//! The binary from outside, as its users run it.

mod bootstrap;
mod consortium;
mod localnet;
mod manual_identity;
mod support;
