//! One source of settings, as a tree of values that know where they stand.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Empty, Map, Tag, Value};
use figment::{Metadata, Profile, Provider};
use toml::de::{DeInteger, DeTable, DeValue};

use super::errors::{Mistake, Mistakes};

/// A key with its tables.
pub(super) type KeyPath = Vec<String>;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Nobody said otherwise.
    Default,
    /// A line of a file, from 1.
    File {
        /// The file.
        path: PathBuf,
        /// The line; 0 for the file as a whole.
        line: usize,
    },
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0 } => write!(f, "{}", path.display()),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(variable) => f.write_str(variable),
        }
    }
}

/// The values of one source. A [`Provider`] of figment, which merges the sources.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    values: Dict,
    origins: BTreeMap<KeyPath, Origin>,
    /// Values of variables as they came, for keys that turn out to be texts.
    raw: BTreeMap<KeyPath, String>,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named("settings")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.values.clone())]))
    }
}

impl Layer {
    /// Reads a TOML text. A text that is not TOML is reported and gives an empty layer: what follows a mistake in the
    /// grammar may mean anything.
    pub(super) fn from_toml(path: &Path, text: &str, mistakes: &mut Mistakes) -> Self {
        let mut layer = Self::default();
        let lines = Lines { path, text };
        let (table, errors) = DeTable::parse_recoverable(text);
        let is_toml = errors.is_empty();
        for error in errors {
            let mistake = Mistake::new("", format!("is not TOML: {}", error.message()));
            mistakes.push(mistake.at(Some(lines.origin(error.span().map_or(0, |span| span.start)))));
        }
        if !is_toml {
            return layer;
        }
        layer.values = layer.table(&mut Vec::new(), table.get_ref(), &lines, mistakes);
        layer
    }

    fn table(&mut self, path: &mut KeyPath, table: &DeTable<'_>, lines: &Lines<'_>, mistakes: &mut Mistakes) -> Dict {
        let mut dict = Dict::new();
        for (key, value) in table {
            path.push(key.get_ref().to_string());
            self.origins.insert(path.clone(), lines.origin(key.span().start));
            let value = match value.get_ref() {
                DeValue::Table(table) => Value::Dict(Tag::Default, self.table(path, table, lines, mistakes)),
                value => match plain(value) {
                    Ok(value) => value,
                    Err(what) => {
                        mistakes.push(Mistake::new(join(path), what).at(Some(lines.origin(key.span().start))));
                        path.pop();
                        continue;
                    }
                },
            };
            dict.insert(key.get_ref().to_string(), value);
            path.pop();
        }
        dict
    }

    /// Reads the variables that start with `prefix`, except for `others`, which belong to somebody else. `__` separates
    /// tables: `SYNOD_PUBLIC_API__PORT` is `public_api.port`.
    pub(super) fn from_variables(
        prefix: &str,
        others: &[&str],
        variables: impl IntoIterator<Item = (String, String)>,
        mistakes: &mut Mistakes,
    ) -> Self {
        let mut layer = Self::default();
        let ours = variables.into_iter().filter(|(name, _)| !others.contains(&name.as_str()));
        let mut ours: Vec<_> = ours.filter(|(name, _)| name.starts_with(prefix)).collect();
        ours.sort();
        for (name, text) in ours {
            let path: KeyPath = name[prefix.len()..].to_ascii_lowercase().split("__").map(str::to_owned).collect();
            let origin = Origin::Environment(name);
            if path.iter().any(String::is_empty) || !layer.insert(&path, typed(&text)) {
                let what = "names no key, or a table of which another variable sets a key";
                mistakes.push(Mistake::new(join(&path), what).at(Some(origin)));
                continue;
            }
            layer.origins.insert(path.clone(), origin);
            layer.raw.insert(path, text);
        }
        layer
    }

    /// Whether there was place for it.
    fn insert(&mut self, path: &[String], value: Value) -> bool {
        let Some((last, tables)) = path.split_last() else { return false };
        let mut dict = &mut self.values;
        for table in tables {
            let next = dict.entry(table.clone()).or_insert_with(|| Value::Dict(Tag::Default, Dict::new()));
            let Value::Dict(_, next) = next else { return false };
            dict = next;
        }
        let free = !dict.contains_key(last);
        if free {
            dict.insert(last.clone(), value);
        }
        free
    }

    /// Where the value of a key stands; for a table that this source only has keys of, one of those; for a key that it
    /// does not have, the nearest table around it.
    pub(super) fn origin(&self, path: &[String]) -> Option<&Origin> {
        let within = || self.origins.range(path.to_vec()..).take_while(|(key, _)| key.starts_with(path)).next();
        (self.origins.get(path)).or_else(|| within().map(|(_, origin)| origin)).or_else(|| {
            let tables = (1..path.len()).rev();
            tables.into_iter().find_map(|length| self.origins.get(&path[..length]))
        })
    }

    /// Where the key itself stands.
    pub(super) fn exact_origin(&self, path: &[String]) -> Option<&Origin> {
        self.origins.get(path)
    }

    pub(super) fn contains(&self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else { return true };
        let mut value = self.values.get(first);
        for key in rest {
            value = value.and_then(Value::as_dict).and_then(|dict| dict.get(key));
        }
        value.is_some()
    }

    /// Takes a key out, and says whether it was there.
    pub(super) fn remove(&mut self, path: &[String]) -> bool {
        let Some((last, tables)) = path.split_last() else { return false };
        let mut dict = &mut self.values;
        for table in tables {
            match dict.get_mut(table) {
                Some(Value::Dict(_, next)) => dict = next,
                _ => return false,
            }
        }
        dict.remove(last).is_some()
    }

    /// Puts the text of a variable where what looked like something else stood; false when it is a text already.
    pub(super) fn take_as_text(&mut self, path: &[String]) -> bool {
        let Some(text) = self.raw.remove(path) else { return false };
        self.remove(path) && self.insert(path, Value::from(text))
    }
}

pub(super) fn join(path: &[String]) -> String {
    path.join(".")
}

/// A value of a variable: what it looks like in TOML, else a text.
fn typed(text: &str) -> Value {
    match DeValue::parse(text.trim()) {
        Ok(value) => plain(value.get_ref()).unwrap_or_else(|_| Value::from(text)),
        Err(_) => Value::from(text),
    }
}

fn plain(value: &DeValue<'_>) -> Result<Value, String> {
    Ok(match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(number) => integer(number)?,
        DeValue::Float(number) => {
            Value::from(number.as_str().parse::<f64>().map_err(|_| format!("is no number: {number}"))?)
        }
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(_) => return Err("is a date; there are no dates in settings".to_owned()),
        DeValue::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(|item| plain(item.get_ref())).collect();
            Value::Array(Tag::Default, items?)
        }
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| Ok((key.get_ref().to_string(), plain(value.get_ref())?)));
            Value::Dict(Tag::Default, entries.collect::<Result<_, String>>()?)
        }
    })
}

fn integer(number: &DeInteger<'_>) -> Result<Value, String> {
    match i64::from_str_radix(number.as_str(), number.radix()) {
        Ok(small) => Ok(Value::from(small)),
        Err(_) => u64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| format!("is out of range: {number}")),
    }
}

/// An absent value, as an optional setting has it.
pub(super) fn is_absent(value: &Value) -> bool {
    matches!(value, Value::Empty(_, Empty::None | Empty::Unit))
}

struct Lines<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Lines<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.as_bytes().iter().take(offset);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Origin::File { path: self.path.to_owned(), line }
    }
}
