//! The command line: here the commands, in a file for each family what they take.

mod completion;
mod config;
mod description;
mod health;
mod init;
mod keys;
mod localnet;
mod measuring;
mod node;
mod operation;
mod synchronizer;
mod targets;
mod topology;
mod values;

use clap::{Parser, Subcommand};

pub(crate) use completion::CompletionArgs;
pub(crate) use config::{ConfigArgs, ConfigCommand, NodeKindArg};
pub(crate) use description::{ApartArgs, BootstrapArgs, DescriptionArgs};
pub(crate) use health::HealthArgs;
pub(crate) use init::{InitCommand, InitNodeArgs, InitOperatorArgs, StoreKindArg};
pub(crate) use keys::{KeysCommand, KeysExportArgs, KeysGenerateArgs, KeysImportArgs, KeysListArgs, KeysRotateArgs};
pub(crate) use localnet::LocalnetArgs;
pub(crate) use measuring::{BenchArgs, ProbeArgs};
pub(crate) use node::NodeArgs;
pub(crate) use operation::{
    AsOfArg, PruneCommand, PruneRunArgs, PruneStatusArgs, ScheduleArgs, ScheduleCommand, ScheduleSetArgs,
    TrafficCommand, TrafficPurchaseArgs, TrafficStateArgs,
};
pub(crate) use synchronizer::{
    ParametersCommand, ParametersGetArgs, ParametersSetArgs, PermissionsCommand, PermissionsListArgs,
    PermissionsRemoveArgs, PermissionsSetArgs,
};
pub(crate) use targets::TargetArgs;
pub(crate) use topology::{
    AuthorizeArgs, ExportArgs, ImportArgs, ProposeArgs, SelectionArgs, SigningArgs, TopologyCommand, TopologyListArgs,
};
pub(crate) use values::StoreArg;

/// A private Canton synchronizer.
#[derive(Debug, Parser)]
#[command(name = "synod", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 done or stopped by a signal, 1 a node refused, or something is not as it \
should be, 2 a mistake in the command or in a file that it reads, 69 a node cannot be reached, 70 a fault of the \
node, 75 it waits for others, 78 a mistake in the configuration.";

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
                            synod bootstrap -c synchronizer.toml --json\n  synod bootstrap -c synchronizer.toml \
                            --operator alice --export alice.json --import bob.json")]
    Bootstrap(BootstrapArgs),
    /// Show how the nodes of a synchronizer are; exit code 1 when one is not fit
    #[command(after_help = "Examples:\n  synod status -c synchronizer.toml\n  \
                            synod status -c synchronizer.toml --json")]
    Status(DescriptionArgs),
    /// Ask a node's gRPC health server; exit code 1 when it does not serve
    #[command(after_help = "Examples:\n  synod health http://127.0.0.1:5061\n  \
                            synod health http://127.0.0.1:5062 --service liveness --json")]
    Health(HealthArgs),
    /// The topology of nodes and of their synchronizer
    #[command(subcommand)]
    Topology(TopologyCommand),
    /// The keys of nodes
    #[command(subcommand)]
    Keys(KeysCommand),
    /// The dynamic parameters of a synchronizer
    #[command(subcommand)]
    Parameters(ParametersCommand),
    /// Which participants may join a restricted synchronizer, and what they may do
    #[command(subcommand)]
    Permissions(PermissionsCommand),
    /// What members may send
    #[command(subcommand)]
    Traffic(TrafficCommand),
    /// What nodes keep, and for how long
    #[command(subcommand)]
    Prune(PruneCommand),
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
                            synod bench http://127.0.0.1:5008 --confirm 5\n  \
                            synod bench postgres://postgres@127.0.0.1/empty")]
    Bench(BenchArgs),
    /// Look at a configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what a shell needs to complete command lines
    #[command(after_help = "Examples:\n  synod completion bash > /etc/bash_completion.d/synod\n  \
                            synod completion zsh > ~/.zfunc/_synod\n  \
                            synod completion fish > ~/.config/fish/completions/synod.fish")]
    Completion(CompletionArgs),
}
