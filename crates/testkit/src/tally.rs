//! Counting of compared cases.

use std::collections::BTreeMap;

/// The counts of one category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Compared and equal.
    pub passed: usize,
    /// Compared and different, or not comparable although it should be.
    pub failed: usize,
    /// Not compared, by reason. A skipped case is no passed case.
    pub skipped: BTreeMap<String, usize>,
}

/// What was compared and how it went, per category.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    categories: BTreeMap<String, Counts>,
    failures: Vec<String>,
}

impl Tally {
    /// An empty tally.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one compared case. The name must make it possible to find the case again.
    pub fn case(&mut self, category: &str, name: impl AsRef<str>, result: Result<(), String>) {
        let counts = self.categories.entry(category.to_owned()).or_default();
        match result {
            Ok(()) => counts.passed += 1,
            Err(reason) => {
                counts.failed += 1;
                self.failures.push(format!("{category} · {}: {reason}", name.as_ref()));
            }
        }
    }

    /// Counts one case that is not compared, with the reason.
    pub fn skip(&mut self, category: &str, reason: &str) {
        let counts = self.categories.entry(category.to_owned()).or_default();
        *counts.skipped.entry(reason.to_owned()).or_default() += 1;
    }

    /// Adds another tally, its categories under `prefix/`.
    pub fn merge(&mut self, prefix: &str, other: Tally) {
        for (category, counts) in other.categories {
            let mine = self.categories.entry(format!("{prefix}/{category}")).or_default();
            mine.passed += counts.passed;
            mine.failed += counts.failed;
            for (reason, count) in counts.skipped {
                *mine.skipped.entry(reason).or_default() += count;
            }
        }
        self.failures.extend(other.failures.into_iter().map(|failure| format!("{prefix}/{failure}")));
    }

    /// How many cases were compared and equal.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.categories.values().map(|counts| counts.passed).sum()
    }

    /// How many cases failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.categories.values().map(|counts| counts.failed).sum()
    }

    /// The categories with their counts, in the order of their names.
    #[must_use]
    pub fn categories(&self) -> &BTreeMap<String, Counts> {
        &self.categories
    }

    /// One line per failed case, in the order in which they were counted.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }
}
