//! The edge to CometBFT (ABCI 2.0 of v0.38): turns its calls into calls of the pipeline, and holds no rule of its own.

mod codec;
mod server;

pub use codec::CodecFault;
pub use server::ServerFault;
