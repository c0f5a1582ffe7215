//! `topology_traces_*.jsonl.gz`: batches of topology transactions, what became of each, and all rows after each batch.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use serde_json::Value;
use synod_crypto::Hash;
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_topology::genesis::{self, StoredTransaction};
use synod_topology::{
    SignedTopologyTransaction, StaticSynchronizerParameters, TopologyRow, TopologyState, ValidatedTransaction,
    init_state,
};
use synod_types::{CantonTimestamp, Fingerprint, Member, PhysicalSynchronizerId, ProtocolVersion};

use super::aliases::Aliases;
use super::input::Input;
use super::topology_mappings::version;

/// Fields of traces that are for the reader: notes, and texts of rejections.
pub(super) const NOT_COMPARED: &[&str] = &[
    "trace.batches[].validated[].rejection.message",
    "trace.batches[].rows_after[].rejection",
    "trace.essential_state.rows[].rejection",
    "trace.initial_snapshots[].rows[].rejection",
    "trace.initial_snapshots[].error",
];

/// Compares a file.
pub(crate) fn check(input: &mut Input<'_>, tally: &mut Tally) {
    let mut aliases = Aliases::default();
    for case in input.by_ref() {
        let result = match case.kind() {
            "key" | "encryption_key" => match aliases.define(&case) {
                Ok(()) => continue,
                Err(reason) => Err(reason),
            },
            "trace" => trace(&case, &aliases),
            other => Err(format!("unknown kind {other}")),
        };
        tally.case(case.kind(), case.label(), result);
    }
}

/// A trace on its way.
pub(super) struct Replay {
    pub(super) version: ProtocolVersion,
    pub(super) state: TopologyState,
    pub(super) rows: Vec<TopologyRow>,
    /// The long-term keys that signed each row, by its id.
    signers: Vec<Vec<Fingerprint>>,
}

impl Replay {
    /// Before the first batch.
    pub(super) fn new(case: &Case) -> Result<Self, String> {
        let version = version(case)?;
        let psid = PhysicalSynchronizerId::parse(case.text("psid")?).map_err(|error| error.to_string())?;
        fields::same("protocol version of psid", &version, &psid.protocol_version())?;
        let parameters = StaticSynchronizerParameters::jce_defaults(version);
        Ok(Self { version, state: TopologyState::new(psid, &parameters), rows: Vec::new(), signers: Vec::new() })
    }

    /// Applies a batch.
    pub(super) fn batch(&mut self, batch: &Value) -> Result<Vec<ValidatedTransaction>, String> {
        let transactions = fields::list(batch, "txs")?
            .iter()
            .map(|transaction| {
                let bytes = fields::bytes(transaction, "bytes")?;
                SignedTopologyTransaction::parse(&bytes, self.version).map_err(|error| error.to_string())
            })
            .collect::<Result<_, String>>()?;
        let (sequenced, effective) = (time(batch, "sequenced")?, time(batch, "effective")?);
        let changes = self.state.apply(sequenced, effective, transactions, fields::boolean(batch, "relax")?);
        for row in changes.inserted {
            let transaction = row.transaction().map_err(|error| error.to_string())?;
            fields::same("proposal in the bytes", &row.is_proposal, &transaction.is_proposal())?;
            self.signers.push(transaction.signing_fingerprints().cloned().collect());
            self.rows.push(row);
        }
        for (id, until) in changes.closed {
            let row = self
                .rows
                .iter_mut()
                .find(|row| row.id == id)
                .ok_or_else(|| format!("row {id} is closed but not there"))?;
            row.valid_until = Some(until);
        }
        Ok(changes.validated)
    }

    /// Begins anew from the rows, as after a restart.
    fn reload(&mut self) -> Result<(), String> {
        let mut state = TopologyState::new(self.state.psid().clone(), self.state.static_parameters());
        state.load(self.rows.clone()).map_err(|error| error.to_string())?;
        fields::same("next row id", &self.state.next_row_id(), &state.next_row_id())?;
        self.state = state;
        Ok(())
    }
}

