//! Cron expressions as Canton takes them: those of Quartz, in UTC.
//!
//! Seconds, minutes, hours, day of the month, month, day of the week and, if given, the year. Exactly one of the two days is
//! `?`. Behind the year nothing is read.

mod calendar;
mod field;

use std::fmt;

use calendar::{Date, SECONDS_PER_DAY};
use field::{DayOfMonth, DayOfWeek, Numbers};
use synod_types::CantonTimestamp;
use thiserror::Error;

/// Most characters of an expression.
const MAX_LENGTH: usize = 300;
/// The last year that has runs.
const LAST_YEAR: i64 = 2099;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// What is wrong with a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidCron {
    /// It is longer than 300 characters.
    #[error("Invalid cron expression: it has {0} characters, and may have {MAX_LENGTH}")]
    TooLong(usize),
    /// It ends before the day of the week.
    #[error("Invalid cron expression \"{0}\": Unexpected end of expression.")]
    TooShort(String),
    /// A field is none.
    #[error("Invalid cron expression \"{expression}\": {field} cannot be `{found}`")]
    Field {
        /// The whole expression.
        expression: String,
        /// Name of the field.
        field: &'static str,
        /// What stands there.
        found: String,
    },
    /// Both days are given, or none.
    #[error("Invalid cron expression \"{0}\": exactly one of day-of-month and day-of-week has to be `?`")]
    Days(String),
}

/// When something is done again and again: on which seconds, in UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    expression: String,
    seconds: Numbers,
    minutes: Numbers,
    hours: Numbers,
    months: Numbers,
    years: Numbers,
    day: Day,
}

/// On which days.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Day {
    OfMonth(DayOfMonth),
    OfWeek(DayOfWeek),
}

impl Cron {
    /// Reads an expression, in either case.
    ///
    /// # Errors
    /// [`InvalidCron`].
    pub fn parse(text: &str) -> Result<Self, InvalidCron> {
        let length = text.chars().count();
        if length > MAX_LENGTH {
            return Err(InvalidCron::TooLong(length));
        }
        let expression = text.to_ascii_uppercase();
        let fields: Vec<&str> = expression.split_ascii_whitespace().collect();
        let [seconds, minutes, hours, day_of_month, month, day_of_week, rest @ ..] = fields.as_slice() else {
            return Err(InvalidCron::TooShort(text.to_owned()));
        };
        let invalid =
            |field, found: &str| InvalidCron::Field { expression: text.to_owned(), field, found: found.to_owned() };
        let day = match (*day_of_month, *day_of_week) {
            (given, "?") if given != "?" => {
                Day::OfMonth(DayOfMonth::parse(given).ok_or(invalid("day-of-month", given))?)
            }
            ("?", given) if given != "?" => Day::OfWeek(DayOfWeek::parse(given).ok_or(invalid("day-of-week", given))?),
            _ => return Err(InvalidCron::Days(text.to_owned())),
        };
        let year = rest.first().copied().unwrap_or("*");
        Ok(Self {
            seconds: Numbers::seconds_or_minutes(seconds).ok_or(invalid("seconds", seconds))?,
            minutes: Numbers::seconds_or_minutes(minutes).ok_or(invalid("minutes", minutes))?,
            hours: Numbers::hours(hours).ok_or(invalid("hours", hours))?,
            months: Numbers::months(month).ok_or(invalid("month", month))?,
            years: Numbers::years(year).ok_or(invalid("year", year))?,
            day,
            expression,
        })
    }

    /// The first run after `time`; `None` when there is none up to the end of 2099.
    #[must_use]
    pub fn next_after(&self, time: CantonTimestamp) -> Option<CantonTimestamp> {
        let first = time.as_micros().div_euclid(MICROS_PER_SECOND) + 1;
        let mut date = Date::of_day(first.div_euclid(SECONDS_PER_DAY));
        let mut from = first.rem_euclid(SECONDS_PER_DAY);
        while date.year <= LAST_YEAR {
            if !self.years.contains(date.year) {
                date = Date::first_of_year(date.year + 1);
                from = 0;
                continue;
            }
            if self.is_day(date)
                && let Some(second) = self.second_from(from)
            {
                let seconds = date.day_number() * SECONDS_PER_DAY + second;
                return CantonTimestamp::from_micros(seconds * MICROS_PER_SECOND).ok();
            }
            date = date.next();
            from = 0;
        }
        None
    }

    fn is_day(&self, date: Date) -> bool {
        self.months.contains(date.month)
            && match &self.day {
                Day::OfMonth(days) => days.contains(date),
                Day::OfWeek(days) => days.contains(date),
            }
    }

    /// The first second of a day that is not before `from`.
    fn second_from(&self, from: i64) -> Option<i64> {
        let (hour, minute, second) = (from / 3600, from / 60 % 60, from % 60);
        self.hours.iter().filter(|found| *found >= hour).find_map(|found_hour| {
            let same_hour = found_hour == hour;
            self.minutes.iter().filter(|found| !same_hour || *found >= minute).find_map(|found_minute| {
                let same_minute = same_hour && found_minute == minute;
                let found_second = self.seconds.iter().find(|found| !same_minute || *found >= second)?;
                Some(found_hour * 3600 + found_minute * 60 + found_second)
            })
        })
    }
}

impl fmt::Display for Cron {
    /// The expression in capitals, as Canton keeps it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.expression)
    }
}

#[cfg(test)]
mod tests;
