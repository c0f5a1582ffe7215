//! How the connections are, for health services and people.

use std::fmt;

use synod_types::SequencerId;

/// How the connections of a pool are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolHealth {
    /// Distinct sequencers that can be used.
    pub valid_sequencers: usize,
    /// How many have to agree.
    pub trust_threshold: usize,
    /// How many there should be beyond them.
    pub liveness_margin: usize,
    /// Each endpoint of each connection.
    pub connections: Vec<ConnectionHealth>,
}

impl PoolHealth {
    /// Whether enough sequencers can be used (`SequencerConnectionPoolHealth`: otherwise degraded, with none failed).
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.valid_sequencers >= self.trust_threshold
    }
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionHealth {
    /// Name of the connection.
    pub alias: String,
    /// The endpoint.
    pub url: String,
    /// Who is there, once that is known.
    pub sequencer: Option<SequencerId>,
    /// How it is.
    pub state: ConnectionState,
}

/// How a connection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionState {
    /// It can be used.
    Valid,
    /// It is not reached, and tried again.
    Down {
        /// Why.
        reason: String,
    },
    /// Another sequencer or another synchronizer is there. It does not count.
    Contradicting {
        /// What is there.
        reason: String,
    },
    /// The sequencer delivered what it may not. It does not count any more.
    Excluded {
        /// What it did.
        reason: String,
    },
}

impl fmt::Display for ConnectionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Down { reason } => write!(f, "not reached: {reason}"),
            Self::Contradicting { reason } => f.write_str(reason),
            Self::Excluded { reason } => write!(f, "excluded: {reason}"),
        }
    }
}
