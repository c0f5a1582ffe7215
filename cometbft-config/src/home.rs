//! A CometBFT home on disk.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config_toml::config_toml;
use crate::{LocalSettings, Network, OperatorKeys};

/// State of a validator that never voted.
const NEVER_VOTED: &str = "{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}";
/// Only the owner may read keys.
const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// A file of the home could not be written.
#[derive(Debug, Error)]
#[error("{path} cannot be written")]
pub struct HomeFault {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

/// Writes the home of one operator below `home`. `config.toml` and `genesis.json` are written anew each time; keys and
/// the state of the last vote only when they are not there: losing a vote could mean voting twice.
///
/// # Errors
/// [`HomeFault`].
pub fn write_home(
    home: &Path,
    network: &Network,
    settings: &LocalSettings,
    keys: &OperatorKeys,
    genesis_json: &str,
) -> Result<(), HomeFault> {
    let (config, data) = (home.join("config"), home.join("data"));
    for directory in [&config, &data] {
        fs::create_dir_all(directory).map_err(|source| HomeFault { path: directory.clone(), source })?;
    }
    write(&config.join("config.toml"), config_toml(network, settings).as_bytes(), PUBLIC, true)?;
    write(&config.join("genesis.json"), genesis_json.as_bytes(), PUBLIC, true)?;
    write(&config.join("node_key.json"), keys.node_key_json().as_bytes(), PRIVATE, false)?;
    write(&config.join("priv_validator_key.json"), keys.validator_key_json().as_bytes(), PRIVATE, false)?;
    write(&data.join("priv_validator_state.json"), NEVER_VOTED.as_bytes(), PRIVATE, false)
}

fn write(path: &Path, bytes: &[u8], mode: u32, overwrite: bool) -> Result<(), HomeFault> {
    let fault = |source| HomeFault { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    options.write(true).mode(mode);
    let opened = if overwrite {
        options.create(true).truncate(true).open(path)
    } else {
        match options.create_new(true).open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(()),
            other => other,
        }
    };
    opened.and_then(|mut file| file.write_all(bytes)).map_err(fault)
}