/// A field with a time.
pub(super) fn time(object: &Value, field: &str) -> Result<CantonTimestamp, String> {
    CantonTimestamp::from_micros(fields::integer(object, field)?).map_err(|error| error.to_string())
}

fn trace(case: &Case, aliases: &Aliases) -> Result<(), String> {
    let mut replay = Replay::new(case)?;
    let batches = case.list("batches")?;
    for (index, batch) in batches.iter().enumerate() {
        if index == batches.len() / 2 {
            replay.reload()?;
        }
        let named = |reason: String| format!("batch {index}: {reason}");
        let validated = replay.batch(batch).map_err(named)?;
        compare_validated(batch, &validated, aliases).map_err(named)?;
        compare_rows("rows_after", fields::list(batch, "rows_after")?, &replay.rows, &replay, aliases)
            .map_err(named)?;
    }
    let hash = init_state::hash(&replay.rows).to_hex();
    let expected = case.text("state_hash_all_rows_in_insertion_order")?;
    fields::same("state_hash_all_rows_in_insertion_order", &expected, &hash.as_str())?;
    let essential = fields::value(&case.value, "essential_state")?;
    compare_essential(essential, &replay, aliases).map_err(|reason| format!("essential_state: {reason}"))?;
    for snapshot in case.list("initial_snapshots")? {
        let member = fields::text(snapshot, "member")?;
        compare_initial(snapshot, &replay, aliases)
            .map_err(|reason| format!("initial snapshot of {member}: {reason}"))?;
    }
    Ok(())
}

fn signers<'a>(
    expected: &'a Value,
    keys: impl Iterator<Item = &'a Fingerprint>,
    aliases: &'a Aliases,
) -> Result<(), String> {
    let expected: BTreeSet<&str> = fields::texts(expected, "signers")?.into_iter().collect();
    let found: BTreeSet<&str> = keys.map(|key| aliases.of(key)).collect();
    fields::same("signers", &expected, &found)
}

fn compare_validated(batch: &Value, found: &[ValidatedTransaction], aliases: &Aliases) -> Result<(), String> {
    let expected = fields::list(batch, "validated")?;
    fields::same("number of transactions", &expected.len(), &found.len())?;
    for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
        let compare = || {
            fields::same("hash", &fields::text(expected, "hash")?, &found.tx_hash.to_hex().as_str())?;
            let rejection = fields::optional(expected, "rejection");
            let names = rejection.map(|value| Ok((fields::text(value, "class")?, fields::text(value, "code")?)));
            let names: Option<(&str, &str)> = names.transpose().map_err(|reason: String| reason)?;
            let found_names = found.rejection.as_ref().map(|rejection| (rejection.class(), rejection.code()));
            fields::same("rejection", &names, &found_names)?;
            fields::same("is_proposal", &fields::boolean(expected, "is_proposal")?, &found.is_proposal)?;
            signers(expected, found.signers.iter(), aliases)
        };
        compare().map_err(|reason: String| format!("transaction {index}: {reason}"))?;
    }
    Ok(())
}

fn compare_rows(
    what: &str,
    expected: &[Value],
    found: &[TopologyRow],
    replay: &Replay,
    aliases: &Aliases,
) -> Result<(), String> {
    fields::same(&format!("number of {what}"), &expected.len(), &found.len())?;
    for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
        compare_row(expected, found, replay, aliases).map_err(|reason| format!("{what}: row {index}: {reason}"))?;
    }
    Ok(())
}

fn compare_row(expected: &Value, found: &TopologyRow, replay: &Replay, aliases: &Aliases) -> Result<(), String> {
    fields::same("hash", &fields::text(expected, "hash")?, &found.tx_hash.to_hex().as_str())?;
    fields::same("from", &fields::integer(expected, "from")?, &found.valid_from.as_micros())?;
    let until = found.valid_until.map(CantonTimestamp::as_micros);
    fields::same("until", &fields::optional_integer(expected, "until")?, &until)?;
    fields::same("seq", &fields::integer(expected, "seq")?, &found.sequenced.as_micros())?;
    fields::same("proposal", &fields::boolean(expected, "proposal")?, &found.is_proposal)?;
    let rejected = fields::optional(expected, "rejection").is_some();
    fields::same("rejected", &rejected, &found.rejection.is_some())?;
    let keys = usize::try_from(found.id).ok().and_then(|id| replay.signers.get(id)).ok_or("a row is out of order")?;
    signers(expected, keys.iter(), aliases)
}

