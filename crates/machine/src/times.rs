//! Sequencing times (ch. 03 §3.4).

use synod_types::CantonTimestamp;

/// Gives strictly increasing times (`OrderingTimeFixMode.MakeStrictlyIncreasing`).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clockwork {
    last: CantonTimestamp,
}

impl Clockwork {
    /// Continues after `last`.
    pub(crate) const fn after(last: CantonTimestamp) -> Self {
        Self { last }
    }

    /// The time of the next submission, which ordering gave `provided`.
    pub(crate) fn next(&mut self, provided: CantonTimestamp) -> CantonTimestamp {
        self.last = if provided > self.last { provided } else { self.last.immediate_successor() };
        self.last
    }

    /// The last time given.
    pub(crate) const fn last(self) -> CantonTimestamp {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(micros).expect("in range")
    }

    #[test]
    fn a_time_that_is_not_later_becomes_the_successor() {
        let mut clockwork = Clockwork::after(micros(10));
        let given = [10, 9, 13, 13, 20].map(|provided| clockwork.next(micros(provided)).as_micros());
        assert_eq!(given, [11, 12, 13, 14, 20]);
    }
}
