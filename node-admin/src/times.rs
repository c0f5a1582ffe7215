//! Times and durations of the administration API.

use std::time::Duration;

use synod_types::CantonTimestamp;

/// A time, for a message.
pub(crate) fn to_proto(time: CantonTimestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.as_seconds_and_nanos();
    prost_types::Timestamp { seconds, nanos }
}

/// A time in the field `field` of a message that has to be set; what is wrong with it otherwise.
pub(crate) fn required(field: &str, time: Option<prost_types::Timestamp>) -> Result<CantonTimestamp, String> {
    let time = time.ok_or_else(|| not_set(field))?;
    CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos).map_err(|error| error.to_string())
}

/// A duration in the field `field` that has to be set and must not be negative; what is wrong with it otherwise.
pub(crate) fn duration(field: &str, duration: Option<prost_types::Duration>) -> Result<Duration, String> {
    let duration = duration.ok_or_else(|| not_set(field))?;
    Duration::try_from(duration).map_err(|_| format!("Duration in `{field}` should be non-negative"))
}

/// A duration that is set, and is a positive number of whole seconds (Canton's `PositiveSeconds`).
pub(crate) fn positive_seconds(field: &str, value: Option<prost_types::Duration>) -> Result<Duration, String> {
    let found = duration(field, value)?;
    if found.is_zero() || found.subsec_nanos() != 0 {
        return Err(format!("Duration in `{field}` should be positive and rounded to the second, found: {found:?}"));
    }
    Ok(found)
}

/// A duration, for a message.
pub(crate) fn duration_to_proto(duration: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(duration).ok()
}

/// A duration as Canton writes it: in the coarsest unit in which it is a whole number.
pub(crate) fn text(duration: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("day", 86_400_000_000_000),
        ("hour", 3_600_000_000_000),
        ("minute", 60_000_000_000),
        ("second", 1_000_000_000),
        ("millisecond", 1_000_000),
        ("microsecond", 1_000),
        ("nanosecond", 1),
    ];
    let nanos = duration.as_nanos();
    let (unit, size) = UNITS.into_iter().find(|(_, size)| nanos.is_multiple_of(*size)).unwrap_or(("nanosecond", 1));
    let number = nanos / size;
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// What is said of a field that is not set.
pub(crate) fn not_set(field: &str) -> String {
    format!("Field `{field}` is not set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_the_coarsest_unit() {
        let texts = [(90_000, "90 seconds"), (60_000, "1 minute"), (1_500, "1500 milliseconds"), (0, "0 days")];
        for (millis, expected) in texts {
            assert_eq!(text(Duration::from_millis(millis)), expected);
        }
    }
}
