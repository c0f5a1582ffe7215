//! Tables of text, as `kubectl` prints them.

use std::fmt;

use super::text::shorten;

/// Between two columns.
const GAP: &str = "   ";

/// Rows under a line of headings. The last column is as wide as it needs.
#[derive(Debug)]
pub(crate) struct Table {
    headings: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    wide: bool,
}

impl Table {
    /// Without rows. Unless it is wide, hashes and fingerprints are shortened.
    pub(crate) fn new(headings: &[&'static str], wide: bool) -> Self {
        Self { headings: headings.to_vec(), rows: Vec::new(), wide }
    }

    /// Adds a row; as many cells as there are headings.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(if self.wide { cells } else { cells.iter().map(|cell| shorten(cell)).collect() });
    }

    fn widths(&self) -> Vec<usize> {
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.chain([self.headings[column].len()]).max().unwrap_or_default()
        };
        (0..self.headings.len()).map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        let headings = self.headings.iter().map(ToString::to_string).collect();
        for (index, row) in [&headings].into_iter().chain(&self.rows).enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            let line = cells.collect::<Vec<_>>().join(GAP);
            f.write_str(if index == 0 { "" } else { "\n" })?;
            f.write_str(line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(wide: bool) -> Table {
        let mut table = Table::new(&["NAME", "HASH", "WHAT"], wide);
        table.row(vec!["ä".to_owned(), format!("1220{}", "ab".repeat(32)), String::new()]);
        table.row(vec!["longer".to_owned(), "-".to_owned(), "two words".to_owned()]);
        table
    }

    #[test]
    fn columns_stand_below_their_headings() {
        let expected = "NAME     HASH            WHAT\n\
                        ä        1220abababab…\n\
                        longer   -               two words";
        assert_eq!(table(false).to_string(), expected);
    }

    #[test]
    fn a_wide_table_shortens_nothing() {
        assert!(table(true).to_string().contains(&"ab".repeat(32)));
    }

    #[test]
    fn without_rows_there_are_headings() {
        assert_eq!(Table::new(&["A", "B"], false).to_string(), "A   B");
    }
}
