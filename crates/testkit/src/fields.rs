//! Typed access to the fields of a JSON object of the test data.
//!
//! Each function takes the object and the name of a field. An error is a short text that names the field, because a case
//! in which a field is missing or has another type is a failed case, with that text as the reason.

use bytes::Bytes;
use serde_json::Value;

/// The field, whatever it is; `null` counts as missing.
pub fn value<'a>(object: &'a Value, field: &str) -> Result<&'a Value, String> {
    optional(object, field).ok_or_else(|| format!("field {field} is missing"))
}

/// The field, or `None` when it is missing or `null`.
#[must_use]
pub fn optional<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.get(field).filter(|value| !value.is_null())
}

/// A text.
pub fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str, String> {
    value(object, field)?.as_str().ok_or_else(|| format!("field {field} is not a text"))
}

/// A text, or `None` when the field is missing or `null`.
pub fn optional_text<'a>(object: &'a Value, field: &str) -> Result<Option<&'a str>, String> {
    optional(object, field).map(|_| text(object, field)).transpose()
}

/// A boolean.
pub fn boolean(object: &Value, field: &str) -> Result<bool, String> {
    value(object, field)?.as_bool().ok_or_else(|| format!("field {field} is not a boolean"))
}

/// A whole number, given as a JSON number or as a decimal text.
pub fn integer(object: &Value, field: &str) -> Result<i64, String> {
    as_integer(value(object, field)?).map_err(|reason| format!("field {field}: {reason}"))
}

/// A whole number, or `None` when the field is missing or `null`.
pub fn optional_integer(object: &Value, field: &str) -> Result<Option<i64>, String> {
    optional(object, field).map(|_| integer(object, field)).transpose()
}

/// Bytes in hex, with or without the prefix `\x` of PostgreSQL.
pub fn bytes(object: &Value, field: &str) -> Result<Bytes, String> {
    as_bytes(value(object, field)?).map_err(|reason| format!("field {field}: {reason}"))
}

/// Bytes, or `None` when the field is missing or `null`.
pub fn optional_bytes(object: &Value, field: &str) -> Result<Option<Bytes>, String> {
    optional(object, field).map(|_| bytes(object, field)).transpose()
}

/// A list.
pub fn list<'a>(object: &'a Value, field: &str) -> Result<&'a [Value], String> {
    value(object, field)?.as_array().map(Vec::as_slice).ok_or_else(|| format!("field {field} is not a list"))
}

/// A list of texts.
pub fn texts<'a>(object: &'a Value, field: &str) -> Result<Vec<&'a str>, String> {
    let item = |item: &'a Value| item.as_str().ok_or_else(|| format!("field {field} holds something else than texts"));
    list(object, field)?.iter().map(item).collect()
}

/// A list of whole numbers.
pub fn integers(object: &Value, field: &str) -> Result<Vec<i64>, String> {
    let item = |item| as_integer(item).map_err(|reason| format!("field {field}: {reason}"));
    list(object, field)?.iter().map(item).collect()
}

/// A list of bytes in hex.
pub fn bytes_list(object: &Value, field: &str) -> Result<Vec<Bytes>, String> {
    let item = |item| as_bytes(item).map_err(|reason| format!("field {field}: {reason}"));
    list(object, field)?.iter().map(item).collect()
}

/// The value itself as a whole number: a JSON number or a decimal text.
pub fn as_integer(value: &Value) -> Result<i64, String> {
    match value {
        Value::Number(number) => number.as_i64().ok_or_else(|| format!("{number} is no 64-bit integer")),
        Value::String(text) => text.parse().map_err(|_| format!("{text:?} is no 64-bit integer")),
        other => Err(format!("{other} is no integer")),
    }
}

/// The value itself as bytes in hex.
pub fn as_bytes(value: &Value) -> Result<Bytes, String> {
    from_hex(value.as_str().ok_or_else(|| format!("{value} is no hex text"))?)
}

/// Hex, with or without the prefix `\x`, to bytes.
pub fn from_hex(text: &str) -> Result<Bytes, String> {
    let digits = text.strip_prefix("\\x").unwrap_or(text);
    hex::decode(digits).map(Bytes::from).map_err(|error| format!("not hex ({error}): {}", shorten(digits, 40)))
}

/// Bytes to lower-case hex without a prefix.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

/// `Ok` when both are equal, else a text that shows the first difference.
pub fn same_bytes(what: &str, expected: &[u8], found: &[u8]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let at = expected.iter().zip(found).take_while(|(left, right)| left == right).count();
    let window = |bytes: &[u8]| shorten(&to_hex(&bytes[at.min(bytes.len())..]), 48);
    Err(format!(
        "{what}: byte {at} differs: expected {} ({} bytes), found {} ({} bytes)",
        window(expected),
        expected.len(),
        window(found),
        found.len()
    ))
}

/// `Ok` when both are equal, else a text that shows both.
pub fn same<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("{what}: expected {expected:?}, found {found:?}"))
}

/// The text, cut to so many characters.
#[must_use]
pub fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
