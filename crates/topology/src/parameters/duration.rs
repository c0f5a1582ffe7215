//! Durations as Canton reads and writes them (`DurationConverter`, `RefinedDurations`).

use std::time::Duration;

use crate::InvalidMessage;

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// A duration that is not negative. The nanoseconds may be any number: whole seconds in them count as such.
pub(crate) fn non_negative(
    field: &'static str,
    proto: Option<prost_types::Duration>,
) -> Result<Duration, InvalidMessage> {
    let prost_types::Duration { seconds, nanos } = proto.ok_or(InvalidMessage::FieldNotSet { field })?;
    let invalid = InvalidMessage::Duration { field };
    let carry = i64::from(nanos.div_euclid(NANOS_PER_SECOND));
    let seconds = seconds.checked_add(carry).and_then(|seconds| u64::try_from(seconds).ok()).ok_or(invalid)?;
    let nanos = nanos.rem_euclid(NANOS_PER_SECOND).cast_unsigned();
    Ok(Duration::new(seconds, nanos))
}

/// A duration above zero.
pub(crate) fn positive(field: &'static str, proto: Option<prost_types::Duration>) -> Result<Duration, InvalidMessage> {
    let duration = non_negative(field, proto)?;
    if duration.is_zero() { Err(InvalidMessage::Duration { field }) } else { Ok(duration) }
}

/// A duration of at least one second, and of whole seconds.
pub(crate) fn positive_seconds(
    field: &'static str,
    proto: Option<prost_types::Duration>,
) -> Result<Duration, InvalidMessage> {
    let duration = positive(field, proto)?;
    if duration.subsec_nanos() == 0 { Ok(duration) } else { Err(InvalidMessage::Duration { field }) }
}

/// The message of a duration. One above 2⁶³ − 1 seconds, which none that was read is, is held there.
pub(crate) fn to_proto(duration: Duration) -> Option<prost_types::Duration> {
    Some(prost_types::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        nanos: duration.subsec_nanos().cast_signed(),
    })
}
