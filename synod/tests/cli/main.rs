//! The binary from outside, as its users run it.

mod consortium;
mod localnet;
mod manual_identity;
mod support;
