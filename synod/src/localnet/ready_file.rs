//! The file that tells scripts that the network is there.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::connecting::Connecting;
use super::files;
use crate::config::{MediatorConfig, SequencerConfig};

/// What a script needs to use the network.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    pub(crate) synchronizer_id: String,
    pub(crate) sequencers: Vec<ReadySequencer>,
    pub(crate) mediators: Vec<ReadyMediator>,
    /// In the order of the sequencers; not there when they order themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cometbft: Vec<ReadyCometBft>,
    pub(crate) self_test_ms: u64,
    /// Text to copy.
    pub(crate) connect: Connecting,
}

/// Addresses of a sequencer.
#[derive(Debug, Serialize)]
pub(crate) struct ReadySequencer {
    pub(crate) public: String,
    pub(crate) admin: String,
    pub(crate) health: String,
}

/// Addresses of a mediator.
#[derive(Debug, Serialize)]
pub(crate) struct ReadyMediator {
    pub(crate) admin: String,
}

/// The CometBFT of a sequencer.
#[derive(Debug, Serialize)]
pub(crate) struct ReadyCometBft {
    pub(crate) rpc: String,
    pub(crate) home: PathBuf,
}

impl Ready {
    /// A network of this name with these nodes, tested in so long.
    pub(crate) fn new(
        name: &str,
        synchronizer_id: String,
        configs: &[SequencerConfig],
        mediators: &[MediatorConfig],
        self_test: Duration,
    ) -> Self {
        let at = |port: u16| format!("127.0.0.1:{port}");
        let sequencers = configs.iter().map(|config| ReadySequencer {
            public: at(config.public_api.port),
            admin: at(config.admin_api.port),
            health: at(config.monitoring.http_health_port.unwrap_or_default()),
        });
        let cometbft = configs.iter().filter_map(|config| config.cometbft.as_ref());
        let cometbft =
            cometbft.map(|cometbft| ReadyCometBft { rpc: at(cometbft.rpc_port), home: cometbft.home.clone() });
        let sequencers: Vec<_> = sequencers.collect();
        let mediators = mediators.iter().map(|config| ReadyMediator { admin: at(config.admin_api.port) });
        let mediators: Vec<_> = mediators.collect();
        Self {
            connect: Connecting::new(name, &sequencers, &mediators),
            synchronizer_id,
            sequencers,
            mediators,
            cometbft: cometbft.collect(),
            self_test_ms: u64::try_from(self_test.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Writes the file so that it is never seen half written.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        files::write(file, (text + "\n").as_bytes())
    }
}
