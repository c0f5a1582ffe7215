//! gRPC clients and servers of the services that Synod offers or calls.
//!
//! The services are declared in `/proto`; their messages are those of [`synod_proto`]. The modules mirror the packages
//! below `com.digitalasset.canton`, e.g. [`sequencer::api::v30::sequencer_service_client`]. Health and reflection are
//! not here: they come ready-made from `tonic-health` and `tonic-reflection`.

#[allow(missing_docs, unreachable_pub, clippy::all)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}

pub use generated::com::digitalasset::canton::*;

/// Encoded `google.protobuf.FileDescriptorSet` of everything in `/proto` and what it imports, without comments.
/// For gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
