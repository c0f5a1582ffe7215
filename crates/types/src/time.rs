//! Time as Canton counts it (chapter 01 §7).

use std::fmt;
use std::time::Duration;

use crate::TimestampOutOfRange;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Microseconds since the Unix epoch, UTC, from the year 1 to the year 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CantonTimestamp(i64);

impl CantonTimestamp {
    /// 0001-01-01T00:00:00Z.
    pub const MIN: Self = Self(-62_135_596_800_000_000);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// Sequenced and effective time of the genesis topology
    /// (`SignedTopologyTransaction.InitialTopologySequencingTime`).
    pub const INITIAL_TOPOLOGY_SEQUENCING_TIME: Self = Self(Self::MIN.0 + 1);

    /// The time `micros` microseconds after the epoch.
    ///
    /// # Errors
    /// [`TimestampOutOfRange`] outside of [`Self::MIN`] to [`Self::MAX`].
    pub const fn from_micros(micros: i64) -> Result<Self, TimestampOutOfRange> {
        if micros < Self::MIN.0 || micros > Self::MAX.0 {
            return Err(TimestampOutOfRange { micros });
        }
        Ok(Self(micros))
    }

    /// A `google.protobuf.Timestamp`, floored to microseconds.
    ///
    /// # Errors
    /// [`TimestampOutOfRange`] outside of [`Self::MIN`] to [`Self::MAX`].
    pub fn from_seconds_and_nanos(seconds: i64, nanos: i32) -> Result<Self, TimestampOutOfRange> {
        let micros = i128::from(seconds) * i128::from(MICROS_PER_SECOND) + i128::from(nanos.div_euclid(1_000));
        let saturated = if micros > 0 { i64::MAX } else { i64::MIN };
        Self::from_micros(i64::try_from(micros).unwrap_or(saturated))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch (floored) and the nanoseconds above them.
    #[must_use]
    pub const fn as_seconds_and_nanos(self) -> (i64, i32) {
        let nanos = self.0.rem_euclid(MICROS_PER_SECOND) * 1_000;
        #[allow(clippy::cast_possible_truncation, reason = "below 10⁹")]
        (self.0.div_euclid(MICROS_PER_SECOND), nanos as i32)
    }

    /// One microsecond later, the smallest step; [`Self::MAX`] stays.
    #[must_use]
    pub const fn immediate_successor(self) -> Self {
        self.saturating_add_micros(1)
    }

    /// One microsecond earlier; [`Self::MIN`] stays.
    #[must_use]
    pub const fn immediate_predecessor(self) -> Self {
        self.saturating_add_micros(-1)
    }

    /// `micros` later (earlier when negative), held at the ends of the range.
    #[must_use]
    pub const fn saturating_add_micros(self, micros: i64) -> Self {
        let sum = self.0.saturating_add(micros);
        if sum < Self::MIN.0 {
            Self::MIN
        } else if sum > Self::MAX.0 {
            Self::MAX
        } else {
            Self(sum)
        }
    }

    /// `duration` later, floored to microseconds and held at [`Self::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.saturating_add_micros(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }

    /// `duration` earlier, floored to microseconds and held at [`Self::MIN`].
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        self.saturating_add_micros(-i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
    }

    /// Microseconds from `earlier` to this time; negative when `earlier` is later. Never overflows in the range.
    #[must_use]
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

/// As `java.time.Instant` prints: the fraction with 0, 3 or 6 digits.
impl fmt::Display for CantonTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.div_euclid(MICROS_PER_SECOND), self.0.rem_euclid(MICROS_PER_SECOND));
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let of_day = seconds.rem_euclid(86_400);
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if micros == 0 {
            f.write_str("Z")
        } else if micros % 1_000 == 0 {
            write!(f, ".{:03}Z", micros / 1_000)
        } else {
            write!(f, ".{micros:06}Z")
        }
    }
}

impl fmt::Debug for CantonTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Year, month and day of the proleptic Gregorian calendar, `days` after 1970-01-01.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_the_jvm_does() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_500_000, "1970-01-01T00:00:01.500Z"),
            (CantonTimestamp::MIN.0, "0001-01-01T00:00:00Z"),
            (CantonTimestamp::MAX.0, "9999-12-31T23:59:59.999999Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
        ] {
            assert_eq!(CantonTimestamp::from_micros(micros).expect(text).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_stays_in_range() {
        assert_eq!(CantonTimestamp::MAX.immediate_successor(), CantonTimestamp::MAX);
        assert_eq!(CantonTimestamp::MIN.saturating_sub(Duration::MAX), CantonTimestamp::MIN);
        assert_eq!(CantonTimestamp::EPOCH.immediate_predecessor().as_seconds_and_nanos(), (-1, 999_999_000));
    }
}
