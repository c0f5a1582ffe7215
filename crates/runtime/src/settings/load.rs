//! Loading settings.

use std::env;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::errors::{Mistake, Mistakes, SettingsErrors};
use super::extract::{extract, origin};
use super::layer::{Layer, Origin, is_absent, join};

/// Settings of a process: their defaults, and the rules that their types do not say.
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// Notes what is wrong with these values, by key. Called also when other values were wrong and are defaults now.
    fn check(&self, mistakes: &mut Mistakes) {
        let _ = mistakes;
    }
}

/// Where settings come from.
#[derive(Debug, Clone)]
pub struct Sources {
    file: Option<PathBuf>,
    prefix: String,
    others: Vec<&'static str>,
    variables: Vec<(String, String)>,
}

impl Sources {
    /// The variables of this process that start with `prefix`, e.g. `SYNOD_`. Variables that are not Unicode are none.
    #[must_use]
    pub fn of_process(prefix: &str) -> Self {
        let variables =
            env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::with_variables(prefix, variables)
    }

    /// These variables instead of those of the process.
    #[must_use]
    pub fn with_variables(prefix: &str, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables = variables.into_iter().collect();
        Self { file: None, prefix: prefix.to_owned(), others: Vec::new(), variables }
    }

    /// Reads this file too.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Leaves variables alone that start with the prefix and are no settings, e.g. those of the command line.
    #[must_use]
    pub fn except(mut self, variables: impl IntoIterator<Item = &'static str>) -> Self {
        self.others.extend(variables);
        self
    }

    /// Loads the settings.
    ///
    /// # Errors
    /// [`SettingsErrors`]: all mistakes that there are.
    pub fn load<T: Settings>(self) -> Result<Loaded<T>, SettingsErrors> {
        let mut mistakes = Mistakes::default();
        let mut file = match &self.file {
            Some(path) => read(path, &mut mistakes),
            None => Layer::default(),
        };
        let mut environment = Layer::from_variables(&self.prefix, &self.others, self.variables, &mut mistakes);
        let value = extract::<T>(&mut file, &mut environment, &mut mistakes);
        if let Some(value) = &value {
            let mut checked = Mistakes::default();
            value.check(&mut checked);
            for mistake in checked.into_found() {
                let path: Vec<String> = mistake.key.split('.').map(str::to_owned).collect();
                let origin = origin(&file, &environment, &path);
                mistakes.push(mistake.at(origin));
            }
        }
        SettingsErrors::or(mistakes, value).map(|value| Loaded { value, file, environment })
    }
}

fn read(path: &Path, mistakes: &mut Mistakes) -> Layer {
    match std::fs::read_to_string(path) {
        Ok(text) => Layer::from_toml(path, &text, mistakes),
        Err(error) => {
            let whole = Origin::File { path: path.to_owned(), line: 0 };
            mistakes.push(Mistake::new("", format!("cannot be read: {error}")).at(Some(whole)));
            Layer::default()
        }
    }
}

/// Settings without a mistake, and where they come from.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The settings.
    pub value: T,
    file: Layer,
    environment: Layer,
}

/// One setting with its effective value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Key with its tables, e.g. `public_api.port`.
    pub key: String,
    /// Value as TOML has it; none for an optional setting that is not set.
    pub value: Option<String>,
    /// Where it comes from: `default`, file and line, or variable.
    pub origin: String,
}

impl<T: Settings> Loaded<T> {
    /// All settings in the order of their keys. Secrets are not among them: settings name the files in which they are.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if let Ok(Value::Dict(_, dict)) = Value::serialize(&self.value) {
            self.collect(&dict, &mut Vec::new(), &mut entries);
        }
        entries
    }

    /// Where a setting comes from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        let found = self.environment.exact_origin(&path).or_else(|| self.file.exact_origin(&path));
        found.cloned().unwrap_or(Origin::Default)
    }

    fn collect(&self, dict: &Dict, path: &mut Vec<String>, entries: &mut Vec<Entry>) {
        for (key, value) in dict {
            path.push(key.clone());
            match value {
                Value::Dict(_, dict) => self.collect(dict, path, entries),
                value => {
                    let key = join(path);
                    let origin = self.origin(&key).to_string();
                    entries.push(Entry { key, value: (!is_absent(value)).then(|| toml_text(value)), origin });
                }
            }
            path.pop();
        }
    }
}

fn toml_text(value: &Value) -> String {
    match value {
        Value::String(_, text) => toml::Value::String(text.clone()).to_string(),
        Value::Char(_, text) => toml::Value::String(text.to_string()).to_string(),
        Value::Bool(_, truth) => truth.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128(), number.to_f64()) {
            (Some(number), ..) => number.to_string(),
            (_, Some(number), _) => number.to_string(),
            (.., Some(number)) => toml::Value::Float(number).to_string(),
            _ => String::new(),
        },
        Value::Array(_, items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        Value::Dict(_, dict) => {
            let entries: Vec<_> = dict.iter().map(|(key, value)| format!("{key} = {}", toml_text(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Empty(..) => String::new(),
    }
}
