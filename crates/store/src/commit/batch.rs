//! The rows of a commit, made before its transaction begins.

use std::collections::BTreeMap;

use synod_machine::{BlockOutcome, Checkpoint, FrameStamp, Registration, TrafficConsumed, TrafficPurchased};
use synod_types::{CantonTimestamp, Member, MemberIndex};

use super::aggregations::Aggregations;
use super::delivery::{self, Deliveries};
use crate::StoreFault;
use crate::codec::column;
use crate::outbox::remove_frames;
use crate::sql::{Arg, Column, Insert, Session};
use crate::topology::TopologyBatch;

/// All inserts and updates of one transaction.
pub(crate) struct Batch {
    blocks: Insert,
    events: Insert,
    deliveries: Insert,
    members: Insert,
    topology: TopologyBatch,
    consumed: Insert,
    purchased: Insert,
    aggregations: Aggregations,
    acknowledgements: Insert,
    frames: Vec<FrameStamp>,
    base_time: i64,
}

impl Batch {
    fn empty() -> Self {
        Self {
            blocks: blocks(),
            events: delivery::events(),
            deliveries: Deliveries::default().insert(),
            members: members(),
            topology: TopologyBatch::of_synchronizer(),
            consumed: consumed(),
            purchased: purchased(),
            aggregations: Aggregations::default(),
            acknowledgements: acknowledgements(),
            frames: Vec::new(),
            base_time: CantonTimestamp::MIN.as_micros(),
        }
    }

    /// The rows of consecutive blocks.
    pub(crate) fn new(outcomes: &[BlockOutcome]) -> Result<Self, StoreFault> {
        let mut batch = Self::empty();
        let mut deliveries = Deliveries::default();
        let mut purchases = BTreeMap::new();
        let mut acknowledged = BTreeMap::new();
        for outcome in outcomes {
            add_block(&mut batch.blocks, outcome)?;
            for event in &outcome.events {
                delivery::add_event(&mut batch.events, event);
                deliveries.add(event);
            }
            for registration in &outcome.registrations {
                add_member(&mut batch.members, registration);
            }
            batch.topology.add(&outcome.topology)?;
            for row in &outcome.traffic_consumed {
                add_consumed(&mut batch.consumed, row);
            }
            purchases.extend(outcome.traffic_purchased.iter().map(|row| ((&row.member, row.time), row)));
            for change in &outcome.aggregations {
                batch.aggregations.add(change);
            }
            for (member, time) in &outcome.acknowledgements {
                let newest: &mut CantonTimestamp = acknowledged.entry(*member).or_insert(*time);
                *newest = (*newest).max(*time);
            }
            batch.frames.extend(&outcome.frames);
            batch.base_time = outcome.base_time.as_micros();
        }
        batch.deliveries = deliveries.insert();
        add_purchases(&mut batch.purchased, &purchases);
        add_acknowledgements(&mut batch.acknowledgements, acknowledged);
        Ok(batch)
    }

    /// The rows of a state.
    pub(crate) fn of_checkpoint(checkpoint: &Checkpoint) -> Result<Self, StoreFault> {
        let mut batch = Self::empty();
        if let Some(height) = checkpoint.height {
            batch.blocks.row([
                column("height", height)?.into(),
                checkpoint.base_time.as_micros().into(),
                checkpoint.last_time.as_micros().into(),
                checkpoint.latest_sequencer_event.map(CantonTimestamp::as_micros).into(),
                checkpoint.latest_pending_topology.map(CantonTimestamp::as_micros).into(),
                checkpoint.app_hash.as_slice().into(),
            ]);
        }
        for registration in &checkpoint.members {
            add_member(&mut batch.members, registration);
        }
        for row in &checkpoint.topology {
            batch.topology.add_row(row)?;
        }
        for row in &checkpoint.traffic_consumed {
            add_consumed(&mut batch.consumed, row);
        }
        let purchases = checkpoint.traffic_purchased.iter().map(|row| ((&row.member, row.time), row)).collect();
        add_purchases(&mut batch.purchased, &purchases);
        for aggregation in &checkpoint.aggregations {
            batch.aggregations.add_open(aggregation);
        }
        let acknowledged = checkpoint.acknowledgements.iter().copied().collect();
        add_acknowledgements(&mut batch.acknowledgements, acknowledged);
        batch.frames.extend(&checkpoint.frames);
        batch.base_time = checkpoint.base_time.as_micros();
        Ok(batch)
    }

    pub(crate) const fn events(&self) -> usize {
        self.events.rows()
    }

    pub(crate) fn rows(&self) -> usize {
        self.inserts().map(Insert::rows).iter().sum::<usize>()
            + self.topology.rows()
            + self.aggregations.rows()
            + self.frames.len()
    }

    const fn inserts(&self) -> [&Insert; 7] {
        [
            &self.blocks,
            &self.members,
            &self.events,
            &self.deliveries,
            &self.consumed,
            &self.purchased,
            &self.acknowledgements,
        ]
    }

