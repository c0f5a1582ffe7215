//! `synod init`

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
