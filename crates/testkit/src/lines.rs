//! Streaming reader of JSON lines, plain or gzip.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// A file of test data that cannot be read. The Display names file and line and leaves the cause to `source()`.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file or folder could not be opened.
    #[error("open {}", path.display())]
    Open {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Reading or decompressing stopped in the middle.
    #[error("read line {line} of {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: io::Error,
    },
    /// A line is not a JSON value.
    #[error("line {line} of {} is not JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The cause.
        source: serde_json::Error,
    },
    /// A line is JSON, but not in the format that the reader expects.
    #[error("line {line} of {}: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 when the file as a whole is meant.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

/// The JSON values of a file, in the order of its lines; empty lines are left out. Stops after the first error.
pub struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    line: usize,
    failed: bool,
}

/// Opens a `.jsonl` or `.jsonl.gz` file; which of both it is, its name says.
pub fn read_lines(path: &Path) -> Result<Lines, DataError> {
    let file = File::open(path).map_err(|source| DataError::Open { path: path.to_owned(), source })?;
    let plain: Box<dyn Read> = match path.extension() {
        Some(extension) if extension == "gz" => Box::new(MultiGzDecoder::new(BufReader::new(file))),
        _ => Box::new(file),
    };
    Ok(Lines { path: path.to_owned(), reader: Box::new(BufReader::new(plain)), line: 0, failed: false })
}

impl Lines {
    /// The number of the line that was read last, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    fn read(&mut self) -> Result<Option<Value>, DataError> {
        let mut text = String::new();
        loop {
            text.clear();
            self.line += 1;
            let read = self.reader.read_line(&mut text).map_err(|source| DataError::Read {
                path: self.path.clone(),
                line: self.line,
                source,
            })?;
            if read == 0 {
                return Ok(None);
            }
            if !text.trim().is_empty() {
                break;
            }
        }
        serde_json::from_str(&text).map(Some).map_err(|source| DataError::Json {
            path: self.path.clone(),
            line: self.line,
            source,
        })
    }
}

impl Iterator for Lines {
    type Item = Result<Value, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.read().transpose();
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}
