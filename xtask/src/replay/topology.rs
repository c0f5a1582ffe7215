//! `common_topology_transactions`: the topology of the synchronizer, row by row.

use std::collections::BTreeSet;

use synod_testkit::recordings::Row;
use synod_testkit::{Tally, fields};
use synod_topology::TopologyRow;
use synod_types::CantonTimestamp;

use super::feed::Replayed;
use super::node::Node;

const CATEGORY: &str = "topology rows";

pub(super) fn compare(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    let rows = node.table("common_topology_transactions")?;
    let (rows, own) = of_synchronizer(rows)?;
    for _ in 0..own {
        tally.skip(CATEGORY, "rows of the node's own store, which no block changes");
    }
    for (index, row) in rows.iter().enumerate() {
        let result = replayed.topology.get(index).ok_or_else(|| "there is no such row".to_owned());
        let label = format!("row {index} {}", fields::shorten(fields::text(row, "tx_hash")?, 20));
        tally.case(CATEGORY, label, result.and_then(|found| same(row, found)));
    }
    for row in replayed.topology.iter().skip(rows.len()) {
        tally.case(CATEGORY, format!("row {}", row.id), Err("was not recorded".to_owned()));
    }
    Ok(())
}

/// The rows of the synchronizer's store in order of insertion, and how many there are of other stores. It is the one that
/// has rows at the time of genesis.
pub(super) fn of_synchronizer(rows: Vec<Row>) -> Result<(Vec<Row>, usize), String> {
    let genesis = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.as_micros();
    let mut stores = BTreeSet::new();
    for row in &rows {
        if fields::integer(row, "sequenced")? == genesis {
            stores.insert(fields::integer(row, "store_id")?);
        }
    }
    let mut kept = Vec::new();
    let mut own = 0;
    for row in rows {
        if stores.contains(&fields::integer(&row, "store_id")?) {
            kept.push((fields::integer(&row, "id")?, row));
        } else {
            own += 1;
        }
    }
    kept.sort_by_key(|(id, _)| *id);
    Ok((kept.into_iter().map(|(_, row)| row).collect(), own))
}

fn same(row: &Row, found: &TopologyRow) -> Result<(), String> {
    let integer = |column: &str, value: i64| fields::same(column, &fields::integer(row, column)?, &value);
    integer("sequenced", found.sequenced.as_micros())?;
    integer("valid_from", found.valid_from.as_micros())?;
    let until = found.valid_until.map(CantonTimestamp::as_micros);
    fields::same("valid_until", &fields::optional_integer(row, "valid_until")?, &until)?;
    integer("batch_idx", i64::from(found.batch_index))?;
    integer("transaction_type", i64::from(found.code.number()))?;
    integer("operation", i64::from(found.operation.number()))?;
    integer("serial_counter", i64::from(found.serial))?;
    fields::same("namespace", &fields::text(row, "namespace")?, &found.namespace.as_str())?;
    fields::same("identifier", &fields::text(row, "identifier")?, &found.identifier.as_deref().unwrap_or_default())?;
    fields::same("is_proposal", &fields::boolean(row, "is_proposal")?, &found.is_proposal)?;
    fields::same("rejection_reason", &fields::optional_text(row, "rejection_reason")?, &found.rejection.as_deref())?;
    fields::same_bytes("mapping_key_hash", &fields::bytes(row, "mapping_key_hash")?, &found.unique_key.multihash())?;
    fields::same_bytes("tx_hash", &fields::bytes(row, "tx_hash")?, &found.tx_hash.multihash())?;
    fields::same_bytes("instance", &fields::bytes(row, "instance")?, &found.signed)
}
