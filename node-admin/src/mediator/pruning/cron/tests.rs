use super::*;

fn at(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> CantonTimestamp {
    let seconds = Date { year, month, day }.day_number() * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    CantonTimestamp::from_micros(seconds * MICROS_PER_SECOND).expect("in range")
}

fn cron(text: &str) -> Cron {
    Cron::parse(text).expect("an expression")
}

#[test]
fn days_are_those_of_the_calendar() {
    for (number, date, day_of_week) in [
        (0, Date { year: 1970, month: 1, day: 1 }, 5),
        (-1, Date { year: 1969, month: 12, day: 31 }, 4),
        (19_782, Date { year: 2024, month: 2, day: 29 }, 5),
        (20_781, Date { year: 2026, month: 11, day: 24 }, 3),
        (47_540, Date { year: 2100, month: 2, day: 28 }, 1),
        (47_541, Date { year: 2100, month: 3, day: 1 }, 2),
    ] {
        assert_eq!(Date::of_day(number), date);
        assert_eq!(date.day_number(), number);
        assert_eq!(date.day_of_week(), day_of_week, "{date:?}");
    }
    for number in -800_000..800_000 {
        assert_eq!(Date::of_day(number).day_number(), number);
    }
}

#[test]
fn runs_follow_each_other_until_the_last_one() {
    // Every ten minutes from 8 to 9 and from 20 to 21 in December 2022.
    let cron = cron("0 /10 8,20 * 12 ? 2022");
    let mut expected = Vec::new();
    for day in 1..=31 {
        for hour in [8, 20] {
            for minute in (0..60).step_by(10) {
                expected.push(at(2022, 12, day, hour, minute, 0));
            }
        }
    }
    let runs = std::iter::successors(cron.next_after(at(1999, 1, 1, 0, 0, 0)), |run| cron.next_after(*run));
    assert_eq!(runs.collect::<Vec<_>>(), expected);
}

#[test]
fn a_run_is_later_than_the_time_asked_for() {
    let every_second = cron("* * * * * ?");
    let time = at(2026, 1, 31, 23, 59, 59);
    assert_eq!(every_second.next_after(time), Some(at(2026, 2, 1, 0, 0, 0)));
    assert_eq!(every_second.next_after(time.immediate_predecessor()), Some(time));
    assert_eq!(every_second.next_after(CantonTimestamp::MIN), Some(at(1970, 1, 1, 0, 0, 0)));
    assert_eq!(every_second.next_after(CantonTimestamp::MAX), None);
}

#[test]
fn every_form_of_a_field_means_what_quartz_means() {
    for (text, after, expected) in [
        ("0 0 22 ? * SAT", at(2026, 11, 24, 0, 0, 0), at(2026, 11, 28, 22, 0, 0)),
        ("0 0 22 ? * fri-mon", at(2026, 11, 28, 22, 0, 0), at(2026, 11, 29, 22, 0, 0)),
        ("0 0 0 ? nov-feb/3 7", at(2026, 12, 1, 0, 0, 0), at(2027, 2, 6, 0, 0, 0)),
        ("30 15/20 5 1,15 * ?", at(2026, 3, 2, 0, 0, 0), at(2026, 3, 15, 5, 15, 30)),
        ("30 15/20 5 1,15 * ?", at(2026, 3, 15, 5, 15, 30), at(2026, 3, 15, 5, 35, 30)),
        ("0 0 22-2 1 1 ?", at(2026, 1, 1, 2, 0, 0), at(2026, 1, 1, 22, 0, 0)),
        ("0 0 0 L * ?", at(2028, 2, 1, 0, 0, 0), at(2028, 2, 29, 0, 0, 0)),
        ("0 0 0 L-3 * ?", at(2026, 2, 1, 0, 0, 0), at(2026, 2, 25, 0, 0, 0)),
        // The last of May 2026 is a Sunday, the first of August a Saturday, the fifteenth of November a Sunday.
        ("0 0 0 LW 5 ?", at(2026, 1, 1, 0, 0, 0), at(2026, 5, 29, 0, 0, 0)),
        ("0 0 0 1W 8 ?", at(2026, 1, 1, 0, 0, 0), at(2026, 8, 3, 0, 0, 0)),
        ("0 0 0 15W 11 ?", at(2026, 1, 1, 0, 0, 0), at(2026, 11, 16, 0, 0, 0)),
        ("0 0 0 ? * 6L", at(2026, 11, 1, 0, 0, 0), at(2026, 11, 27, 0, 0, 0)),
        ("0 0 0 ? * TUE#4", at(2026, 11, 1, 0, 0, 0), at(2026, 11, 24, 0, 0, 0)),
        ("0 0 0 ? * 1#5", at(2026, 2, 1, 0, 0, 0), at(2026, 3, 29, 0, 0, 0)),
        ("0 0 0 ? * L", at(2026, 11, 24, 0, 0, 0), at(2026, 11, 28, 0, 0, 0)),
    ] {
        assert_eq!(cron(text).next_after(after), Some(expected), "{text}");
    }
    assert_eq!(cron("0 0 0 30 2 ?").next_after(at(2026, 1, 1, 0, 0, 0)), None);
    assert_eq!(cron("* * * * * ? 2021").next_after(at(2022, 1, 1, 0, 0, 0)), None);
}

#[test]
fn expressions_are_kept_in_capitals_and_may_go_on_behind_the_year() {
    assert_eq!(cron("* * * * * ? * foobar goo moo").to_string(), "* * * * * ? * FOOBAR GOO MOO");
}

#[test]
fn what_is_no_expression_is_refused() {
    assert_eq!(Cron::parse("* * * * *"), Err(InvalidCron::TooShort("* * * * *".to_owned())));
    assert_eq!(Cron::parse("obviously wrong"), Err(InvalidCron::TooShort("obviously wrong".to_owned())));
    assert_eq!(Cron::parse(&"*".repeat(301)), Err(InvalidCron::TooLong(301)));
    for both in ["* * * * * *", "* * * ? * ?", "0 0 0 1 1 MON 2030"] {
        assert_eq!(Cron::parse(both), Err(InvalidCron::Days(both.to_owned())));
    }
    for (text, name) in [
        ("60 * * * * ?", "seconds"),
        ("x * * * * ?", "seconds"),
        ("* 0/60 * * * ?", "minutes"),
        ("* */0 * * * ?", "minutes"),
        ("* /x * * * ?", "minutes"),
        ("* , * * * ?", "minutes"),
        ("* * -1 * * ?", "hours"),
        ("* * 24 * * ?", "hours"),
        ("* * * 32 * ?", "day-of-month"),
        ("* * * L-31 * ?", "day-of-month"),
        ("* * * L-x * ?", "day-of-month"),
        ("* * * W * ?", "day-of-month"),
        ("* * * * 13 ?", "month"),
        ("* * * ? * 0", "day-of-week"),
        ("* * * ? * MON#6", "day-of-week"),
        ("* * * ? * XL", "day-of-week"),
        ("* * * * * ? foo", "year"),
        ("* * * * * ? 1969", "year"),
    ] {
        match Cron::parse(text) {
            Err(InvalidCron::Field { field, .. }) => assert_eq!(field, name, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}
