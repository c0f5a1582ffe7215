//! Exit codes of our processes.

use std::error::Error;

use crate::settings::SettingsErrors;

/// Done, or stopped by a signal.
pub const OK: u8 = 0;
/// A command found that something is not as it should be.
pub const NEGATIVE: u8 = 1;
/// A fault of the node (`EX_SOFTWARE` of sysexits).
pub const FAULT: u8 = 70;
/// A command did what it could, and has to wait for others; it is to be run again (`EX_TEMPFAIL` of sysexits).
pub const WAITING: u8 = 75;
/// A mistake in the configuration (`EX_CONFIG` of sysexits).
pub const CONFIGURATION: u8 = 78;

/// The code of a process that ends with `error`: [`CONFIGURATION`] when mistakes in settings are among its causes, else
/// [`FAULT`].
#[must_use]
pub fn code_of(error: &(dyn Error + 'static)) -> u8 {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<SettingsErrors>() {
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
