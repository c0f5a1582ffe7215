//! Bytes that are hashed rather than sent (`DeterministicEncoding`). Numbers are big endian.
//!
//! Each `put_…` appends to a buffer.

use std::cmp::Ordering;

use synod_types::CantonTimestamp;

const UVARINT_LIMIT: usize = 9;

/// Appends an unsigned number in groups of seven bits, the lowest first.
pub fn put_uvarint(buffer: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest > 0x7f {
        buffer.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    buffer.push(rest.to_le_bytes()[0]);
}

/// Reads what [`put_uvarint`] writes, with leading zero groups allowed, and returns the bytes behind it. `None` when
/// the bytes end inside the number or it has more than nine of them (`DeterministicEncoding.decodeUVarInt`).
#[must_use]
pub fn read_uvarint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().take(UVARINT_LIMIT).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

/// Appends four bytes.
pub fn put_int(buffer: &mut Vec<u8>, number: i32) {
    buffer.extend_from_slice(&number.to_be_bytes());
}

/// Appends eight bytes.
pub fn put_long(buffer: &mut Vec<u8>, number: i64) {
    buffer.extend_from_slice(&number.to_be_bytes());
}

/// Appends the length as four bytes, then `bytes`.
pub fn put_bytes(buffer: &mut Vec<u8>, bytes: &[u8]) {
    buffer.extend_from_slice(&length_prefix(bytes.len()));
    buffer.extend_from_slice(bytes);
}

/// Appends the UTF-8 bytes of `text` as [`put_bytes`] does.
pub fn put_string(buffer: &mut Vec<u8>, text: &str) {
    put_bytes(buffer, text.as_bytes());
}

/// Appends seconds since the epoch as eight bytes, then the nanoseconds above them as four.
pub fn put_instant(buffer: &mut Vec<u8>, time: CantonTimestamp) {
    let (seconds, nanos) = time.as_seconds_and_nanos();
    put_long(buffer, seconds);
    put_int(buffer, nanos);
}

/// Appends a byte 0 for `None`, or 1 and then the value by `put`.
pub fn put_option<T>(buffer: &mut Vec<u8>, value: Option<T>, put: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        None => buffer.push(0),
        Some(value) => {
            buffer.push(1);
            put(buffer, value);
        }
    }
}

/// Appends the number of items as four bytes, then each by `put`.
pub fn put_sequence<I>(buffer: &mut Vec<u8>, items: I, mut put: impl FnMut(&mut Vec<u8>, I::Item))
where
    I: IntoIterator<IntoIter: ExactSizeIterator>,
{
    let items = items.into_iter();
    buffer.extend_from_slice(&length_prefix(items.len()));
    items.for_each(|item| put(buffer, item));
}

/// A length as `int32`. The JVM knows no longer ones, and every limit on messages is far below; longer would be held
/// at the largest number rather than wrap around to a small one.
pub(crate) fn length_prefix(length: usize) -> [u8; 4] {
    i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes()
}

/// Order of JVM strings: by UTF-16 units, which differs from Rust's order of code points beyond the basic plane.
#[must_use]
pub fn jvm_string_order(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}
