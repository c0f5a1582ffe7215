//! The folder: which files it has, and their lines.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;

use super::{Call, OrderedRow, ordered, wire};
use crate::{DataError, read_lines};

/// A row of a table: the columns by name, as PostgreSQL's `to_json` gives them. Bytes are texts in hex with the prefix
/// `\x`; see [`crate::fields::bytes`].
pub type Row = Value;

/// One recorded run.
///
/// Remembers which files were read, so that a comparison can tell which ones it left out.
#[derive(Debug)]
pub struct Recording {
    folder: PathBuf,
    files: BTreeSet<String>,
    replaced: BTreeMap<String, Vec<Value>>,
    read: Mutex<BTreeSet<String>>,
}

impl Recording {
    /// Opens a folder. It is a recording when it holds at least one file of ordered blocks; anything else is an error.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let open_error = |source| DataError::Open { path: folder.to_owned(), source };
        let mut files = BTreeSet::new();
        for entry in fs::read_dir(folder).map_err(open_error)? {
            files.insert(entry.map_err(open_error)?.file_name().to_string_lossy().into_owned());
        }
        let recording =
            Self { folder: folder.to_owned(), files, replaced: BTreeMap::new(), read: Mutex::new(BTreeSet::new()) };
        if recording.orders().is_empty() {
            let reason = "is no recording: there is no file of ordered blocks".to_owned();
            return Err(DataError::Format { path: folder.to_owned(), line: 0, reason });
        }
        Ok(recording)
    }

    /// The last part of the folder's path, such as `pv35-basic`.
    #[must_use]
    pub fn name(&self) -> String {
        self.folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The names of all files.
    #[must_use]
    pub fn files(&self) -> &BTreeSet<String> {
        &self.files
    }

    /// The files that nobody has read so far.
    #[must_use]
    pub fn unread(&self) -> Vec<&str> {
        let read = self.read.lock().expect("no code panics while it holds the lock");
        self.files.iter().map(String::as_str).filter(|file| !read.contains(*file)).collect()
    }

    /// The total orders: `["ordered"]`, or `["ordered1", "ordered2"]` where there are two synchronizers.
    #[must_use]
    pub fn orders(&self) -> Vec<&str> {
        self.files.iter().filter_map(|file| file.strip_suffix(".blocks.jsonl.gz")).collect()
    }

    /// The nodes that left tables: `mediator1`, `sequencer1`, …, sorted.
    #[must_use]
    pub fn nodes(&self) -> Vec<&str> {
        let node = |file: &str| file.split_once('.').map(|(node, _)| node).filter(|node| is_node(node)).is_some();
        let names: BTreeSet<&str> =
            self.files.iter().filter(|file| node(file)).filter_map(|file| file.split('.').next()).collect();
        names.into_iter().collect()
    }

    /// The tables that a node left.
    #[must_use]
    pub fn tables(&self, node: &str) -> Vec<&str> {
        let prefix = format!("{node}.");
        let table = |file| str::strip_suffix(str::strip_prefix(file, prefix.as_str())?, ".jsonl.gz");
        self.files.iter().filter_map(|file| table(file)).collect()
    }

    /// The rows of a node's table in the order of the file, which means nothing: sort them by their key. A table that
    /// was empty has no file, and therefore no rows here.
    pub fn table(&self, node: &str, table: &str) -> Result<Vec<Row>, DataError> {
        let file = format!("{node}.{table}.jsonl.gz");
        if self.files.contains(&file) { self.lines(&file) } else { Ok(Vec::new()) }
    }

    /// The blocks of an order (see [`Recording::orders`]), sorted by height, their requests decoded.
    pub fn ordered(&self, order: &str) -> Result<Vec<OrderedRow>, DataError> {
        let file = format!("{order}.blocks.jsonl.gz");
        ordered::decode(&self.folder.join(&file), &self.lines(&file)?)
    }

    /// The connections that were recorded: `participant1-sequencer1` and the like.
    #[must_use]
    pub fn connections(&self) -> Vec<&str> {
        self.files.iter().filter_map(|file| file.strip_prefix("wire.")?.strip_suffix(".jsonl.gz")).collect()
    }

    /// The calls on a connection (see [`Recording::connections`]) in the order in which they were opened.
    pub fn calls(&self, connection: &str) -> Result<Vec<Call>, DataError> {
        let file = format!("wire.{connection}.jsonl.gz");
        wire::group(&self.folder.join(&file), &self.lines(&file)?)
    }

    /// The lines of a file, whatever it is.
    pub fn lines(&self, file: &str) -> Result<Vec<Value>, DataError> {
        self.read.lock().expect("no code panics while it holds the lock").insert(file.to_owned());
        match self.replaced.get(file) {
            Some(lines) => Ok(lines.clone()),
            None => read_lines(&self.folder.join(file))?.collect(),
        }
    }

    /// Puts other lines in place of a file's, in memory only: so a test sees whether a comparison notices a change.
    pub fn replace(&mut self, file: &str, lines: Vec<Value>) {
        self.files.insert(file.to_owned());
        self.replaced.insert(file.to_owned(), lines);
    }
}

fn is_node(name: &str) -> bool {
    ["sequencer", "mediator", "participant"].iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    })
}
