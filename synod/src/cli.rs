//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench::Payload;

/// A private Canton synchronizer.
#[derive(Debug, Parser)]
#[command(name = "synod", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done or stopped by a signal, 1 the command found that something is not as it \
should be, 70 a fault of the node, 78 a mistake in the configuration.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a whole synchronizer on this machine, founded and tested
    #[command(after_help = "Examples:\n  synod localnet\n  synod localnet --dir /var/tmp/net --port-base 6000\n  \
                            synod localnet --dir D --ready-file D/ready.json\n  synod localnet --bft 4")]
    Localnet(LocalnetArgs),
    /// Run one sequencer node
    #[command(after_help = "Examples:\n  synod sequencer -c sequencer.toml\n  \
                            SYNOD_PUBLIC_API__PORT=6008 synod sequencer -c sequencer.toml")]
    Sequencer(NodeArgs),
    /// Run one mediator node
    #[command(after_help = "Examples:\n  synod mediator -c mediator.toml\n  \
                            SYNOD_ADMIN_API__PORT=6007 synod mediator -c mediator.toml")]
    Mediator(NodeArgs),
    /// Found a synchronizer at nodes that wait for one; a second run changes nothing. Prints its id
    #[command(after_help = "Examples:\n  synod bootstrap -c synchronizer.toml\n  \
                            synod bootstrap -c synchronizer.toml --json")]
    Bootstrap(DescriptionArgs),
    /// Show how the nodes of a synchronizer are; exit code 1 when one is not fit
    #[command(after_help = "Examples:\n  synod status -c synchronizer.toml\n  \
                            synod status -c synchronizer.toml --json")]
    Status(DescriptionArgs),
    /// Make what a node needs before its first start
    #[command(subcommand)]
    Init(InitCommand),
    /// Act as members of a synchronizer: register, send, receive; says whether it is fit
    #[command(
        after_help = "Examples:\n  synod probe http://127.0.0.1:5008\n  synod probe http://127.0.0.1:5008 --json"
    )]
    Probe(ProbeArgs),
    /// Load a sequencer with signed submissions of fresh members, and count what comes back
    #[command(after_help = "Examples:\n  synod bench http://127.0.0.1:5008\n  \
                            synod bench http://127.0.0.1:5008 --json --payload 3k --members 8 --seconds 10\n  \
                            synod bench http://127.0.0.1:5008 --rate 80\n  \
                            synod bench postgres://postgres@127.0.0.1/empty")]
    Bench(BenchArgs),
    /// Look at a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

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

/// `synod sequencer`, `synod mediator`
#[derive(Debug, Args)]
pub(crate) struct NodeArgs {
    /// Configuration file (TOML)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InitCommand {
    /// Write a commented configuration of a sequencer node
    #[command(after_help = "Examples:\n  synod init sequencer --dir node\n  synod init sequencer --dir node --store \
                            postgres --database-url postgres://synod@db.example.com/sequencer")]
    Sequencer(InitNodeArgs),
    /// Write a commented configuration of a mediator node
    #[command(after_help = "Examples:\n  synod init mediator --dir node\n  synod init mediator --dir node --store \
                            postgres --database-url postgres://synod@db.example.com/mediator")]
    Mediator(InitNodeArgs),
    /// Make the CometBFT keys of an operator; prints its entry for the file that lists all operators. A second run
    /// prints the same
    #[command(after_help = "Examples:\n  synod init operator --home cometbft --name alpha --p2p-address \
                            alpha.example.com:26656 >> operators.toml")]
    Operator(InitOperatorArgs),
}

/// `synod init sequencer`, `synod init mediator`
#[derive(Debug, Args)]
pub(crate) struct InitNodeArgs {
    /// Where the configuration is written; a SQLite database goes there too
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Name of the node; the kind of the node without it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Which database
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) store: StoreKindArg,
    /// PostgreSQL database, e.g. postgres://user@host/database
    #[arg(long, value_name = "URL")]
    pub(crate) database_url: Option<String>,
}

/// Kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StoreKindArg {
    /// A file, nothing to install
    Sqlite,
    /// A server, PostgreSQL 14 or newer
    Postgres,
}

/// `synod init operator`
#[derive(Debug, Args)]
pub(crate) struct InitOperatorArgs {
    /// Home of the operator's CometBFT
    #[arg(long, value_name = "DIR")]
    pub(crate) home: PathBuf,
    /// Name of the operator: letters, digits, `-` and `_`
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Where the other operators reach its CometBFT
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) p2p_address: String,
}

/// `synod bootstrap`, `synod status`
#[derive(Debug, Args)]
pub(crate) struct DescriptionArgs {
    /// What the synchronizer is to be, and where its nodes are (TOML)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `synod probe`
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Public API of a sequencer, e.g. http://127.0.0.1:5008
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `synod bench`
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Public API of a sequencer, e.g. http://127.0.0.1:5008; or an empty database (postgres://…, sqlite://…), which gets
    /// the same submissions as plain rows, for comparison
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Size of the contents
    #[arg(long, value_enum, default_value = "3k")]
    pub(crate) payload: Payload,
    /// Members that send and receive
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) members: usize,
    /// How long to send
    #[arg(long, value_name = "S", default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Submissions per second over all members; without it as many as the window lets through
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<u32>,
    /// Most submissions that wait for their event
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) in_flight: usize,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Report all mistakes of a configuration
    Check(ConfigArgs),
    /// Show the effective values and where each comes from
    Show(ConfigArgs),
}

/// Which configuration.
#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Kind of the node
    #[arg(value_enum)]
    pub(crate) node: NodeKindArg,
    /// Configuration file (TOML)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

/// Kinds of nodes that have a configuration.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum NodeKindArg {
    /// A sequencer node
    Sequencer,
    /// A mediator node
    Mediator,
}
