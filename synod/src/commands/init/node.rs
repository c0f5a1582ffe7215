//! `synod init sequencer`, `synod init mediator`: a configuration to start from.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use thiserror::Error;

use crate::cli::{InitNodeArgs, StoreKindArg};
use crate::commands::CommandResult;

/// A kind of node, and its configuration with `{name}` and `{url}` left open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Template {
    kind: &'static str,
    text: &'static str,
}

pub(super) const SEQUENCER: Template =
    Template { kind: "sequencer", text: include_str!("../../../templates/sequencer.toml") };
pub(super) const MEDIATOR: Template =
    Template { kind: "mediator", text: include_str!("../../../templates/mediator.toml") };

/// The configuration cannot be written.
#[derive(Debug, Error)]
enum InitError {
    #[error("--store postgres needs --database-url, e.g. postgres://user@host/database")]
    NoDatabase,
    #[error("--database-url is for --store postgres")]
    DatabaseOfFile,
    #[error("`{0}` cannot stand in a configuration: it has a quote, a backslash or a line break")]
    Text(String),
    #[error("{0} is there already")]
    Exists(PathBuf),
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Writes the configuration into the directory; one that is there is left alone.
pub(super) fn init(template: Template, arguments: &InitNodeArgs) -> CommandResult {
    let path = arguments.dir.join(format!("{}.toml", template.kind));
    let text = render(template, arguments)?;
    write_new(&path, &text)?;
    println!("{}", path.display());
    Ok(ExitCode::SUCCESS)
}

fn render(template: Template, arguments: &InitNodeArgs) -> Result<String, InitError> {
    let file = || {
        let dir = std::path::absolute(&arguments.dir).unwrap_or_else(|_| arguments.dir.clone());
        format!("sqlite://{}", dir.join(format!("{}.db", template.kind)).display())
    };
    let url = match (arguments.store, &arguments.database_url) {
        (StoreKindArg::Sqlite, None) => file(),
        (StoreKindArg::Sqlite, Some(_)) => return Err(InitError::DatabaseOfFile),
        (StoreKindArg::Postgres, Some(url)) => url.clone(),
        (StoreKindArg::Postgres, None) => return Err(InitError::NoDatabase),
    };
    let name = arguments.name.as_deref().unwrap_or(template.kind);
    for text in [name, &url] {
        if text.contains(['"', '\\', '\n', '\r']) {
            return Err(InitError::Text(text.to_owned()));
        }
    }
    Ok(template.text.replace("{name}", name).replace("{url}", &url))
}

fn write_new(path: &Path, text: &str) -> Result<(), InitError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => InitError::Exists(path.to_owned()),
        _ => InitError::Write { path: path.to_owned(), source },
    };
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    let mut file = fs::File::options().create_new(true).write(true).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use synod_runtime::settings::{Settings, Sources};
    use tempfile::TempDir;

    use super::*;
    use crate::config::{MediatorConfig, SequencerConfig};

    fn arguments(dir: &Path, store: StoreKindArg, database_url: Option<&str>) -> InitNodeArgs {
        InitNodeArgs { dir: dir.to_owned(), name: None, store, database_url: database_url.map(str::to_owned) }
    }

    fn load<T: Settings>(path: &Path) -> T {
        Sources::with_variables("SYNOD_", []).file(path).load().expect("no mistakes").value
    }

    /// Also all lines that are commented out are keys of the configuration, with the values that are the defaults.
    fn uncommented(text: &str) -> String {
        let is_key = |line: &str| line.contains(" = ") || line.starts_with("# [");
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_key(line) && !rest.ends_with('.') && !rest.contains("\": ") => rest,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_written_has_no_mistakes() {
        let dir = TempDir::new().expect("a directory");
        init(SEQUENCER, &arguments(dir.path(), StoreKindArg::Sqlite, None)).expect("written");
        init(MEDIATOR, &arguments(dir.path(), StoreKindArg::Postgres, Some("postgres://u@h/d"))).expect("written");
        let sequencer: SequencerConfig = load(&dir.path().join("sequencer.toml"));
        let mediator: MediatorConfig = load(&dir.path().join("mediator.toml"));
        assert!(sequencer.storage.url.ends_with("/sequencer.db"), "{}", sequencer.storage.url);
        assert_eq!((sequencer.name.0.as_str(), mediator.name.0.as_str()), ("sequencer", "mediator"));
        assert_eq!(mediator.storage.url, "postgres://u@h/d");
        assert_ne!(sequencer.admin_api.port, mediator.admin_api.port);
    }

    #[test]
    fn what_is_commented_out_are_keys() {
        let dir = TempDir::new().expect("a directory");
        for template in [SEQUENCER, MEDIATOR] {
            let path = dir.path().join("all.toml");
            let text = render(template, &arguments(dir.path(), StoreKindArg::Sqlite, None)).expect("a text");
            fs::write(&path, uncommented(&text)).expect("written");
            let checked = match template.kind {
                "sequencer" => Sources::with_variables("SYNOD_", []).file(&path).load::<SequencerConfig>().map(|_| ()),
                _ => Sources::with_variables("SYNOD_", []).file(&path).load::<MediatorConfig>().map(|_| ()),
            };
            checked.expect("every key is one");
        }
    }

    #[test]
    fn a_configuration_is_not_overwritten() {
        let dir = TempDir::new().expect("a directory");
        let arguments = arguments(dir.path(), StoreKindArg::Sqlite, None);
        init(MEDIATOR, &arguments).expect("written");
        assert!(init(MEDIATOR, &arguments).is_err());
    }

    #[test]
    fn a_database_and_a_file_exclude_each_other() {
        let dir = Path::new(".");
        assert!(matches!(render(MEDIATOR, &arguments(dir, StoreKindArg::Postgres, None)), Err(InitError::NoDatabase)));
        assert!(matches!(
            render(MEDIATOR, &arguments(dir, StoreKindArg::Sqlite, Some("postgres://h/d"))),
            Err(InitError::DatabaseOfFile)
        ));
        let mut quoted = arguments(dir, StoreKindArg::Sqlite, None);
        quoted.name = Some("a\"b".to_owned());
        assert!(matches!(render(MEDIATOR, &quoted), Err(InitError::Text(_))));
    }
}
