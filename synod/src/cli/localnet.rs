//! `synod localnet`

use std::path::PathBuf;

use clap::Args;

/// `synod localnet`
#[derive(Debug, Args)]
pub(crate) struct LocalnetArgs {
    /// Where the network keeps its data; a second start continues from there. Without it, a new directory below the
    /// system's temporary one, removed at the end
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// File that appears when everything is served and the self-test has passed
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// First port; the ports of the network count up from there instead of the default ones
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..=64_000))]
    pub(crate) port_base: Option<u16>,
    /// PostgreSQL database for the sequencer, e.g. postgres://user@host/database; SQLite files in DIR without it
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// A decentralized network of so many sequencers, each with a CometBFT validator
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10), conflicts_with = "database_url")]
    pub(crate) bft: Option<u16>,
    /// Folder of the program `cometbft`; looked for on the PATH without it
    #[arg(long, value_name = "DIR", requires = "bft")]
    pub(crate) cometbft: Option<PathBuf>,
    /// End after the self-test instead of serving until a signal
    #[arg(long)]
    pub(crate) once: bool,
}
