//! `hashes.jsonl`: hash purposes, the hash builder, deterministic encoding, multihashes.

use serde_json::Value;
use synod_crypto::encoding::{put_bytes, put_instant, put_option, put_sequence, put_string, put_uvarint, read_uvarint};
use synod_crypto::{Hash, HashBuilder, HashPurpose};
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_types::CantonTimestamp;

/// Compares one case of `hashes.jsonl`.
pub(crate) fn check(case: &Case, tally: &mut Tally) {
    let result = match case.kind() {
        "digest" => digest(case),
        "builder" => builder(case),
        "encoding" => encoding(case),
        "multihash_parse" => multihash_parse(case),
        other => Err(format!("unknown kind {other}")),
    };
    tally.case(case.kind(), case.label(), result);
}

fn purpose(case: &Case) -> Result<HashPurpose, String> {
    int(case.integer("purpose_id")?).map(HashPurpose::of_id)
}

fn int(number: i64) -> Result<i32, String> {
    i32::try_from(number).map_err(|_| format!("{number} has more than 32 bits"))
}

fn digest(case: &Case) -> Result<(), String> {
    let hash = Hash::digest(purpose(case)?, &case.bytes("input")?);
    fields::same_bytes("multihash", &case.bytes("multihash")?, &hash.multihash())
}

fn builder(case: &Case) -> Result<(), String> {
    let begin = HashBuilder::new(purpose(case)?);
    let hash = case.list("ops")?.iter().try_fold(begin, apply)?.finish();
    fields::same_bytes("multihash", &case.bytes("multihash")?, &hash.multihash())
}

fn apply(builder: HashBuilder, op: &Value) -> Result<HashBuilder, String> {
    Ok(match fields::text(op, "op")? {
        "addString" => builder.add_string(fields::text(op, "v")?),
        "addByteString" => builder.add_byte_string(&fields::bytes(op, "v")?),
        "addWithoutLengthPrefix" => builder.add_without_length_prefix(&fields::bytes(op, "v")?),
        "addInt" => builder.add_int(int(fields::integer(op, "v")?)?),
        "addLong" => builder.add_long(fields::integer(op, "v")?),
        "addBool" => builder.add_bool(fields::boolean(op, "v")?),
        "addByte" => builder.add_byte(u8::try_from(fields::integer(op, "v")?).map_err(|error| error.to_string())?),
        "addHash" => builder.add_hash(&Hash::from_hex(fields::text(op, "v")?).map_err(|error| error.to_string())?),
        "addOptionalString" => builder.add_optional(fields::optional_text(op, "v")?, HashBuilder::add_string),
        "addStringSet" => builder.add_string_set(fields::texts(op, "v")?),
        "addIteratorInt" => {
            let numbers = fields::integers(op, "v")?.into_iter().map(int).collect::<Result<Vec<_>, _>>()?;
            builder.add_sequence(numbers, HashBuilder::add_int)
        }
        "addMapStringInt" => {
            let map = fields::value(op, "v")?.as_object().ok_or("field v is not an object")?;
            let entry = |(key, value): (&String, &Value)| Ok((key.clone(), int(fields::as_integer(value)?)?));
            let mut entries = map.iter().map(entry).collect::<Result<Vec<(String, i32)>, String>>()?;
            entries.sort();
            builder.add_sequence(entries, |builder, (key, value)| builder.add_string(&key).add_int(value))
        }
        other => return Err(format!("unknown operation {other}")),
    })
}

fn encoding(case: &Case) -> Result<(), String> {
    let mut found = Vec::new();
    match case.name() {
        name if name.starts_with("uvarint/") => {
            let number = u64::try_from(case.integer("v")?).map_err(|error| error.to_string())?;
            put_uvarint(&mut found, number);
            fields::same("read back", &Some((number, &[][..])), &read_uvarint(&found))?;
        }
        "instant" => {
            let time = CantonTimestamp::from_micros(case.integer("micros")?).map_err(|error| error.to_string())?;
            put_instant(&mut found, time);
        }
        "bytes" => put_bytes(&mut found, &case.bytes("v")?),
        "string" => put_string(&mut found, case.text("v")?),
        "optionSome" | "optionNone" => put_option(&mut found, fields::optional_text(&case.value, "v")?, put_string),
        "seq" => put_sequence(&mut found, fields::texts(&case.value, "v")?, put_string),
        other => return Err(format!("unknown encoding {other}")),
    }
    fields::same_bytes("bytes", &case.bytes("bytes")?, &found)
}

fn multihash_parse(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    let hash = Hash::from_multihash(&bytes);
    fields::same("accept", &case.boolean("accept")?, &hash.is_ok())?;
    match hash {
        // The header may be longer than it needs to be; the digest is always the last 32 bytes.
        Ok(hash) => fields::same_bytes("digest", &bytes[bytes.len() - 32..], hash.as_digest()),
        Err(_) => Ok(()),
    }
}
