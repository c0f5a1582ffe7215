//! Numbers as the JVM sees them: unsigned ones on the wire are signed there.

use crate::InvalidMessage;

/// A `uint32` that is not negative on the JVM.
pub(crate) fn non_negative_u32(field: &'static str, number: u32) -> Result<u32, InvalidMessage> {
    if number.cast_signed() < 0 {
        return Err(InvalidMessage::Number { field, value: number.cast_signed().into() });
    }
    Ok(number)
}

/// A `uint32` that is above zero on the JVM.
pub(crate) fn positive_u32(field: &'static str, number: u32) -> Result<u32, InvalidMessage> {
    if number == 0 { Err(InvalidMessage::Number { field, value: 0 }) } else { non_negative_u32(field, number) }
}

/// A `uint64` that is not negative on the JVM.
pub(crate) fn non_negative_i64(field: &'static str, number: u64) -> Result<i64, InvalidMessage> {
    i64::try_from(number).map_err(|_| InvalidMessage::Number { field, value: number.cast_signed() })
}
