//! Mistakes in settings.

use std::error::Error;
use std::fmt;

use super::layer::Origin;

/// One mistake: which key, what is wrong, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Key with its tables, e.g. `public_api.port`; empty for the file as a whole.
    pub key: String,
    /// What is wrong, as the rest of a sentence that starts with the key.
    pub what: String,
    /// Where it stands; nowhere when something is missing.
    pub origin: Option<Origin>,
}

impl Mistake {
    /// A mistake whose place is not known yet: that of its key is filled in when there is one.
    #[must_use]
    pub fn new(key: impl Into<String>, what: impl Into<String>) -> Self {
        Self { key: key.into(), what: what.into(), origin: None }
    }

    pub(super) fn at(mut self, origin: Option<Origin>) -> Self {
        self.origin = origin;
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "`{}` ", self.key)?;
        }
        f.write_str(&self.what)
    }
}

/// Collects mistakes of a check.
#[derive(Debug, Default)]
pub struct Mistakes {
    found: Vec<Mistake>,
}

impl Mistakes {
    /// Notes that `key` (with its tables, e.g. `public_api.port`) is wrong; `what` is the rest of the sentence.
    pub fn add(&mut self, key: impl Into<String>, what: impl Into<String>) {
        self.push(Mistake::new(key, what));
    }

    pub(super) fn push(&mut self, mistake: Mistake) {
        if !self.found.contains(&mistake) {
            self.found.push(mistake);
        }
    }

    /// Nothing, when there are none: for what is wrong with files that settings name.
    ///
    /// # Errors
    /// [`SettingsErrors`]: all of them.
    pub fn into_result(self) -> Result<(), SettingsErrors> {
        SettingsErrors::or(self, Some(()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn into_found(self) -> Vec<Mistake> {
        self.found
    }
}

/// All mistakes in the settings of a process: always the operator's to mend. The process ends with
/// [`crate::exit::CONFIGURATION`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsErrors {
    mistakes: Vec<Mistake>,
}

impl SettingsErrors {
    /// The mistakes, at least one.
    #[must_use]
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The value, or the mistakes when there is one.
    pub(super) fn or<T>(mistakes: Mistakes, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if mistakes.is_empty() => Ok(value),
            _ => Err(Self { mistakes: mistakes.into_found() }),
        }
    }
}

impl From<Mistake> for SettingsErrors {
    fn from(mistake: Mistake) -> Self {
        Self { mistakes: vec![mistake] }
    }
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.as_slice() {
            [one] => write!(f, "a mistake in the configuration: {one}"),
            many => {
                write!(f, "{} mistakes in the configuration:", many.len())?;
                many.iter().try_for_each(|mistake| write!(f, "\n  {mistake}"))
            }
        }
    }
}

impl Error for SettingsErrors {}
