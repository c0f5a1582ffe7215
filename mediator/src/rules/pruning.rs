//! Up to when decided requests may be deleted (chapter 04 §5.4, `Mediator.latestSafePruningTsBefore`).

use synod_topology::{DynamicSynchronizerParameters, Validity};
use synod_types::CantonTimestamp;

/// The latest time up to which nothing is open that a response may still come for: `clean` is the time up to which all
/// requests are decided, `changes` are all parameters that there were. Without parameters there was no request: `clean`.
#[must_use]
pub fn latest_safe_pruning_time(
    clean: CantonTimestamp,
    changes: &[Validity<&DynamicSynchronizerParameters>],
) -> CantonTimestamp {
    changes.iter().map(|change| safe_under(clean, change)).min().unwrap_or(clean)
}

fn safe_under(clean: CantonTimestamp, change: &Validity<&DynamicSynchronizerParameters>) -> CantonTimestamp {
    let timeout = change.value.confirmation_response_timeout;
    let is_future = clean <= change.valid_from;
    let is_over = change.valid_until.is_some_and(|until| until.saturating_add(timeout) <= clean);
    if is_future || is_over { clean } else { change.valid_from.max(clean.saturating_sub(timeout)) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(seconds * 1_000_000).expect("a time")
    }

    fn safe(clean: i64, periods: &[(u64, i64, Option<i64>)]) -> CantonTimestamp {
        let parameters: Vec<_> = periods
            .iter()
            .map(|(timeout, ..)| DynamicSynchronizerParameters {
                confirmation_response_timeout: Duration::from_secs(*timeout),
                ..DynamicSynchronizerParameters::default()
            })
            .collect();
        let changes = parameters.iter().zip(periods).map(|(value, (_, from, until))| Validity {
            value,
            valid_from: at(*from),
            valid_until: until.map(at),
        });
        latest_safe_pruning_time(at(clean), &changes.collect::<Vec<_>>())
    }

    #[test]
    fn responses_of_current_parameters_may_still_come() {
        assert_eq!(safe(100, &[(30, 0, None)]), at(70));
        assert_eq!(safe(10, &[(30, 0, None)]), at(0), "nothing was before the parameters");
    }

    #[test]
    fn parameters_of_the_future_do_not_count() {
        assert_eq!(safe(100, &[(30, 0, Some(200)), (5, 200, None)]), at(70));
        assert_eq!(safe(100, &[(30, 100, None)]), at(100));
    }

    #[test]
    fn parameters_of_the_past_count_until_the_last_response_is_too_late() {
        assert_eq!(safe(100, &[(50, 0, Some(80)), (10, 80, None)]), at(50));
        assert_eq!(safe(130, &[(50, 0, Some(80)), (10, 80, None)]), at(120));
        assert_eq!(safe(129, &[(50, 0, Some(80)), (10, 80, None)]), at(79));
    }
}
