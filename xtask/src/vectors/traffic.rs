//! `traffic.jsonl`: costs of events, the base rate, accrual and consumption.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use synod_machine::traffic::{TrafficBalance, WeighedEnvelope, base_rate, event_cost};
use synod_testkit::{Tally, fields};
use synod_topology::TrafficControlParameters;
use synod_types::{CantonTimestamp, ProtocolVersion, Recipient};
use synod_wire::{Batch, TrafficReceipt};

use super::Input;
use synod_testkit::vectors::Case;

/// Envelopes of the vectors are far smaller.
const LIMIT: usize = 1 << 24;

/// What only describes a case: the parts of a cost are in its sum, and the text of a number is in its bits.
pub(crate) const NOT_COMPARED: &[&str] = &["event_cost.batch_name", "accrual.initial"];

/// Compares the file. A batch is given once, with its name; later cases only name it.
pub(crate) fn check(input: &mut Input<'_>, tally: &mut Tally) {
    let mut batches = BTreeMap::new();
    for case in input {
        let result = match case.kind() {
            "event_cost" => cost(&case, &mut batches),
            "base_rate" => rate(&case),
            "accrual" => accrual(&case),
            other => Err(format!("unknown kind {other}")),
        };
        tally.case(case.kind(), case.label(), result);
    }
}

fn cost(case: &Case, batches: &mut BTreeMap<String, Bytes>) -> Result<(), String> {
    let name = case.text("batch_name")?;
    if let Some(bytes) = fields::optional_bytes(&case.value, "batch")? {
        batches.insert(name.to_owned(), bytes);
    }
    let bytes = batches.get(name).ok_or_else(|| format!("no batch {name}"))?;
    let version = version(case)?;
    let batch = Batch::parse(bytes, version, LIMIT).map_err(|error| error.to_string())?;
    let sizes = group_sizes(case)?;
    let parameters = TrafficControlParameters {
        read_vs_write_scaling_factor: number(case, "cost_multiplier")?,
        base_event_cost: case.integer("base_event_cost")?,
        ..TrafficControlParameters::default()
    };
    let size = |recipient: &Recipient| sizes.get(&recipient.to_string()).copied().unwrap_or(0);
    let weighed = weigh(&batch, case.text("form")?)?;
    let distinct = distinct(&weighed);
    fields::same("distinct_envelopes", &number::<usize>(case, "distinct_envelopes")?, &distinct.len())?;
    let found = event_cost(weighed, &parameters, size);
    fields::same("event_cost", &case.integer("event_cost")?, &found)?;
    envelopes(case, distinct, &parameters, size)
}

/// The parts of the cost: of each different envelope what writing and reading it costs.
fn envelopes(
    case: &Case,
    distinct: Vec<WeighedEnvelope<'_>>,
    parameters: &TrafficControlParameters,
    size: impl Fn(&Recipient) -> usize + Copy,
) -> Result<(), String> {
    let without_base = TrafficControlParameters { base_event_cost: 0, ..parameters.clone() };
    let mut found = Vec::new();
    for envelope in distinct {
        let write = i64::try_from(envelope.size).map_err(|error| error.to_string())?;
        let total = event_cost([envelope], &without_base, size);
        found.push((write, total - write, total));
    }
    let part = |part: &Value| {
        Ok((fields::integer(part, "write")?, fields::integer(part, "read")?, fields::integer(part, "final")?))
    };
    let mut expected = case.list("envelopes")?.iter().map(part).collect::<Result<Vec<_>, String>>()?;
    // Canton keeps them in a map.
    expected.sort_unstable();
    found.sort_unstable();
    fields::same("envelopes", &expected, &found)
}

/// The envelopes as they are compared: as received, or opened.
fn weigh<'a>(batch: &'a Batch, form: &str) -> Result<Vec<WeighedEnvelope<'a>>, String> {
    let mut weighed = Vec::with_capacity(batch.len());
    for (index, recipients) in batch.recipients().iter().enumerate() {
        let envelope = batch.open_envelope(index, LIMIT).map_err(|error| error.to_string())?;
        let identity = match form {
            "as received" => batch.envelope_identity(index),
            "uncompressed" => envelope.encode().into(),
            other => return Err(format!("unknown form {other}")),
        };
        weighed.push(WeighedEnvelope { identity, recipients, size: envelope.content.len() });
    }
    Ok(weighed)
}

