//! Golden vectors: files with one JSON object a line, each of which is a case or a definition that cases refer to.

use std::path::Path;

use bytes::Bytes;
use serde_json::Value;

use crate::{DataError, fields, read_lines};

/// One line of a file of vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The line of its file, from 1.
    pub line: usize,
    /// The object.
    pub value: Value,
}

/// All cases of a file (`.jsonl` or `.jsonl.gz`), in order, read as they are asked for. Stops after the first error.
pub fn read_cases(path: &Path) -> Result<impl Iterator<Item = Result<Case, DataError>> + use<>, DataError> {
    let mut lines = read_lines(path)?;
    Ok(std::iter::from_fn(move || {
        let value = lines.next()?;
        Some(value.map(|value| Case { line: lines.line(), value }))
    }))
}

impl Case {
    /// The field `kind`, which is the category of the case; a file's lines without one are of the category `?`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.value.get("kind").and_then(Value::as_str).unwrap_or("?")
    }

    /// The field `name`; else the field `text` or `key`; else nothing.
    #[must_use]
    pub fn name(&self) -> &str {
        ["name", "text", "key"].iter().find_map(|field| self.value.get(field).and_then(Value::as_str)).unwrap_or("")
    }

    /// Line and name, to be found again.
    #[must_use]
    pub fn label(&self) -> String {
        format!("line {} {}", self.line, fields::shorten(self.name(), 100))
    }

    /// The protocol version, when the case belongs to one only.
    #[must_use]
    pub fn protocol_version(&self) -> Option<i64> {
        fields::optional_integer(&self.value, "pv").ok().flatten()
    }

    /// A text field.
    pub fn text(&self, field: &str) -> Result<&str, String> {
        fields::text(&self.value, field)
    }

    /// A boolean field.
    pub fn boolean(&self, field: &str) -> Result<bool, String> {
        fields::boolean(&self.value, field)
    }

    /// A field with a whole number (JSON number or decimal text).
    pub fn integer(&self, field: &str) -> Result<i64, String> {
        fields::integer(&self.value, field)
    }

    /// A field with bytes in hex.
    pub fn bytes(&self, field: &str) -> Result<Bytes, String> {
        fields::bytes(&self.value, field)
    }

    /// A field with a list.
    pub fn list(&self, field: &str) -> Result<&[Value], String> {
        fields::list(&self.value, field)
    }

    /// The field, or `None` when it is missing or `null`.
    #[must_use]
    pub fn optional(&self, field: &str) -> Option<&Value> {
        fields::optional(&self.value, field)
    }
}
