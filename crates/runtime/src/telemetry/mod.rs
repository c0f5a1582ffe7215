//! Logging: text for people or one JSON object a line, on standard error, with a level that can be changed at run time.

mod chain;
mod level;
mod log;

pub use chain::Chain;
pub use level::LevelError;
pub use log::{InitError, LogControl, LogFormat, init};