fn distinct<'a>(envelopes: &[WeighedEnvelope<'a>]) -> Vec<WeighedEnvelope<'a>> {
    let mut distinct: Vec<WeighedEnvelope<'a>> = Vec::new();
    for envelope in envelopes {
        let same = |other: &WeighedEnvelope<'_>| {
            other.identity == envelope.identity && other.recipients == envelope.recipients
        };
        if !distinct.iter().any(same) {
            distinct.push(envelope.clone());
        }
    }
    distinct
}

fn group_sizes(case: &Case) -> Result<BTreeMap<String, usize>, String> {
    let sizes = fields::value(&case.value, "group_sizes")?.as_object().ok_or("field group_sizes is not an object")?;
    let size = |(group, size): (&String, &Value)| {
        let size = usize::try_from(fields::as_integer(size)?).map_err(|error| error.to_string())?;
        Ok((group.clone(), size))
    };
    sizes.iter().map(size).collect()
}

fn parameters(case: &Case) -> Result<TrafficControlParameters, String> {
    Ok(TrafficControlParameters {
        max_base_traffic_amount: case.integer("max_base_traffic_amount")?,
        max_base_traffic_accumulation_duration: Duration::from_micros(number(case, "accumulation_duration_micros")?),
        ..TrafficControlParameters::default()
    })
}

fn rate(case: &Case) -> Result<(), String> {
    let found = base_rate(&parameters(case)?);
    fields::same("base_rate_bits", &case.text("base_rate_bits")?, &format!("{:x}", found.to_bits()).as_str())?;
    let text: f64 = case.text("base_rate_double")?.parse().map_err(|_| "not a number".to_owned())?;
    fields::same("base_rate_double", &text.to_bits(), &found.to_bits())
}

fn accrual(case: &Case) -> Result<(), String> {
    let parameters = parameters(case)?;
    let mut balance = TrafficBalance { time: time(case.integer("initial_timestamp")?)?, ..TrafficBalance::INITIAL };
    for (index, step) in case.list("steps")?.iter().enumerate() {
        let now = time(fields::integer(step, "now")?)?;
        let cost = fields::integer(step, "cost")?;
        let affordable = balance.advanced(now, &parameters).available(0) >= i128::from(cost);
        balance = match fields::text(step, "op")? {
            "consume" => balance.consumed(now, &parameters, cost),
            "update_timestamp" => balance.advanced(now, &parameters),
            other => return Err(format!("unknown operation {other}")),
        };
        same_balance(step, &balance, affordable).map_err(|reason| format!("step {index}: {reason}"))?;
    }
    Ok(())
}

fn same_balance(step: &Value, balance: &TrafficBalance, affordable: bool) -> Result<(), String> {
    fields::same("error", &None, &fields::optional(step, "error"))?;
    let can = if affordable { "yes" } else { "no" };
    fields::same("can_consume_without_purchased", &fields::text(step, "can_consume_without_purchased")?, &can)?;
    fields::same("extra_consumed", &fields::integer(step, "extra_consumed")?, &balance.extra_consumed)?;
    fields::same("base_remainder", &fields::integer(step, "base_remainder")?, &balance.base_remainder)?;
    fields::same("last_cost", &fields::integer(step, "last_cost")?, &balance.last_cost)?;
    let receipt = TrafficReceipt {
        consumed_cost: balance.last_cost,
        extra_traffic_consumed: balance.extra_consumed,
        base_traffic_remainder: balance.base_remainder,
    };
    fields::same_bytes("receipt_proto", &fields::bytes(step, "receipt_proto")?, &receipt.to_proto_bytes())
}

fn version(case: &Case) -> Result<ProtocolVersion, String> {
    ProtocolVersion::of_number(number(case, "pv")?).map_err(|error| error.to_string())
}

fn time(micros: i64) -> Result<CantonTimestamp, String> {
    CantonTimestamp::from_micros(micros).map_err(|error| error.to_string())
}

fn number<T: TryFrom<i64>>(case: &Case, field: &str) -> Result<T, String> {
    let number = case.integer(field)?;
    T::try_from(number).map_err(|_| format!("field {field}: {number} is out of range"))
}
