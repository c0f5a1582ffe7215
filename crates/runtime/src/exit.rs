//! Exit codes of our processes.

use std::error::Error;
use std::fmt;

use crate::settings::SettingsErrors;
use crate::task::BoxError;

/// Done, or stopped by a signal.
pub const OK: u8 = 0;
/// A command found that something is not as it should be.
pub const NEGATIVE: u8 = 1;
/// The command line is wrong, or a file that it names.
pub const USAGE: u8 = 2;
/// A node cannot be reached (`EX_UNAVAILABLE` of sysexits).
pub const UNAVAILABLE: u8 = 69;
/// A fault of the node (`EX_SOFTWARE` of sysexits).
pub const FAULT: u8 = 70;
/// A command did what it could, and has to wait for others; it is to be run again (`EX_TEMPFAIL` of sysexits).
pub const WAITING: u8 = 75;
/// A mistake in the configuration (`EX_CONFIG` of sysexits).
pub const CONFIGURATION: u8 = 78;

/// Something else than the settings says that the configuration, or what it names, has to be changed before the process can
/// start. Shows itself as its cause.
#[derive(Debug)]
pub struct ConfigurationRefused(BoxError);

impl ConfigurationRefused {
    /// With the cause.
    #[must_use]
    pub fn new(cause: impl Into<BoxError>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for ConfigurationRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for ConfigurationRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// The code of a process that ends with `error`: [`CONFIGURATION`] when mistakes in settings or [`ConfigurationRefused`] are
/// among its causes, else [`FAULT`].
#[must_use]
pub fn code_of(error: &(dyn Error + 'static)) -> u8 {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<SettingsErrors>() || error.is::<ConfigurationRefused>() {
            return CONFIGURATION;
        }
        cause = error.source();
    }
    FAULT
}

#[cfg(test)]
mod tests {
    use thiserror::Error;

    use super::*;
    use crate::settings::Mistake;

    #[derive(Debug, Error)]
    #[error("cannot start")]
    struct Start(#[source] SettingsErrors);

    #[test]
    fn mistakes_in_settings_have_their_own_code() {
        let mistakes = || SettingsErrors::from(Mistake::new("storage.url", "is missing"));
        assert_eq!(code_of(&mistakes()), CONFIGURATION);
        assert_eq!(code_of(&Start(mistakes())), CONFIGURATION);
        assert_eq!(code_of(&std::io::Error::other("disk")), FAULT);
    }
}
