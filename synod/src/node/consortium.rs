//! This operator's place in a consortium, as its configuration and files say.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use synod_abci_app::{CometProcessFault, CometProgram};
use synod_cometbft_config::{ChainId, Home, HomeFault, LocalSettings, Network, genesis_json};
use synod_runtime::{Chain, SettingsErrors, settings::Mistake};
use thiserror::Error;

use crate::config::CometBftConfig;

/// Longest path of a Unix socket that every system takes, in bytes.
const MAX_SOCKET_PATH_BYTES: usize = 100;

/// The place in the consortium cannot be taken.
#[derive(Debug, Error)]
pub(crate) enum ConsortiumError {
    // Its own link of the chain: the exit code of the process is that of a mistake in the configuration.
    #[error("what the configuration names")]
    Settings(#[from] SettingsErrors),
    #[error("the home of CometBFT")]
    Home(#[from] HomeFault),
    #[error(transparent)]
    Program(#[from] CometProcessFault),
    #[error("the home of CometBFT at {home} has no genesis, but the synchronizer has blocks: bring the home back")]
    GenesisLost { home: PathBuf },
    #[error("the home of CometBFT at {home} belongs to the chain {found}, and the synchronizer begins {expected}")]
    OtherChain { home: PathBuf, found: String, expected: String },
}

/// One operator among all, checked.
#[derive(Debug)]
pub(crate) struct Consortium {
    network: Network,
    settings: LocalSettings,
    home: Home,
    pub(crate) program: CometProgram,
}

impl Consortium {
    /// Reads and checks what the configuration names.
    pub(crate) async fn open(config: &CometBftConfig) -> Result<Self, ConsortiumError> {
        let network = read_network(&config.operators_file)?;
        let index = network.position(&config.operator).ok_or_else(|| {
            mistake("operator", format!("is not in {}: `{}`", config.operators_file.display(), config.operator))
        })?;
        let home = Home::at(absolute(&config.home));
        let keys = home.keys()?.ok_or_else(|| {
            let path = home.path().display();
            mistake("home", format!("has no keys: make them with `synod init operator --home {path}`"))
        })?;
        let listed = &network.operators[index];
        if (keys.node_id(), keys.validator_key()) != (listed.node_id.clone(), listed.validator_key.clone()) {
            let who = &config.operator;
            return Err(mistake("home", format!("has other keys than `{who}` in the operators' file")).into());
        }
        let app_socket = home.path().join("app.sock");
        if app_socket.as_os_str().len() > MAX_SOCKET_PATH_BYTES {
            let limit = MAX_SOCKET_PATH_BYTES - "/app.sock".len();
            return Err(mistake("home", format!("is longer than {limit} bytes: no socket fits into it")).into());
        }
        let program = CometProgram::find(config.program_dir.as_deref()).await?;
        let settings = LocalSettings {
            index,
            app_socket,
            rpc_port: config.rpc_port,
            p2p_listen: SocketAddr::new(config.p2p_address, config.p2p_port).to_string(),
            metrics_port: config.metrics_port,
        };
        Ok(Self { network, settings, home, program })
    }

    /// Writes what CometBFT reads at its start: its configuration and, before the first block, the genesis of the chain
    /// of these operators and this state. The chain.
    pub(crate) fn prepare(&self, genesis_app_hash: Option<&[u8; 32]>) -> Result<ChainId, ConsortiumError> {
        let home = self.home.path().to_owned();
        let there = self.home.chain_id()?;
        let chain = match (there, genesis_app_hash) {
            (Some(chain), None) => chain,
            (None, None) => return Err(ConsortiumError::GenesisLost { home }),
            (there, Some(app_hash)) => {
                let chain = ChainId::derive(&self.network, app_hash);
                if let Some(found) = there.filter(|found| *found != chain) {
                    let (found, expected) = (found.as_str().to_owned(), chain.as_str().to_owned());
                    return Err(ConsortiumError::OtherChain { home, found, expected });
                }
                self.home.write_genesis(&genesis_json(&self.network, &chain, app_hash))?;
                chain
            }
        };
        self.home.write_config(&self.network, &self.settings)?;
        Ok(chain)
    }

    /// The chain of these operators that begins with this state.
    pub(crate) fn chain_of(&self, genesis_app_hash: &[u8; 32]) -> ChainId {
        ChainId::derive(&self.network, genesis_app_hash)
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn app_socket(&self) -> &Path {
        &self.settings.app_socket
    }

    pub(crate) fn rpc_address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.settings.rpc_port))
    }
}

fn mistake(key: &str, what: String) -> SettingsErrors {
    Mistake::new(format!("cometbft.{key}"), what).into()
}

fn read_network(file: &Path) -> Result<Network, SettingsErrors> {
    let wrong = |reason: String| mistake("operators_file", format!("at {}: {reason}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    Network::from_toml(&text).map_err(|error| wrong(Chain(&error).to_string()))
}

/// CometBFT runs elsewhere than we do.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
