//! What differs between protocol versions: one row each, so that a further version is one more row.

use synod_types::ProtocolVersion;

/// The rules of the pipeline that depend on the protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Events of a block are sorted by priority and get new times (ch. 03 §3.2).
    pub(crate) reorders: bool,
    /// A pending topology change is made observable by a broadcast tick (ch. 03 §3.10 rule 2).
    pub(crate) post_ordering_ticks: bool,
    /// What a topology time in a request does.
    pub(crate) topology_timestamp: TopologyTimestampRule,
    /// Which topology has the keys that verify an acknowledgement (ch. 03 §3.9).
    pub(crate) acknowledgement_keys: AcknowledgementKeys,
    /// When the time bound of an aggregation is checked (ch. 03 §3.6, numbers 8 and 11).
    pub(crate) aggregation_bound: AggregationBound,
}

/// What a topology time in a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopologyTimestampRule {
    /// It selects the topology for signatures and groups, if it is not too old.
    Selects,
    /// The request is rejected with `SEQUENCER_UNIMPLEMENTED`.
    Unsupported,
}

/// Which topology has the keys that verify an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AcknowledgementKeys {
    /// That at the end of the previous block.
    OfPreviousBlock,
    /// That at the acknowledged time.
    OfAcknowledgedTime,
}

/// When the time bound of an aggregation is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregationBound {
    /// Before the signatures of the envelopes.
    BeforeEnvelopes,
    /// After the groups were resolved.
    AfterGroups,
}

impl Rules {
    /// The rules of a protocol version.
    pub(crate) const fn of(version: ProtocolVersion) -> Self {
        match version {
            ProtocolVersion::V34 => Self {
                reorders: false,
                post_ordering_ticks: false,
                topology_timestamp: TopologyTimestampRule::Selects,
                acknowledgement_keys: AcknowledgementKeys::OfPreviousBlock,
                aggregation_bound: AggregationBound::BeforeEnvelopes,
            },
            ProtocolVersion::V35 | ProtocolVersion::Dev => Self {
                reorders: true,
                post_ordering_ticks: true,
                topology_timestamp: TopologyTimestampRule::Unsupported,
                acknowledgement_keys: AcknowledgementKeys::OfAcknowledgedTime,
                aggregation_bound: AggregationBound::AfterGroups,
            },
        }
    }
}
