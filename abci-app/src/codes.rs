//! The only table from verdicts to codes of ABCI.
//!
//! Codes are part of the hash of the results in the next header: they never change for a running chain.

use synod_ordering::frame::FrameRejection;

/// The frame counts.
pub const OK: u32 = 0;
/// This node cannot judge at present. Never in a block.
pub const UNAVAILABLE: u32 = 100;

/// Code of a verdict.
#[must_use]
pub const fn code_of(rejection: &FrameRejection) -> u32 {
    match rejection {
        FrameRejection::Malformed(_) => 1,
        FrameRejection::OtherSynchronizer => 2,
        FrameRejection::Expired { .. } => 3,
        FrameRejection::ValidTooLong { .. } => 4,
        FrameRejection::Repeated => 5,
        FrameRejection::RepeatedInBlock => 6,
        FrameRejection::BlockFull => 7,
        FrameRejection::NotASequencer { .. } => 8,
        FrameRejection::BadSignature(_) => 9,
    }
}
