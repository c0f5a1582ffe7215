//! Aggregations in flight (ch. 03 §3.7).

use std::collections::BTreeMap;
use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use synod_crypto::Signature;
use synod_types::{CantonTimestamp, Member, MemberIndex};
use synod_wire::{AggregationId, AggregationRule};

/// All aggregations that have not expired. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Aggregations {
    by_id: OrdMap<AggregationId, Arc<Aggregation>>,
    by_end: OrdSet<(CantonTimestamp, AggregationId)>,
}

/// One aggregation in flight.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    /// It ends when this time is reached.
    pub(crate) max_sequencing_time: CantonTimestamp,
    pub(crate) rule: AggregationRule,
    /// The parts by member: their signatures are delivered in this order. Empty once delivered.
    pub(crate) parts: BTreeMap<Member, Part>,
    pub(crate) delivered_at: Option<CantonTimestamp>,
}

/// What a sender contributed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) sender: MemberIndex,
    pub(crate) time: CantonTimestamp,
    /// For each envelope its signatures.
    pub(crate) signatures: Vec<Vec<Signature>>,
}

impl Aggregation {
    /// When it ends.
    #[must_use]
    pub const fn max_sequencing_time(&self) -> CantonTimestamp {
        self.max_sequencing_time
    }

    /// When it was delivered.
    #[must_use]
    pub const fn delivered_at(&self) -> Option<CantonTimestamp> {
        self.delivered_at
    }
}

impl Aggregations {
    /// The aggregation with this id.
    #[must_use]
    pub fn get(&self, id: &AggregationId) -> Option<&Aggregation> {
        self.by_id.get(id).map(Arc::as_ref)
    }

    pub(crate) fn insert(&mut self, id: AggregationId, aggregation: Aggregation) {
        self.by_end.insert((aggregation.max_sequencing_time, id));
        self.by_id.insert(id, Arc::new(aggregation));
    }

    /// Removes those that end at `time` or before, and names them.
    pub(crate) fn expire(&mut self, time: CantonTimestamp) -> Vec<AggregationId> {
        let mut expired = Vec::new();
        while let Some((end, id)) = self.by_end.get_min().filter(|(end, _)| *end <= time).cloned() {
            self.by_id.remove(&id);
            self.by_end.remove(&(end, id));
            expired.push(id);
        }
        expired
    }

    /// All of them, by ascending id.
    pub fn iter(&self) -> impl Iterator<Item = (&AggregationId, &Aggregation)> {
        self.by_id.iter().map(|(id, aggregation)| (id, aggregation.as_ref()))
    }
}
