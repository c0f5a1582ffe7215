//! Names of the tables, and how rows are inserted.

use synod_store::database::{Column, Insert, TableSet};

use super::{DeduplicationRow, FinalizedRow, SubmissionRow};

/// The mediator's tables. A published version never changes; changes are new files.
pub(super) const MEDIATOR: TableSet = TableSet::new("mediator", &[include_str!("../../schema/001_initial.sql")]);

pub(super) const CONFIGURATION: &str = "mediator_configuration";
pub(super) const PROGRESS: &str = "mediator_progress";
pub(super) const DEDUPLICATION: &str = "mediator_deduplication";
pub(super) const FINALIZED: &str = "mediator_finalized_requests";
pub(super) const SUBMISSIONS: &str = "mediator_submissions";
pub(super) const SCHEDULE: &str = "mediator_pruning_schedule";

/// A row that is there already stays.
pub(super) fn insert_deduplication(rows: &[DeduplicationRow]) -> Insert {
    let columns = &[Column::Int("request_time"), Column::Text("uuid"), Column::Int("expire_after")];
    let mut insert = Insert::new(DEDUPLICATION, columns, "ON CONFLICT (request_time, uuid) DO NOTHING");
    for row in rows {
        insert.row([
            row.request_time.as_micros().into(),
            row.uuid.to_string().into(),
            row.expire_after.as_micros().into(),
        ]);
    }
    insert
}

/// Gives the ids of those that were not there.
pub(super) fn insert_finalized(rows: &[FinalizedRow]) -> Insert {
    let columns = &[
        Column::Int("request_id"),
        Column::Bytes("request"),
        Column::Int("finalization_time"),
        Column::Bytes("verdict"),
    ];
    let mut insert = Insert::new(FINALIZED, columns, "ON CONFLICT (request_id) DO NOTHING RETURNING request_id");
    for row in rows {
        insert.row([
            row.request_id.as_micros().into(),
            (&row.request).into(),
            row.finalization_time.as_micros().into(),
            (&row.verdict).into(),
        ]);
    }
    insert
}

/// Gives the message ids of those that were not there.
pub(super) fn insert_submissions<'a>(rows: impl Iterator<Item = &'a SubmissionRow>) -> Insert {
    let columns = &[
        Column::Bytes("message_id"),
        Column::Int("request_id"),
        Column::Bytes("signed"),
        Column::Int("send_at"),
        Column::Int("decision_time"),
    ];
    let mut insert = Insert::new(SUBMISSIONS, columns, "ON CONFLICT (message_id) DO NOTHING RETURNING message_id");
    for row in rows {
        insert.row([
            row.message_id.as_str().as_bytes().into(),
            row.request_id.as_micros().into(),
            (&row.signed).into(),
            row.send_at.as_micros().into(),
            row.decision_time.as_micros().into(),
        ]);
    }
    insert
}
