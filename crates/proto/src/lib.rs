//! The messages of Canton 3.5 that Synod speaks, as plain structs.
//!
//! The definitions live in `/proto`, laid out by package. The modules here mirror the packages below
//! `com.digitalasset.canton`: package `com.digitalasset.canton.crypto.v30` is [`crypto::v30`]. The error model of
//! gRPC is [`google::rpc`]; other well-known messages (`Timestamp`, `Duration`, `Any`) come from `prost_types`. Synod's
//! own messages are below [`synod`].
//!
//! Fields of type `bytes` are [`bytes::Bytes`], so a message decoded from a `Bytes` shares its memory.
//! Encoding writes fields in the order of their numbers, as Canton does.

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}

pub use generated::com::digitalasset::canton::*;
pub use generated::google;
pub use generated::synod;
