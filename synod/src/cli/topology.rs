//! `synod topology`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use synod_proto::topology::admin::v30::ForceFlag;
use synod_topology::MappingCode;
use synod_types::{CantonTimestamp, Fingerprint};

use super::TargetArgs;
use super::values::{StoreArg, fingerprint, force_flag, mapping_code, time};

#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// Show what is in a topology store
    #[command(after_help = "Examples:\n  synod topology list -c synchronizer.toml\n  \
                            synod topology list --admin http://127.0.0.1:5009 --store authorized\n  \
                            synod topology list --kind dop --kind mds --json\n  synod topology list --proposals")]
    List(TopologyListArgs),
    /// Sign a change and add it to a store, as a proposal as long as other owners have to sign
    #[command(after_help = "FILE holds a mapping as `synod topology list --json` prints it: {\"mapping\": {…}}, with \
                            \"serial\" if it has to be that one.\n\nExamples:\n  \
                            synod topology propose change.json -c synchronizer.toml --wait\n  \
                            synod topology propose change.json --admin http://127.0.0.1:5009\n  \
                            synod topology propose delegation.json --store authorized\n  \
                            synod topology propose permission.json --remove")]
    Propose(ProposeArgs),
    /// Sign what others have proposed, by its hash
    #[command(after_help = "Examples:\n  synod topology list --proposals\n  \
                            synod topology authorize 1220ab34cd --admin http://127.0.0.1:5009 --wait")]
    Authorize(AuthorizeArgs),
    /// Write transactions of a store to a file, as the Console's export_topology_snapshotV2 does
    #[command(after_help = "Examples:\n  synod topology export node.topology --identity\n  \
                            synod topology export all.topology -c synchronizer.toml")]
    Export(ExportArgs),
    /// Add the transactions of such a file to a store
    #[command(after_help = "Examples:\n  synod topology import node.topology --admin http://127.0.0.1:5009\n  \
                            synod topology import node.topology --store temporary:setup")]
    Import(ImportArgs),
}

/// Which transactions.
#[derive(Debug, Args)]
pub(crate) struct SelectionArgs {
    /// Only mappings of this kind, by Canton's three letters, e.g. dop; several times for several kinds
    #[arg(long, value_name = "CODE", value_parser = mapping_code)]
    pub(crate) kind: Vec<MappingCode>,
    /// Only namespaces that begin like this
    #[arg(long, value_name = "PREFIX", default_value = "")]
    pub(crate) namespace: String,
    /// Proposals instead of what is in force
    #[arg(long)]
    pub(crate) proposals: bool,
    /// What was in force at this time, e.g. 2026-01-31T12:00:00Z; what is in force now without it
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<CantonTimestamp>,
    /// Removals too
    #[arg(long)]
    pub(crate) removals: bool,
}

/// `synod topology list`
#[derive(Debug, Args)]
pub(crate) struct TopologyListArgs {
    /// authorized, synchronizer, or temporary:NAME
    #[arg(long, value_name = "STORE", default_value = "synchronizer")]
    pub(crate) store: StoreArg,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    /// Do not shorten hashes and fingerprints
    #[arg(long)]
    pub(crate) wide: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// How nodes sign.
#[derive(Debug, Args)]
pub(crate) struct SigningArgs {
    /// Sign with this key; several times for several. The node chooses without it
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint)]
    pub(crate) sign_with: Vec<Fingerprint>,
    /// Pass over a check of the topology manager, e.g. alien-member; several times for several
    #[arg(long, value_name = "CHECK", value_parser = force_flag)]
    pub(crate) force: Vec<ForceFlag>,
    /// Wait until the change is in force, also for the signatures of others
    #[arg(long)]
    pub(crate) wait: bool,
}

/// `synod topology propose`
#[derive(Debug, Args)]
pub(crate) struct ProposeArgs {
    /// The mapping (JSON); - reads it from standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// authorized, synchronizer, or temporary:NAME
    #[arg(long, value_name = "STORE", default_value = "synchronizer")]
    pub(crate) store: StoreArg,
    /// Which change of the mapping it is; the next without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) serial: Option<u32>,
    /// Remove the mapping
    #[arg(long)]
    pub(crate) remove: bool,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod topology authorize`
#[derive(Debug, Args)]
pub(crate) struct AuthorizeArgs {
    /// Hash of the proposal, or how it begins when no other begins like that
    #[arg(value_name = "HASH")]
    pub(crate) hash: String,
    /// authorized, synchronizer, or temporary:NAME
    #[arg(long, value_name = "STORE", default_value = "synchronizer")]
    pub(crate) store: StoreArg,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod topology export`
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Where to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// authorized, synchronizer, or temporary:NAME
    #[arg(long, value_name = "STORE", default_value = "synchronizer")]
    pub(crate) store: StoreArg,
    /// Only what the node says about itself: its namespace and its keys (export_identity_transactionsV2)
    #[arg(long, conflicts_with_all = ["kind", "namespace", "store"])]
    pub(crate) identity: bool,
    #[command(flatten)]
    pub(crate) selection: SelectionArgs,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod topology import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// What was exported
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// authorized, synchronizer, or temporary:NAME
    #[arg(long, value_name = "STORE", default_value = "synchronizer")]
    pub(crate) store: StoreArg,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}
