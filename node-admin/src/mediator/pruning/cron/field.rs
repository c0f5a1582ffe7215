//! Single fields of a cron expression.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::calendar::Date;

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS_OF_WEEK: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
/// Most days that may be counted from the end of a month.
const MAX_DAYS_FROM_END: i64 = 30;
const SATURDAY: i64 = 7;
const SUNDAY: i64 = 1;

/// A set of numbers: `*`, `?` where it is allowed, numbers, ranges, steps, and lists of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers(BTreeSet<i64>);

/// What numbers a field may have, and their names: the first one names the smallest number.
struct Allowed {
    numbers: RangeInclusive<i64>,
    names: &'static [&'static str],
}

impl Numbers {
    pub(super) fn seconds_or_minutes(text: &str) -> Option<Self> {
        Self::parse(text, &Allowed { numbers: 0..=59, names: &[] })
    }

    pub(super) fn hours(text: &str) -> Option<Self> {
        Self::parse(text, &Allowed { numbers: 0..=23, names: &[] })
    }

    pub(super) fn months(text: &str) -> Option<Self> {
        Self::parse(text, &Allowed { numbers: 1..=12, names: MONTHS })
    }

    pub(super) fn years(text: &str) -> Option<Self> {
        Self::parse(text, &Allowed { numbers: 1970..=2099, names: &[] })
    }

    pub(super) fn contains(&self, number: i64) -> bool {
        self.0.contains(&number)
    }

    /// From the smallest on.
    pub(super) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        self.0.iter().copied()
    }

    fn parse(text: &str, allowed: &Allowed) -> Option<Self> {
        let mut all = BTreeSet::new();
        for part in text.split(',') {
            all.extend(allowed.part(part)?);
        }
        Some(Self(all))
    }
}

impl Allowed {
    fn number(&self, text: &str) -> Option<i64> {
        let named = self.names.iter().position(|name| *name == text).and_then(|position| i64::try_from(position).ok());
        let number = match named {
            Some(position) => self.numbers.start() + position,
            None if text.bytes().all(|digit| digit.is_ascii_digit()) => text.parse().ok()?,
            None => return None,
        };
        self.numbers.contains(&number).then_some(number)
    }

    /// `*`, `a`, `a-b`, each with `/step`; `/step` alone is `*/step`. A number with a step goes on to the end, and a range
    /// whose end is smaller than its beginning goes around.
    fn part(&self, text: &str) -> Option<Vec<i64>> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (start, end) = (*self.numbers.start(), *self.numbers.end());
        let size = end - start + 1;
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (self.number(from)?, self.number(to)?),
            None if range == "*" || (range.is_empty() && step.is_some()) => (start, end),
            None => (self.number(range)?, if step.is_some() { end } else { self.number(range)? }),
        };
        let step = match step {
            Some(step) if step.bytes().all(|digit| digit.is_ascii_digit()) => step.parse::<i64>().ok()?,
            Some(_) => return None,
            None => 1,
        };
        if step < 1 || step >= size.max(2) {
            return None;
        }
        let to = if to < from { to + size } else { to };
        let step = usize::try_from(step).ok()?;
        Some((from..=to).step_by(step).map(|number| start + (number - start) % size).collect())
    }
}

/// Days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DayOfMonth {
    /// By their numbers.
    Numbers(Numbers),
    /// `L-n`: so many days before the last one; with `W` the nearest day from Monday to Friday in the same month.
    FromEnd { days: i64, nearest_weekday: bool },
    /// `nW`: the day from Monday to Friday that is nearest to this one, in the same month.
    Nearest(i64),
}

impl DayOfMonth {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let allowed = Allowed { numbers: 1..=31, names: &[] };
        let (rest, nearest_weekday) = match text.strip_suffix('W') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        if let Some(offset) = rest.strip_prefix('L') {
            let days = match offset.strip_prefix('-') {
                Some(days) if days.bytes().all(|digit| digit.is_ascii_digit()) => days.parse().ok()?,
                None if offset.is_empty() => 0,
                _ => return None,
            };
            return (days <= MAX_DAYS_FROM_END).then_some(Self::FromEnd { days, nearest_weekday });
        }
        if nearest_weekday {
            return allowed.number(rest).map(Self::Nearest);
        }
        Numbers::parse(text, &allowed).map(Self::Numbers)
    }

    pub(super) fn contains(&self, date: Date) -> bool {
        match self {
            Self::Numbers(days) => days.contains(date.day),
            Self::FromEnd { days, nearest_weekday } => {
                let day = date.last_of_month() - days;
                day >= 1 && date.day == if *nearest_weekday { nearest(date, day) } else { day }
            }
            Self::Nearest(day) => date.day == nearest(date, (*day).min(date.last_of_month())),
        }
    }
}

/// The day from Monday to Friday in the month of `date` that is nearest to its day `day`.
fn nearest(date: Date, day: i64) -> i64 {
    match (Date { day, ..date }.day_of_week(), day) {
        (SATURDAY, 1) => 3,
        (SATURDAY, day) => day - 1,
        (SUNDAY, day) if day == date.last_of_month() => day - 2,
        (SUNDAY, day) => day + 1,
        (_, day) => day,
    }
}

/// Days of a week, from 1 for Sunday.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DayOfWeek {
    /// Every one of these.
    Numbers(Numbers),
    /// `nL`: the last one of the month.
    Last(i64),
    /// `n#k`: the k-th one of the month.
    Nth(i64, i64),
}

impl DayOfWeek {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let allowed = Allowed { numbers: 1..=7, names: DAYS_OF_WEEK };
        if let Some((day, nth)) = text.split_once('#') {
            let nth = Allowed { numbers: 1..=5, names: &[] }.number(nth)?;
            return Some(Self::Nth(allowed.number(day)?, nth));
        }
        if text == "L" {
            return Numbers::parse("7", &allowed).map(Self::Numbers);
        }
        if let Some(day) = text.strip_suffix('L') {
            return allowed.number(day).map(Self::Last);
        }
        Numbers::parse(text, &allowed).map(Self::Numbers)
    }

    pub(super) fn contains(&self, date: Date) -> bool {
        let day = date.day_of_week();
        match self {
            Self::Numbers(days) => days.contains(day),
            Self::Last(last) => *last == day && date.day + 7 > date.last_of_month(),
            Self::Nth(wanted, nth) => *wanted == day && (date.day - 1) / 7 + 1 == *nth,
        }
    }
}
