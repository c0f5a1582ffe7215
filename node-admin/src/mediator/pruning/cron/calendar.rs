//! Days of the Gregorian calendar.

/// Seconds of a day without leap seconds.
pub(super) const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 years.
const DAYS_PER_CYCLE: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: i64 = 719_468;

/// A day. Years from 1, months and days from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
}

impl Date {
    /// The day with this number, from 1970-01-01.
    pub(super) fn of_day(number: i64) -> Self {
        // Years are counted from March, so that the leap day is the last one.
        let shifted = number + EPOCH;
        let cycle = shifted.div_euclid(DAYS_PER_CYCLE);
        let day_of_cycle = shifted.rem_euclid(DAYS_PER_CYCLE);
        let year_of_cycle =
            (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
        let day_of_year = day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
        Self { year, month, day }
    }

    /// The number of the day, from 1970-01-01.
    pub(super) fn day_number(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let cycle = year.div_euclid(400);
        let year_of_cycle = year.rem_euclid(400);
        let month_from_march = if self.month > 2 { self.month - 3 } else { self.month + 9 };
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
        cycle * DAYS_PER_CYCLE + day_of_cycle - EPOCH
    }

    pub(super) const fn first_of_year(year: i64) -> Self {
        Self { year, month: 1, day: 1 }
    }

    pub(super) fn next(self) -> Self {
        Self::of_day(self.day_number() + 1)
    }

    /// From 1 for Sunday.
    pub(super) fn day_of_week(self) -> i64 {
        // 1970-01-01 was a Thursday.
        (self.day_number() + 4).rem_euclid(7) + 1
    }

    pub(super) const fn last_of_month(self) -> i64 {
        match self.month {
            2 if self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}
