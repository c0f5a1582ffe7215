//! Times and durations as the administration API writes them.

use std::time::Duration;

use synod_types::CantonTimestamp;

/// The message of a time.
pub(super) fn timestamp(time: CantonTimestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = time.as_seconds_and_nanos();
    prost_types::Timestamp { seconds, nanos }
}

/// The time of a message; `None` when it is none of a synchronizer.
pub(super) fn from_proto(time: &prost_types::Timestamp) -> Option<CantonTimestamp> {
    CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos).ok()
}

/// The message of a duration; one that is too long becomes the longest.
pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    prost_types::Duration { seconds, nanos: duration.subsec_nanos().cast_signed() }
}
