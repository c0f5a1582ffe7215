//! Rows of aggregations: the net effect of the changes of several blocks.

use std::collections::BTreeMap;

use synod_machine::{AggregationChange, Contribution, InFlightAggregation};
use synod_types::CantonTimestamp;
use synod_wire::AggregationId;

use crate::StoreFault;
use crate::codec::pack_signatures;
use crate::sql::{Arg, Column, Insert, Session};

/// Net changes, by aggregation.
#[derive(Default)]
pub(crate) struct Aggregations(BTreeMap<AggregationId, Net>);

#[derive(Default)]
struct Net {
    /// Rows from before this commit are over.
    expired: bool,
    row: Option<(CantonTimestamp, bytes::Bytes, Option<CantonTimestamp>)>,
    contributions: Vec<Contribution>,
}

impl Aggregations {
    pub(crate) fn add(&mut self, change: &AggregationChange) {
        match change {
            AggregationChange::Contributed { id, max_sequencing_time, rule, contribution, delivered_at } => {
                let net = self.0.entry(*id).or_default();
                let before = net.row.take().and_then(|(_, _, delivered_at)| delivered_at);
                net.row = Some((*max_sequencing_time, rule.clone(), delivered_at.or(before)));
                net.contributions.push(contribution.clone());
            }
            AggregationChange::Expired { id } => {
                self.0.insert(*id, Net { expired: true, ..Net::default() });
            }
        }
    }

    pub(crate) fn add_open(&mut self, aggregation: &InFlightAggregation) {
        let InFlightAggregation { id, max_sequencing_time, rule, contributions, delivered_at } = aggregation;
        let row = Some((*max_sequencing_time, rule.clone(), *delivered_at));
        let net = Net { expired: false, row, contributions: contributions.clone() };
        self.0.insert(*id, net);
    }

    /// Deletes what is over, and writes the rest. Returns the number of rows written.
    pub(crate) async fn run(&self, session: &mut Session<'_>) -> Result<(), StoreFault> {
        let expired: Vec<&[u8]> = self.0.iter().filter(|(_, net)| net.expired).map(|(id, _)| id_bytes(id)).collect();
        if !expired.is_empty() {
            for (table, column) in [("contributions", "aggregation_id"), ("aggregations", "id")] {
                let condition = session.dialect().among_bytes(column, 1);
                let delete = format!("DELETE FROM {table} WHERE {condition}");
                session.execute(&delete, &[Arg::ByteList(&expired)]).await?;
            }
        }
        let (aggregations, contributions) = self.inserts();
        aggregations.run(session).await?;
        contributions.run(session).await
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.values().map(|net| usize::from(net.row.is_some()) + net.contributions.len()).sum()
    }

    fn inserts(&self) -> (Insert, Insert) {
        let columns = &[
            Column::Bytes("id"),
            Column::Int("max_sequencing_time"),
            Column::Bytes("rule"),
            Column::Int("delivered_at"),
        ];
        let delivered = "ON CONFLICT (id) DO UPDATE SET delivered_at = excluded.delivered_at";
        let mut aggregations = Insert::new("aggregations", columns, delivered);
        let columns =
            &[Column::Bytes("aggregation_id"), Column::Int("sender"), Column::Int("time"), Column::Bytes("signatures")];
        let mut contributions = Insert::new("contributions", columns, "");
        for (id, net) in &self.0 {
            if let Some((max_sequencing_time, rule, delivered_at)) = &net.row {
                aggregations.row([
                    id_bytes(id).into(),
                    max_sequencing_time.as_micros().into(),
                    rule.into(),
                    delivered_at.map(CantonTimestamp::as_micros).into(),
                ]);
            }
            for contribution in &net.contributions {
                contributions.row([
                    id_bytes(id).into(),
                    i64::from(contribution.sender.0).into(),
                    contribution.time.as_micros().into(),
                    pack_signatures(&contribution.signatures).into(),
                ]);
            }
        }
        (aggregations, contributions)
    }
}

fn id_bytes(id: &AggregationId) -> &[u8] {
    id.hash().as_digest()
}
