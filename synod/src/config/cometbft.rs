//! Configuration of ordering by CometBFT.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use synod_runtime::settings::Mistakes;

/// `[cometbft]`: when it is there, the sequencer is one of several that CometBFT orders for; without it, it orders
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CometBftConfig {
    /// Name of this operator in `operators_file`.
    pub(crate) operator: String,
    /// All operators (TOML, a table `[[operators]]` each), the same file at each of them.
    pub(crate) operators_file: PathBuf,
    /// Home of CometBFT: its keys, configuration and blocks.
    pub(crate) home: PathBuf,
    /// Folder of the program `cometbft`; looked for on the PATH when absent.
    pub(crate) program_dir: Option<PathBuf>,
    /// Address on which CometBFT listens for the other operators.
    pub(crate) p2p_address: IpAddr,
    /// Port of it.
    pub(crate) p2p_port: u16,
    /// Port of CometBFT's RPC, on loopback.
    pub(crate) rpc_port: u16,
    /// Port of CometBFT's Prometheus exporter, on loopback; none when absent.
    pub(crate) metrics_port: Option<u16>,
}

impl Default for CometBftConfig {
    fn default() -> Self {
        Self {
            operator: String::new(),
            operators_file: "operators.toml".into(),
            home: "cometbft".into(),
            program_dir: None,
            p2p_address: IpAddr::from([0, 0, 0, 0]),
            p2p_port: 26_656,
            rpc_port: 26_657,
            metrics_port: None,
        }
    }
}

impl CometBftConfig {
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if self.operator.is_empty() {
            mistakes.add("cometbft.operator", "is missing: the name of this operator in the operators' file");
        }
        if self.p2p_port == self.rpc_port {
            mistakes.add("cometbft.rpc_port", "is the port for the other operators");
        }
    }
}
