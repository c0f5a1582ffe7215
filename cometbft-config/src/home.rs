//! A CometBFT home on disk.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use crate::config_toml::config_toml;
use crate::{ChainId, InvalidKeyFile, LocalSettings, Network, OperatorKeys};

const CONFIG: &str = "config/config.toml";
const GENESIS: &str = "config/genesis.json";
const NODE_KEY: &str = "config/node_key.json";
const VALIDATOR_KEY: &str = "config/priv_validator_key.json";
const LAST_VOTE: &str = "data/priv_validator_state.json";
/// State of a validator that never voted.
const NEVER_VOTED: &str = "{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}";
/// Only the owner may read keys.
const PRIVATE: u32 = 0o600;
const PUBLIC: u32 = 0o644;

/// The home cannot be used.
#[derive(Debug, Error)]
pub enum HomeFault {
    /// A file could not be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file could not be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The keys are not what CometBFT writes.
    #[error("the keys below {home} cannot be used")]
    Keys {
        /// The home.
        home: PathBuf,
        /// Why.
        #[source]
        source: InvalidKeyFile,
    },
    /// The genesis names no chain.
    #[error("{path} is no genesis of a chain")]
    Genesis {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("the system has no random numbers for keys")]
    Random,
}

/// The home of one operator's CometBFT: keys and last vote are made once, `genesis.json` belongs to a chain,
/// `config.toml` is written anew before each start.
#[derive(Debug, Clone)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// The home below `path`, which need not be there yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The operator's keys; `None` when they were not made yet.
    ///
    /// # Errors
    /// [`HomeFault`] when there is a key that cannot be read, or one of the two is missing.
    pub fn keys(&self) -> Result<Option<OperatorKeys>, HomeFault> {
        // The key of the node is written last.
        let Some(node) = self.read(NODE_KEY)? else { return Ok(None) };
        let validator = self.read(VALIDATOR_KEY)?.unwrap_or_default();
        let keys = |source| HomeFault::Keys { home: self.path.clone(), source };
        OperatorKeys::read(&node, &validator).map(Some).map_err(keys)
    }

    /// The operator's keys, made if there are none. Making them can be interrupted anywhere. A key or a last vote that is
    /// there is never replaced: losing a vote could mean voting twice.
    ///
    /// # Errors
    /// [`HomeFault`].
    pub fn make_keys(&self) -> Result<OperatorKeys, HomeFault> {
        if let Some(keys) = self.keys()? {
            return Ok(keys);
        }
        let mut keys = OperatorKeys::generate().ok_or(HomeFault::Random)?;
        if let Some(validator) = self.read(VALIDATOR_KEY)? {
            let source = |source| HomeFault::Keys { home: self.path.clone(), source };
            keys = keys.with_validator(&validator).map_err(source)?;
        } else {
            self.write(LAST_VOTE, NEVER_VOTED.as_bytes(), PRIVATE)?;
            self.write(VALIDATOR_KEY, keys.validator_key_json().as_bytes(), PRIVATE)?;
        }
        self.write(NODE_KEY, keys.node_key_json().as_bytes(), PRIVATE)?;
        Ok(keys)
    }

    /// The chain that the genesis in this home begins; `None` when there is none yet.
    ///
    /// # Errors
    /// [`HomeFault`] when there is a file that is no genesis.
    pub fn chain_id(&self) -> Result<Option<ChainId>, HomeFault> {
        let Some(text) = self.read(GENESIS)? else { return Ok(None) };
        let genesis: Value = serde_json::from_str(&text).unwrap_or_default();
        let invalid = || HomeFault::Genesis { path: self.path.join(GENESIS) };
        genesis["chain_id"].as_str().and_then(ChainId::parse).map(Some).ok_or_else(invalid)
    }

    /// Writes `genesis.json`.
    ///
    /// # Errors
    /// [`HomeFault`].
    pub fn write_genesis(&self, genesis_json: &str) -> Result<(), HomeFault> {
        self.write(GENESIS, genesis_json.as_bytes(), PUBLIC)
    }

    /// Writes `config.toml`.
    ///
    /// # Errors
    /// [`HomeFault`].
    pub fn write_config(&self, network: &Network, settings: &LocalSettings) -> Result<(), HomeFault> {
        self.write(CONFIG, config_toml(network, settings).as_bytes(), PUBLIC)
    }

    fn read(&self, name: &str) -> Result<Option<String>, HomeFault> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HomeFault::Read { path, source }),
        }
    }

    /// Writes a file so that it is whole or not there, also after a loss of power.
    fn write(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), HomeFault> {
        let path = self.path.join(name);
        write_whole(&path, bytes, mode).map_err(|source| HomeFault::Write { path, source })
    }
}

fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let partial = path.with_extension("partial");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)?;
    fs::File::open(folder)?.sync_all()
}
