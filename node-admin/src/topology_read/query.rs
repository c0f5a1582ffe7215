//! Which rows of a store a list call means (`BaseQuery`, chapter 05 §1.4).

use std::collections::BTreeSet;

use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::topology::admin::v30::base_query::TimeQuery;
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_proto::topology::admin::v30::{BaseQuery, ListAllV2Request, store_id};
use synod_topology::{MappingCode, Operation, TopologyRow};
use synod_types::CantonTimestamp;
use tonic::Status;

/// A checked `ListAllV2Request`.
#[derive(Debug)]
pub(super) struct RowFilter {
    proposals: bool,
    operation: Option<Operation>,
    time: TimeFilter,
    codes: Option<BTreeSet<MappingCode>>,
    namespace_prefix: String,
    signed_by_prefix: String,
}

#[derive(Debug)]
enum TimeFilter {
    /// In force after everything that is stored.
    Head,
    /// In force at a time.
    Snapshot(CantonTimestamp),
    /// Became effective between two times, both included.
    Range { from: Option<CantonTimestamp>, until: Option<CantonTimestamp> },
}

/// Checks a request for the authorized store.
pub(super) fn authorized(request: ListAllV2Request) -> Result<RowFilter, Status> {
    let query = request.base_query.ok_or_else(|| Status::invalid_argument("base_query is not set"))?;
    // An unset store means all stores: this node has only the authorized one.
    if let Some(store) = query.store.as_ref().and_then(|store| store.store.as_ref())
        && !matches!(store, store_id::Store::Authorized(_))
    {
        return Err(Status::not_found("this node serves only its authorized store"));
    }
    let codes = request.include_mappings.iter().map(|code| mapping_code(code)).collect::<Result<BTreeSet<_>, _>>()?;
    Ok(RowFilter {
        proposals: query.proposals,
        operation: operation(&query)?,
        time: time(&query)?,
        codes: (!codes.is_empty()).then_some(codes),
        namespace_prefix: request.filter_namespace,
        signed_by_prefix: query.filter_signed_key,
    })
}

fn mapping_code(text: &str) -> Result<MappingCode, Status> {
    MappingCode::of_short_code(text)
        .ok_or_else(|| Status::invalid_argument(format!("unknown topology mapping code `{text}`")))
}

fn operation(query: &BaseQuery) -> Result<Option<Operation>, Status> {
    match TopologyChangeOp::try_from(query.operation) {
        Ok(TopologyChangeOp::Unspecified) => Ok(None),
        Ok(TopologyChangeOp::AddReplace) => Ok(Some(Operation::Replace)),
        Ok(TopologyChangeOp::Remove) => Ok(Some(Operation::Remove)),
        Err(_) => Err(Status::invalid_argument(format!("unknown topology operation {}", query.operation))),
    }
}

fn time(query: &BaseQuery) -> Result<TimeFilter, Status> {
    match &query.time_query {
        Some(TimeQuery::HeadState(())) => Ok(TimeFilter::Head),
        Some(TimeQuery::Snapshot(at)) => Ok(TimeFilter::Snapshot(timestamp(at)?)),
        Some(TimeQuery::Range(range)) => Ok(TimeFilter::Range {
            from: range.from.as_ref().map(timestamp).transpose()?,
            until: range.until.as_ref().map(timestamp).transpose()?,
        }),
        None => Err(Status::invalid_argument("base_query.time_query is not set")),
    }
}

fn timestamp(time: &prost_types::Timestamp) -> Result<CantonTimestamp, Status> {
    CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos)
        .map_err(|error| Status::invalid_argument(error.to_string()))
}

impl RowFilter {
    /// Whether the row is meant.
    pub(super) fn matches(&self, row: &TopologyRow) -> bool {
        row.rejection.is_none()
            && row.is_proposal == self.proposals
            && self.operation.is_none_or(|operation| operation == row.operation)
            && self.codes.as_ref().is_none_or(|codes| codes.contains(&row.code))
            && row.namespace.as_str().starts_with(&self.namespace_prefix)
            && self.time.matches(row)
            && (self.signed_by_prefix.is_empty() || signed_by(row, &self.signed_by_prefix))
    }
}

impl TimeFilter {
    fn matches(&self, row: &TopologyRow) -> bool {
        match self {
            Self::Head => row.valid_until.is_none(),
            Self::Snapshot(at) => row.valid_from < *at && row.valid_until.is_none_or(|until| *at <= until),
            Self::Range { from, until } => {
                from.is_none_or(|from| from <= row.valid_from) && until.is_none_or(|until| row.valid_from <= until)
            }
        }
    }
}

fn signed_by(row: &TopologyRow, prefix: &str) -> bool {
    row.transaction().is_ok_and(|transaction| {
        transaction.signing_fingerprints().any(|fingerprint| fingerprint.as_str().starts_with(prefix))
    })
}

/// The row as the answer carries it.
pub(super) fn item(row: &TopologyRow) -> Item {
    let proto = |time: CantonTimestamp| {
        let (seconds, nanos) = time.as_seconds_and_nanos();
        prost_types::Timestamp { seconds, nanos }
    };
    Item {
        sequenced: Some(proto(row.sequenced)),
        valid_from: Some(proto(row.valid_from)),
        valid_until: row.valid_until.map(proto),
        transaction: row.signed.clone(),
        rejection_reason: row.rejection.clone(),
    }
}
