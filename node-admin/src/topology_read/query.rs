//! Which rows of which stores a call means (`BaseQuery`, chapter 05 §1.4; `TopologyStore.inspect`).

use synod_proto::protocol::v30::r#enums::TopologyChangeOp;
use synod_proto::topology::admin::v30::BaseQuery;
use synod_proto::topology::admin::v30::base_query::TimeQuery;
use synod_topology::{MappingCode, Operation, TopologyRow};
use synod_types::{CantonTimestamp, ProtocolVersion};

use crate::errors::{AdminError, malformed};
use crate::stores::{StoreName, StoredRows, TopologyStores};

/// A checked `BaseQuery`.
#[derive(Debug)]
pub(super) struct Query {
    /// `None`: all stores.
    store: Option<StoreName>,
    proposals: bool,
    operation: Option<Operation>,
    time: TimeFilter,
    signed_by_prefix: String,
    /// The version that an export is written in.
    pub(super) version: ProtocolVersion,
}

/// What else a row has to be.
#[derive(Debug, Default)]
pub(super) struct RowFilter {
    pub(super) codes: Vec<MappingCode>,
    pub(super) identifier_prefix: String,
    pub(super) namespace_prefix: String,
}

#[derive(Debug)]
enum TimeFilter {
    /// In force after everything that the store tells.
    Head,
    /// In force at a time.
    Snapshot(CantonTimestamp),
    /// Became effective between two times, both included.
    Range { from: Option<CantonTimestamp>, until: Option<CantonTimestamp> },
}

impl RowFilter {
    /// Rows of one kind, by a filter of the form `identifier` or `identifier::namespace`, both of them beginnings
    /// (`UniqueIdentifier.splitFilter`).
    pub(super) fn by_uid(code: MappingCode, filter: &str) -> Self {
        let (identifier, namespace) = filter.split_once("::").unwrap_or((filter, ""));
        let namespace = namespace.split("::").next().unwrap_or_default();
        Self { codes: vec![code], identifier_prefix: identifier.to_owned(), namespace_prefix: namespace.to_owned() }
    }

    /// Rows of one kind whose namespace begins like this.
    pub(super) fn by_namespace(code: MappingCode, prefix: String) -> Self {
        Self { codes: vec![code], identifier_prefix: String::new(), namespace_prefix: prefix }
    }

    fn matches(&self, row: &TopologyRow) -> bool {
        let identifier = row.identifier.as_deref();
        (self.identifier_prefix.is_empty()
            || identifier.is_some_and(|identifier| identifier.starts_with(&self.identifier_prefix)))
            && row.namespace.as_str().starts_with(&self.namespace_prefix)
    }
}

/// Reads short codes of mappings.
pub(super) fn mapping_codes(texts: &[String]) -> Result<Vec<MappingCode>, AdminError> {
    let parse = |text: &String| {
        let code = MappingCode::of_short_code(text);
        code.ok_or_else(|| malformed(format!("unknown topology mapping code `{text}`")))
    };
    texts.iter().map(parse).collect()
}

impl Query {
    /// Checks a query.
    pub(super) fn parse(query: Option<BaseQuery>) -> Result<Self, AdminError> {
        let query = query.ok_or_else(|| malformed("field `base_query` is not set"))?;
        let operation = match TopologyChangeOp::try_from(query.operation) {
            Ok(TopologyChangeOp::Unspecified) => None,
            Ok(TopologyChangeOp::AddReplace) => Some(Operation::Replace),
            Ok(TopologyChangeOp::Remove) => Some(Operation::Remove),
            Err(_) => return Err(malformed(format!("unknown topology operation {}", query.operation))),
        };
        let time = match &query.time_query {
            Some(TimeQuery::HeadState(())) => TimeFilter::Head,
            Some(TimeQuery::Snapshot(at)) => TimeFilter::Snapshot(timestamp(at)?),
            Some(TimeQuery::Range(range)) => TimeFilter::Range {
                from: range.from.as_ref().map(timestamp).transpose()?,
                until: range.until.as_ref().map(timestamp).transpose()?,
            },
            None => return Err(malformed("field `time_query` is not set")),
        };
        let version = query.protocol_version.map(ProtocolVersion::of_number).transpose().map_err(malformed)?;
        Ok(Self {
            store: query.store.map(StoreName::parse).transpose()?,
            proposals: query.proposals,
            operation,
            time,
            signed_by_prefix: query.filter_signed_key,
            version: version.unwrap_or(ProtocolVersion::V35),
        })
    }

    /// The rows that are meant, by store.
    pub(super) async fn rows(
        &self,
        stores: &TopologyStores,
        filter: &RowFilter,
    ) -> Result<Vec<StoredRows>, AdminError> {
        let names = self.store.clone().map_or_else(|| stores.names(), |store| vec![store]);
        let mut all = Vec::with_capacity(names.len());
        for name in names {
            let mut found = stores.rows(&name, &filter.codes, self.proposals).await?;
            let as_of = found.as_of;
            found.rows.retain(|row| self.matches(row, as_of) && filter.matches(row));
            all.push(found);
        }
        Ok(all)
    }

    fn matches(&self, row: &TopologyRow, as_of: Option<CantonTimestamp>) -> bool {
        let in_force = |at: CantonTimestamp| row.valid_from < at && row.valid_until.is_none_or(|until| at <= until);
        let in_time = match self.time {
            TimeFilter::Head => as_of.map_or(row.valid_until.is_none(), in_force),
            TimeFilter::Snapshot(at) => in_force(at),
            TimeFilter::Range { from, until } => {
                from.is_none_or(|from| from <= row.valid_from) && until.is_none_or(|until| row.valid_from <= until)
            }
        };
        in_time
            && self.operation.is_none_or(|operation| operation == row.operation)
            && (self.signed_by_prefix.is_empty() || signed_by(row, &self.signed_by_prefix))
    }
}

/// Reads a time.
pub(super) fn timestamp(time: &prost_types::Timestamp) -> Result<CantonTimestamp, AdminError> {
    CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos).map_err(malformed)
}

fn signed_by(row: &TopologyRow, prefix: &str) -> bool {
    row.transaction().is_ok_and(|transaction| {
        transaction.signing_fingerprints().any(|fingerprint| fingerprint.as_str().starts_with(prefix))
    })
}
