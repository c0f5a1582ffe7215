//! The log of a process.

use std::fmt;
use std::io::{self, IsTerminal};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use super::level::{LevelError, filter, level_filter};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Changes what is logged while the process runs. Clones change the same log.
#[derive(Clone)]
pub struct LogControl {
    handle: reload::Handle<EnvFilter, Registry>,
}

impl fmt::Debug for LogControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogControl").field("filter", &self.filter()).finish()
    }
}

impl LogControl {
    /// Sets everything to one level, e.g. `DEBUG` (in any case) or `OFF`, until the next start or change.
    ///
    /// # Errors
    /// [`LevelError::Unknown`]; nothing has changed then.
    pub fn set_level(&self, level: &str) -> Result<(), LevelError> {
        self.replace(level_filter(level)?);
        Ok(())
    }

    /// Sets a filter, e.g. `info,synod_machine=debug`.
    ///
    /// # Errors
    /// [`LevelError`]; nothing has changed then.
    pub fn set_filter(&self, text: &str) -> Result<(), LevelError> {
        self.replace(filter(text)?);
        Ok(())
    }

    /// The filter in force, as text; empty when the log is gone.
    #[must_use]
    pub fn filter(&self) -> String {
        self.handle.with_current(ToString::to_string).unwrap_or_default()
    }

    /// Without a log there is nothing to change: it is gone only when the process is about to end.
    fn replace(&self, filter: EnvFilter) {
        let _gone = self.handle.reload(filter);
    }
}

/// The log could not be set up.
#[derive(Debug, Error)]
pub enum InitError {
    /// The filter is none: a mistake in the configuration.
    #[error("the log level is not valid")]
    Level(#[source] LevelError),
    /// The process has a log already.
    #[error("the process has a log already")]
    Twice(#[source] TryInitError),
}

/// Sets up the log of this process on standard error: once, as early as possible.
///
/// # Errors
/// [`InitError`].
pub fn init(format: LogFormat, level: &str) -> Result<LogControl, InitError> {
    let (subscriber, control) =
        subscriber(format, level, io::stderr, io::stderr().is_terminal()).map_err(InitError::Level)?;
    subscriber.try_init().map_err(InitError::Twice)?;
    Ok(control)
}

fn subscriber<W>(
    format: LogFormat,
    level: &str,
    writer: W,
    colors: bool,
) -> Result<(impl Subscriber + Send + Sync, LogControl), LevelError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(colors).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(true).with_current_span(false).boxed(),
    };
    Ok((Registry::default().with(filter).with(lines), LogControl { handle }))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Lines {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
        }
    }

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn the_level_changes_at_run_time() {
        let lines = Lines::default();
        let (subscriber, control) = subscriber(LogFormat::Text, "info", lines.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("first");
            assert_eq!(lines.take(), "");
            control.set_level("DEBUG").unwrap();
            tracing::debug!("second");
            assert!(lines.take().ends_with("DEBUG synod_runtime::telemetry::log::tests: second\n"));
            tracing::debug!(target: "h2::codec", "noise");
            assert_eq!(lines.take(), "");
            control.set_level("off").unwrap();
            tracing::error!("third");
            assert_eq!(lines.take(), "");
            control.set_filter("warn,synod_runtime=trace").unwrap();
            tracing::trace!("fourth");
            assert!(lines.take().contains("fourth"));
        });
    }

    #[test]
    fn json_is_one_object_a_line_with_its_spans() {
        let lines = Lines::default();
        let (subscriber, _control) = subscriber(LogFormat::Json, "info", lines.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let _task = tracing::info_span!("task", task = "committer").entered();
            tracing::info!(height = 7_u64, "committed");
        });
        let line: serde_json::Value = serde_json::from_str(&lines.take()).unwrap();
        assert_eq!(line["message"], "committed");
        assert_eq!(line["height"], 7);
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["spans"][0]["task"], "committer");
    }

    #[test]
    fn what_is_no_level_is_refused_and_changes_nothing() {
        let (subscriber, control) = subscriber(LogFormat::Text, "info", io::sink, false).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            for text in ["inof", "", "3", "info,debgu", "trace=x=y"] {
                assert!(control.set_level(text).is_err(), "{text}");
                assert!(control.set_filter(text).is_err(), "{text}");
            }
            assert_eq!(control.filter(), "info");
        });
        assert_eq!(
            control.set_level("LOUD").unwrap_err().to_string(),
            "unknown log level `LOUD`; there are TRACE, DEBUG, INFO, WARN, ERROR and OFF"
        );
    }
}