fn compare_essential(expected: &Value, replay: &Replay, aliases: &Aliases) -> Result<(), String> {
    let as_of = time(expected, "as_of_sequenced_inclusive")?;
    let latest = replay.rows.iter().map(|row| row.sequenced).max();
    fields::same("as_of_sequenced_inclusive", &Some(as_of), &latest)?;
    let rows = init_state::select(replay.rows.clone(), as_of);
    compare_rows("rows", fields::list(expected, "rows")?, &rows, replay, aliases)?;
    fields::same("hash", &fields::text(expected, "hash")?, &init_state::hash(&rows).to_hex().as_str())?;
    let stream = fields::bytes(expected, "delimited_stream_v2")?;
    let parsed = genesis::parse_v2(&stream, replay.version).map_err(|error| error.to_string())?;
    compare_stored(&parsed, &rows, replay.version)?;
    // Canton's texts of rejections, and its order of signatures, are in its bytes: so it is those that are written again.
    let items = split(&stream)?;
    let again = genesis::parse_stored_items(&items, replay.version).map_err(|error| error.to_string())?;
    fields::same_bytes("delimited_stream_v2", &stream, &genesis::encode_v2(&again, replay.version))?;
    let plain = fields::bytes(expected, "plain_v30_proto")?;
    fields::same_bytes("plain_v30_proto", &plain, &genesis::transactions_proto(&again).encode_to_vec())?;
    let list = genesis::parse_v1(&genesis::encode_v1(&rows, replay.version), replay.version);
    compare_stored(&list.map_err(|error| error.to_string())?, &rows, replay.version)
}

fn split(stream: &Bytes) -> Result<Vec<Bytes>, String> {
    let mut rest = stream.clone();
    let mut items = Vec::new();
    while !rest.is_empty() {
        let length = prost::decode_length_delimiter(&mut rest).map_err(|error| error.to_string())?;
        items.push(rest.split_to(length.min(rest.len())));
    }
    Ok(items)
}

fn compare_stored(parsed: &[StoredTransaction], rows: &[TopologyRow], version: ProtocolVersion) -> Result<(), String> {
    fields::same("number of stored transactions", &rows.len(), &parsed.len())?;
    for (row, stored) in rows.iter().zip(parsed) {
        let own = StoredTransaction::from_row(row, version).map_err(|error| error.to_string())?;
        let hash = |stored: &StoredTransaction| *stored.transaction.transaction().hash();
        let keys = |stored: &StoredTransaction| -> BTreeSet<Fingerprint> {
            stored.transaction.signing_fingerprints().cloned().collect()
        };
        let times = |stored: &StoredTransaction| (stored.sequenced, stored.valid_from, stored.valid_until);
        let flags = |stored: &StoredTransaction| (stored.transaction.is_proposal(), stored.rejection.is_some());
        fields::same::<Hash>("hash of a stored transaction", &hash(&own), &hash(stored))?;
        fields::same("times of a stored transaction", &times(&own), &times(stored))?;
        fields::same("flags of a stored transaction", &flags(&own), &flags(stored))?;
        fields::same("signers of a stored transaction", &keys(&own), &keys(stored))?;
    }
    Ok(())
}

fn compare_initial(expected: &Value, replay: &Replay, aliases: &Aliases) -> Result<(), String> {
    let member = Member::parse(fields::text(expected, "member")?).map_err(|error| error.to_string())?;
    let reference = init_state::reference_time(&replay.state, &member, None);
    fields::same("ok", &fields::boolean(expected, "ok")?, &reference.is_ok())?;
    let Ok(reference) = reference else { return Ok(()) };
    let rows = init_state::select(replay.rows.clone(), reference);
    compare_rows("rows", fields::list(expected, "rows")?, &rows, replay, aliases)?;
    fields::same("hash", &fields::text(expected, "hash")?, &init_state::hash(&rows).to_hex().as_str())
}
