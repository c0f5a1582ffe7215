//! `synod keys`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use synod_types::Fingerprint;

use super::TargetArgs;
use super::values::{SpecArg, UsageArg, fingerprint};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Show the keys of nodes and where the topology uses them
    #[command(after_help = "Examples:\n  synod keys list -c synchronizer.toml\n  \
                            synod keys list --admin http://127.0.0.1:5009 --json\n  synod keys list --all")]
    List(KeysListArgs),
    /// Have a node draw a signing key and keep it
    #[command(after_help = "Examples:\n  synod keys generate --usage namespace --name backup\n  \
                            synod keys generate --usage protocol --usage sequencer-authentication --spec ec-p256")]
    Generate(KeysGenerateArgs),
    /// Replace keys of a node by new ones, first beside the old ones, then without them
    #[command(
        after_help = "Keys of namespaces are not replaced: delegate to a new one with `synod topology propose`.\n\n\
                            Examples:\n  synod keys rotate --all -c synchronizer.toml --node sequencer\n  \
                            synod keys rotate 1220ab… --admin http://127.0.0.1:5009\n  \
                            synod keys rotate 1220ab… --to 1220cd… --admin http://127.0.0.1:5009"
    )]
    Rotate(KeysRotateArgs),
    /// Write a key to a file, in Canton's form
    #[command(after_help = "Nodes give private keys away only with features.enable_preview_commands.\n\nExamples:\n  \
                            synod keys export 1220ab… node.pub\n  \
                            synod keys export 1220ab… node.key --private --password-file secret")]
    Export(KeysExportArgs),
    /// Give a node a key from such a file
    #[command(after_help = "Examples:\n  synod keys import other.pub --name theirs\n  \
                            synod keys import node.key --private --password-file secret --name restored")]
    Import(KeysImportArgs),
}

/// `synod keys list`
#[derive(Debug, Args)]
pub(crate) struct KeysListArgs {
    /// Public keys of others too
    #[arg(long)]
    pub(crate) all: bool,
    /// Do not shorten fingerprints
    #[arg(long)]
    pub(crate) wide: bool,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod keys generate`
#[derive(Debug, Args)]
pub(crate) struct KeysGenerateArgs {
    /// What it is for; several times for several
    #[arg(long, value_enum, required = true)]
    pub(crate) usage: Vec<UsageArg>,
    /// Kind of the key
    #[arg(long, value_enum, default_value = "ec-curve25519")]
    pub(crate) spec: SpecArg,
    /// Name of the key at the node
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod keys rotate`
#[derive(Debug, Args)]
pub(crate) struct KeysRotateArgs {
    /// The keys to replace
    #[arg(value_name = "FINGERPRINT", value_parser = fingerprint, required_unless_present = "all")]
    pub(crate) keys: Vec<Fingerprint>,
    /// All keys with which the node acts as a member
    #[arg(long, conflicts_with = "keys")]
    pub(crate) all: bool,
    /// Replace the key by this one, which the node has, instead of a new one; also to go on with a rotation that stopped
    #[arg(long, value_name = "FINGERPRINT", value_parser = fingerprint, conflicts_with = "all")]
    pub(crate) to: Option<Fingerprint>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod keys export`
#[derive(Debug, Args)]
pub(crate) struct KeysExportArgs {
    /// The key
    #[arg(value_name = "FINGERPRINT", value_parser = fingerprint)]
    pub(crate) key: Fingerprint,
    /// Where to write
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The private key with the public one
    #[arg(long)]
    pub(crate) private: bool,
    /// File with the password that is to protect it; it is not protected without one
    #[arg(long, value_name = "FILE", requires = "private")]
    pub(crate) password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}

/// `synod keys import`
#[derive(Debug, Args)]
pub(crate) struct KeysImportArgs {
    /// What was exported
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A private key with the public one
    #[arg(long)]
    pub(crate) private: bool,
    /// Name of the key at the node
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) name: String,
    /// File with the password that protects it
    #[arg(long, value_name = "FILE", requires = "private")]
    pub(crate) password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
}
