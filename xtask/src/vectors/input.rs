//! The cases of one file on their way to a check, counted as they pass.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use synod_testkit::vectors::Case;
use synod_testkit::{DataError, Tally};

/// Where cases come from: a file, or memory.
pub(super) type Cases<'a> = Box<dyn Iterator<Item = Result<Case, DataError>> + 'a>;

#[derive(Default)]
struct Seen {
    cases: usize,
    version_34: usize,
}

/// All lines of one file of vectors in their order, as an iterator; definitions (see `Check::context`) included.
///
/// Whoever takes them counts each case in the tally: under its `kind`, or under `kind/…`.
pub(crate) struct Input<'a> {
    folder: &'a Path,
    cases: Cases<'a>,
    is_context: fn(&Case) -> bool,
    seen: BTreeMap<String, Seen>,
    error: Option<DataError>,
}

impl<'a> Input<'a> {
    pub(super) fn new(folder: &'a Path, cases: Cases<'a>, is_context: fn(&Case) -> bool) -> Self {
        Self { folder, cases, is_context, seen: BTreeMap::new(), error: None }
    }

    /// The folder of the file: some cases refer to a file beside theirs.
    #[cfg_attr(not(feature = "topology"), expect(dead_code, reason = "the files of this form need those features"))]
    pub(crate) fn folder(&self) -> &'a Path {
        self.folder
    }

    /// What was forgotten: (category, reason).
    pub(super) fn finish(mut self, tally: &Tally) -> Vec<(String, String)> {
        let unread = self.by_ref().count();
        let mut faults = Vec::new();
        if unread > 0 {
            faults.push(("files".to_owned(), format!("{unread} lines were left unread")));
        }
        if let Some(error) = &self.error {
            faults.push(("files".to_owned(), format!("{error}: {}", cause(error))));
        }
        if self.seen.is_empty() {
            faults.push(("files".to_owned(), "there is not a single case".to_owned()));
        }
        for (kind, seen) in self.seen {
            let (compared, skipped) = counted(tally, &kind);
            if compared + skipped < seen.cases {
                faults.push((kind, format!("{} of {} cases were counted", compared + skipped, seen.cases)));
            } else if skipped > seen.version_34 {
                faults.push((kind, format!("{skipped} cases were skipped, {} may be", seen.version_34)));
            }
        }
        faults
    }
}

impl Iterator for Input<'_> {
    type Item = Case;

    fn next(&mut self) -> Option<Case> {
        match self.cases.next()? {
            Ok(case) => {
                if !(self.is_context)(&case) {
                    let seen = self.seen.entry(case.kind().to_owned()).or_default();
                    seen.cases += 1;
                    seen.version_34 += usize::from(case.protocol_version() == Some(34));
                }
                Some(case)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}

fn counted(tally: &Tally, kind: &str) -> (usize, usize) {
    let of_kind =
        |category: &str| category == kind || category.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/'));
    let mut sums = (0, 0);
    for (_, counts) in tally.categories().iter().filter(|(category, _)| of_kind(category)) {
        sums.0 += counts.passed + counts.failed;
        sums.1 += counts.skipped.values().sum::<usize>();
    }
    sums
}

/// The cause of an error as text.
pub(super) fn cause(error: &dyn Error) -> String {
    error.source().map(ToString::to_string).unwrap_or_else(|| "no further cause".to_owned())
}
