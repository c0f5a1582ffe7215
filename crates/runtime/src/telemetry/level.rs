//! From texts to filters.

use thiserror::Error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// Libraries whose own inner life only drowns ours: they stay at INFO when everything is set to DEBUG or TRACE. A filter
/// that names one of them gets it.
const QUIET: &[&str] = &["h2", "hyper", "hyper_util", "rustls", "sqlx", "tonic", "tower"];

/// A text that is no log level, or no filter.
#[derive(Debug, Error)]
pub enum LevelError {
    /// Not a level.
    #[error("unknown log level `{0}`; there are TRACE, DEBUG, INFO, WARN, ERROR and OFF")]
    Unknown(String),
    /// Not a filter.
    #[error("`{text}` is not a filter such as `info` or `info,synod_machine=debug`")]
    Filter {
        /// The text.
        text: String,
        /// What is wrong with it.
        source: ParseError,
    },
}

/// A filter as `RUST_LOG` has it. A word without `=` has to be a level: as a target it would silence all the rest.
pub(super) fn filter(text: &str) -> Result<EnvFilter, LevelError> {
    for directive in text.split(',').map(str::trim).filter(|directive| !directive.contains(['=', '['])) {
        level(directive)?;
    }
    EnvFilter::try_new(text).map_err(|source| LevelError::Filter { text: text.to_owned(), source })
}

/// The filter that sets everything to one level, in any case.
pub(super) fn level_filter(text: &str) -> Result<EnvFilter, LevelError> {
    let level = level(text.trim())?;
    let mut directives = level.to_string();
    if level > LevelFilter::INFO {
        for quiet in QUIET {
            directives.push_str(&format!(",{quiet}=info"));
        }
    }
    filter(&directives)
}

fn level(text: &str) -> Result<LevelFilter, LevelError> {
    let unknown = || LevelError::Unknown(text.to_owned());
    if !text.bytes().all(|byte| byte.is_ascii_alphabetic()) || text.is_empty() {
        return Err(unknown());
    }
    text.parse().map_err(|_| unknown())
}
