//! Ordering by CometBFT (decentralized mode): what waits goes into signed frames, the frames into the node's outbox, and
//! from there into CometBFT until a committed block holds them.

mod framer;
mod live;
mod orderer;
mod ordering;
mod outbox;
mod rpc;

pub use orderer::{CometOrderer, OutboxLoad};
pub use ordering::{CometFault, CometOrdering, CometOrderingParts};
pub use outbox::OutboxLimits;
pub use rpc::{BroadcastAnswer, CometStatus, RpcClient, RpcError};

#[cfg(test)]
mod tests;
