//! The edge to CometBFT (ABCI 2.0 of v0.38): turns its calls into calls of the pipeline, and holds no rule of its own.
//!
//! [`AbciNode`] runs one sequencer of the decentralized mode: the application on a Unix socket, CometBFT as a process
//! beside it, and the outbox through which submissions get into blocks.

mod app;
mod codec;
pub mod codes;
mod commit;
mod diagnosis;
mod fault;
mod finalize;
mod height;
mod info;
mod mempool;
pub mod metrics;
mod node;
mod process;
mod proposal;
mod server;
#[cfg(test)]
mod tests;
mod votes;

pub use codec::CodecFault;
pub use diagnosis::Diagnosis;
pub use fault::AbciFault;
pub use metrics::AbciMetrics;
pub use node::{AbciNode, AbciParts};
pub use process::{CometProcessFault, CometProgram};
pub use server::ServerFault;
pub use votes::{VoteFault, VotePosition};