    /// The inserts, each with the number (0 to 4) of a group of tables that are written together, when there is nothing else
    /// to write: no ends of rows, aggregations or frames.
    pub(crate) fn plain_inserts(&self) -> Option<[(usize, &Insert); 8]> {
        let topology = self.topology.only_inserts()?;
        if !self.aggregations.is_empty() || !self.frames.is_empty() {
            return None;
        }
        Some([
            (0, &self.blocks),
            (1, &self.events),
            (1, &self.deliveries),
            (2, &self.consumed),
            (3, &self.acknowledgements),
            (4, &self.members),
            (4, &self.purchased),
            (4, topology),
        ])
    }

    /// Writes everything.
    pub(crate) async fn run(&self, session: &mut Session<'_>) -> Result<(), StoreFault> {
        for insert in self.inserts() {
            insert.run(session).await?;
        }
        self.topology.run(session).await?;
        self.aggregations.run(session).await?;
        self.run_frames(session).await
    }

    /// Remembers the new frames, which need not be sent any more, and forgets those that are no longer valid.
    async fn run_frames(&self, session: &mut Session<'_>) -> Result<(), StoreFault> {
        if self.frames.is_empty() {
            return Ok(());
        }
        let columns = &[Column::Bytes("id"), Column::Int("valid_until")];
        let mut insert = Insert::new("frames", columns, "ON CONFLICT (id) DO NOTHING");
        let frames: BTreeMap<&[u8; 32], i64> =
            self.frames.iter().map(|frame| (&frame.id, frame.valid_until.as_micros())).collect();
        for (id, valid_until) in &frames {
            insert.row([id.as_slice().into(), (*valid_until).into()]);
        }
        insert.run(session).await?;
        remove_frames(session, frames.keys().copied()).await?;
        let delete = "DELETE FROM frames WHERE valid_until < $1";
        session.execute(delete, &[Arg::Int(self.base_time)]).await.map(|_| ())
    }
}

const fn blocks() -> Insert {
    let columns = &[
        Column::Int("height"),
        Column::Int("base_time"),
        Column::Int("last_time"),
        Column::Int("latest_sequencer_event"),
        Column::Int("latest_pending_topology"),
        Column::Bytes("app_hash"),
    ];
    Insert::new("blocks", columns, "")
}

fn add_block(insert: &mut Insert, outcome: &BlockOutcome) -> Result<(), StoreFault> {
    insert.row([
        column("height", outcome.height)?.into(),
        outcome.base_time.as_micros().into(),
        outcome.last_time.as_micros().into(),
        outcome.latest_sequencer_event.map(CantonTimestamp::as_micros).into(),
        outcome.latest_pending_topology.map(CantonTimestamp::as_micros).into(),
        outcome.app_hash.as_slice().into(),
    ]);
    Ok(())
}

const fn members() -> Insert {
    let columns = &[Column::Int("member_index"), Column::Text("member"), Column::Int("registered_from")];
    Insert::new("members", columns, "")
}

fn add_member(insert: &mut Insert, registration: &Registration) {
    insert.row([
        i64::from(registration.index.0).into(),
        registration.member.to_string().into(),
        registration.registered_from.as_micros().into(),
    ]);
}

const fn consumed() -> Insert {
    let columns = &[
        Column::Int("member_index"),
        Column::Int("time"),
        Column::Int("extra_consumed"),
        Column::Int("base_remainder"),
        Column::Int("last_cost"),
        Column::Int("journaled"),
    ];
    Insert::new("traffic_consumed", columns, "")
}

fn add_consumed(insert: &mut Insert, row: &TrafficConsumed) {
    insert.row([
        i64::from(row.member.0).into(),
        row.time.as_micros().into(),
        row.extra_consumed.into(),
        row.base_remainder.into(),
        row.last_cost.into(),
        i64::from(row.journaled).into(),
    ]);
}

/// Two purchases of a member may have one time: the later one holds.
const fn purchased() -> Insert {
    let columns = &[Column::Text("member"), Column::Int("time"), Column::Int("serial"), Column::Int("extra_purchased")];
    let replace = "ON CONFLICT (member, time) DO UPDATE SET serial = excluded.serial, \
                   extra_purchased = excluded.extra_purchased";
    Insert::new("traffic_purchased", columns, replace)
}

fn add_purchases(insert: &mut Insert, rows: &BTreeMap<(&Member, CantonTimestamp), &TrafficPurchased>) {
    for row in rows.values() {
        insert.row([
            row.member.to_string().into(),
            row.time.as_micros().into(),
            i64::from(row.serial).into(),
            row.extra_purchased.into(),
        ]);
    }
}

/// An acknowledged time only grows.
const fn acknowledgements() -> Insert {
    let columns = &[Column::Int("member_index"), Column::Int("time")];
    let newer = "ON CONFLICT (member_index) DO UPDATE SET time = excluded.time \
                 WHERE acknowledgements.time < excluded.time";
    Insert::new("acknowledgements", columns, newer)
}

fn add_acknowledgements(insert: &mut Insert, newest: BTreeMap<MemberIndex, CantonTimestamp>) {
    for (member, time) in newest {
        insert.row([i64::from(member.0).into(), time.as_micros().into()]);
    }
}
