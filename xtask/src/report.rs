//! How comparisons are printed.

use std::process::ExitCode;

use synod_testkit::Tally;

/// Prints one tally under a heading: a line per category, then the first differences.
pub(crate) fn print(heading: &str, tally: &Tally, show: usize) {
    println!("{heading}");
    for (category, counts) in tally.categories() {
        let skipped: String =
            counts.skipped.iter().map(|(reason, count)| format!(", {count} not compared ({reason})")).collect();
        println!("  {category:<44} {:>6} passed, {} failed{skipped}", counts.passed, counts.failed);
    }
    for failure in tally.failures().iter().take(show) {
        println!("  FAILED {failure}");
    }
    let more = tally.failures().len().saturating_sub(show);
    if more > 0 {
        println!("  and {more} more (--show {})", tally.failures().len());
    }
}

/// Prints the last line and gives the exit code: 1 when something failed.
pub(crate) fn finish(total: &Tally) -> ExitCode {
    println!("{} passed, {} failed", total.passed(), total.failed());
    if total.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
