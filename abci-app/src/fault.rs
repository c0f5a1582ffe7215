//! Why this node stops ordering: always its own fault, never that of what came in.

use synod_machine::Fault;
use synod_ordering::comet::CometFault;
use synod_pipeline::CommitFault;
use synod_store::StoreFault;
use thiserror::Error;

use crate::{CometProcessFault, ServerFault, VoteFault};

/// The process has to end; a restart continues from the stored height.
#[derive(Debug, Error)]
pub enum AbciFault {
    /// The socket to CometBFT.
    #[error("the connection to CometBFT failed")]
    Server(#[source] ServerFault),
    /// CometBFT does not run.
    #[error("CometBFT does not run")]
    Process(#[source] CometProcessFault),
    /// The validator must not vote.
    #[error("the validator must not vote")]
    Votes(#[source] VoteFault),
    /// The outbox or what feeds it.
    #[error("nothing can be handed to CometBFT")]
    Ordering(#[source] CometFault),
    /// A block could not be applied.
    #[error("a block could not be applied")]
    Stage(#[source] Fault),
    /// A block could not be committed.
    #[error("a block could not be committed")]
    Commit(#[source] CommitFault),
    /// The store cannot be read.
    #[error("the stored height cannot be read")]
    Store(#[source] StoreFault),
    /// There is no synchronizer in the store.
    #[error("the store has no genesis")]
    NoGenesis,
    /// CometBFT is at another height than the state.
    #[error("{call} is for height {found}, but {expected} follows the state of this node")]
    Height {
        /// The call.
        call: &'static str,
        /// The height that follows, in CometBFT's count.
        expected: i64,
        /// The height of the call.
        found: i64,
    },
    /// Two blocks for one height.
    #[error("CometBFT decided a second block for height {height}")]
    SecondBlock {
        /// The height, in CometBFT's count.
        height: i64,
    },
    /// Commit without a block.
    #[error("CometBFT asks for a commit without a block")]
    NothingStaged,
    /// A header without a time, or one outside of the years 1 to 9999.
    #[error("the header of height {height} has no valid time")]
    HeaderTime {
        /// The height, in CometBFT's count.
        height: i64,
    },
    /// CometBFT runs another chain than this sequencer belongs to.
    #[error(
        "CometBFT's genesis is for chain `{found}` from height {initial_height}; this sequencer belongs to `{expected}` from height 1"
    )]
    OtherChain {
        /// Chain of this sequencer.
        expected: String,
        /// Chain of the genesis.
        found: String,
        /// First height of the genesis.
        initial_height: i64,
    },
    /// CometBFT did not come up.
    #[error("CometBFT did not answer its RPC within {limit_s} s of its last progress")]
    NotReady {
        /// The limit in seconds.
        limit_s: u64,
    },
    /// A parameter of validators that CometBFT does not enable.
    #[error("CometBFT asks for vote extensions, which this chain does not have")]
    VoteExtensions,
}
