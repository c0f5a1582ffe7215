//! Writing protobuf as Canton does: fields in the order of their numbers, proto3 defaults left out.

/// Appends a varint.
pub(crate) fn put_varint(buffer: &mut Vec<u8>, value: u64) {
    let mut rest = value;
    while rest > 0x7f {
        buffer.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    buffer.push(rest.to_le_bytes()[0]);
}

/// How many bytes [`put_varint`] appends.
pub(crate) const fn varint_size(value: u64) -> usize {
    (63 - (value | 1).leading_zeros()) as usize / 7 + 1
}

/// How many bytes a field of this many bytes has, when its number is below 16.
pub(crate) const fn field_size(length: usize) -> usize {
    1 + varint_size(length as u64) + length
}

/// Appends a field of bytes, a text or a message, even when it is empty.
pub(crate) fn put_delimited(buffer: &mut Vec<u8>, field: u32, content: &[u8]) {
    put_header(buffer, field, content.len());
    buffer.extend_from_slice(content);
}

/// Appends what comes before a field of this many bytes.
pub(crate) fn put_header(buffer: &mut Vec<u8>, field: u32, length: usize) {
    put_varint(buffer, u64::from(crate::reader::delimited(field)));
    put_varint(buffer, length as u64);
}

/// Appends a field of bytes or a text, unless it is empty.
pub(crate) fn put_bytes(buffer: &mut Vec<u8>, field: u32, content: &[u8]) {
    if !content.is_empty() {
        put_delimited(buffer, field, content);
    }
}

/// Appends a number, even when it is 0.
pub(crate) fn put_number(buffer: &mut Vec<u8>, field: u32, value: i64) {
    put_varint(buffer, u64::from(crate::reader::varint(field)));
    put_varint(buffer, value.cast_unsigned());
}

/// Appends a number, unless it is 0.
pub(crate) fn put_int(buffer: &mut Vec<u8>, field: u32, value: i64) {
    if value != 0 {
        put_number(buffer, field, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_what_is_written() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX] {
            let mut buffer = Vec::new();
            put_varint(&mut buffer, value);
            assert_eq!(buffer.len(), varint_size(value), "{value}");
        }
    }
}
