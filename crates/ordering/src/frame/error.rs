//! Why a frame does not count. Always its author's (or a proposer's) fault.

use synod_crypto::{InvalidSignature, SignatureError};
use synod_types::{CantonTimestamp, SequencerId};
use thiserror::Error;

use super::MAX_FRAME_ENTRIES;

/// Bytes that are not a frame, whatever the state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidFrame {
    /// More bytes than any frame has.
    #[error("the frame has {bytes} bytes, at most {}", super::MAX_FRAME_BYTES)]
    TooLarge {
        /// Bytes found.
        bytes: usize,
    },
    /// Not the encoding of a message.
    #[error("the frame cannot be decoded")]
    Encoding(#[source] prost::DecodeError),
    /// Another encoding than the one that a frame has.
    #[error("the frame is not encoded in the one way that counts")]
    NotCanonical,
    /// A field without a value that it may have.
    #[error("the field `{field}` of the frame has no valid value")]
    Field {
        /// Name of the field.
        field: &'static str,
    },
    /// None, or too many.
    #[error("the frame has {count} entries or more; there are from 1 to {MAX_FRAME_ENTRIES}")]
    Entries {
        /// Entries found; counting stops at one too many.
        count: usize,
    },
    /// The signature is missing.
    #[error("the frame has no signature")]
    NoSignature,
    /// The signature is not well formed.
    #[error("the signature of the frame is malformed")]
    Signature(#[source] InvalidSignature),
}

/// Why a frame is not in a block, or must not be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FrameRejection {
    /// Not a frame.
    #[error("the transaction is no frame")]
    Malformed(#[source] InvalidFrame),
    /// A frame of another chain.
    #[error("the frame is for another synchronizer")]
    OtherSynchronizer,
    /// The base time of the block is beyond what the frame allows.
    #[error("the frame was valid until {valid_until}, which is before {base_time}")]
    Expired {
        /// Last base time that the frame allows.
        valid_until: CantonTimestamp,
        /// Base time of the block.
        base_time: CantonTimestamp,
    },
    /// The frame wants to be remembered for too long.
    #[error("the frame is valid until {valid_until}, too long after {base_time}")]
    ValidTooLong {
        /// Last base time that the frame allows.
        valid_until: CantonTimestamp,
        /// Base time of the block.
        base_time: CantonTimestamp,
    },
    /// An earlier block has the frame.
    #[error("the frame is in an earlier block")]
    Repeated,
    /// This block has the frame further up.
    #[error("the frame is twice in the block")]
    RepeatedInBlock,
    /// The block has as many events as a block may have.
    #[error("the block has no room for the frame")]
    BlockFull,
    /// The origin is no sequencer of the synchronizer.
    #[error("{origin} is not a sequencer of the synchronizer")]
    NotASequencer {
        /// The origin.
        origin: SequencerId,
    },
    /// The origin did not sign it.
    #[error("the signature of the frame does not verify")]
    BadSignature(#[source] SignatureError),
}

impl FrameRejection {
    /// Whether no later block can have the frame either. Such a frame in a block does nothing, except that CometBFT
    /// forgets it everywhere; so a proposer may carry it out of the mempools, and nobody rejects the block for it.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::Repeated)
    }

    /// A name for metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::OtherSynchronizer => "other_synchronizer",
            Self::Expired { .. } => "expired",
            Self::ValidTooLong { .. } => "valid_too_long",
            Self::Repeated => "repeated",
            Self::RepeatedInBlock => "repeated_in_block",
            Self::BlockFull => "block_full",
            Self::NotASequencer { .. } => "not_a_sequencer",
            Self::BadSignature(_) => "bad_signature",
        }
    }
}
