//! How far everything is finished (`CleanSequencerCounterTracker`, chapter 04 §5.2).

use std::collections::VecDeque;

use synod_types::CantonTimestamp;

/// Finds the clean time: the newest event such that no request up to it is open. From there the events are read again
/// after a restart, and up to there they are acknowledged.
#[derive(Debug)]
pub(super) struct Progress {
    clean: Option<CantonTimestamp>,
    /// Events after the clean one, oldest first: at most as many as come in the time that a request may be open.
    open: VecDeque<CantonTimestamp>,
}

impl Progress {
    pub(super) const fn new(clean: Option<CantonTimestamp>) -> Self {
        Self { clean, open: VecDeque::new() }
    }

    /// The event at `time` has been handled, and then the oldest open request is this. Returns the clean time.
    pub(super) fn handled(
        &mut self,
        time: CantonTimestamp,
        oldest_open: Option<CantonTimestamp>,
    ) -> Option<CantonTimestamp> {
        self.open.push_back(time);
        while let Some(first) = self.open.front().filter(|first| oldest_open.is_none_or(|open| **first < open)) {
            self.clean = Some(*first);
            self.open.pop_front();
        }
        self.clean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(micros).expect("a time")
    }

    #[test]
    fn an_open_request_holds_the_clean_time_before_it() {
        let mut progress = Progress::new(Some(at(1)));
        assert_eq!(progress.handled(at(2), None), Some(at(2)));
        assert_eq!(progress.handled(at(3), Some(at(3))), Some(at(2)));
        assert_eq!(progress.handled(at(4), Some(at(3))), Some(at(2)));
        assert_eq!(progress.handled(at(5), Some(at(5))), Some(at(4)));
        assert_eq!(progress.handled(at(6), None), Some(at(6)));
    }

    #[test]
    fn nothing_is_clean_before_the_first_event_is() {
        let mut progress = Progress::new(None);
        assert_eq!(progress.handled(at(1), Some(at(1))), None);
        assert_eq!(progress.handled(at(2), None), Some(at(2)));
    }
}
