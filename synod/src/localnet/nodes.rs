//! The nodes of a localnet: their configurations, and the files that they need before they start.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use synod_cometbft_config::{Home, HomeFault, Network, Operator};
use thiserror::Error;

use super::files;
use super::layout::{Layout, MediatorPorts, SequencerPorts, mediator_name, sequencer_name};
use crate::admin_client::AdminAccess;
use crate::bootstrap::{MediatorEntry, SequencerEntry, SynchronizerDescription, trust_threshold};
use crate::cli::LocalnetArgs;
use crate::config::{CometBftConfig, MediatorConfig, NodeName, SequencerConfig};

/// Name of the synchronizer.
const SYNCHRONIZER: &str = "localnet";
const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// The files of the nodes cannot be written.
#[derive(Debug, Error)]
pub(crate) enum NodeFilesError {
    #[error("cannot write to {path}")]
    Write {
        path: std::path::PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("a file cannot be written as TOML")]
    Toml(#[from] toml::ser::Error),
    #[error("the home of a CometBFT cannot be made")]
    Home(#[from] HomeFault),
}

/// Writes what all sequencers need, and gives their configurations. Each also stands in its directory, so that
/// `synod sequencer` runs the node alone.
pub(super) fn sequencers(arguments: &LocalnetArgs, layout: &Layout) -> Result<Vec<SequencerConfig>, NodeFilesError> {
    let count = arguments.bft.unwrap_or(1);
    if arguments.bft.is_some() {
        write_operators(count, arguments, layout)?;
    }
    let configs = (0..count).map(|index| {
        let config = sequencer(index, arguments, layout);
        write(&layout.sequencer_config(index), &toml::to_string(&config)?)?;
        Ok(config)
    });
    configs.collect()
}

/// Writes what the mediators need, one for each sequencer, and gives their configurations. Each also stands in its
/// directory, so that `synod mediator` runs the node alone.
pub(super) fn mediators(arguments: &LocalnetArgs, layout: &Layout) -> Result<Vec<MediatorConfig>, NodeFilesError> {
    let configs = (0..arguments.bft.unwrap_or(1)).map(|index| {
        let ports = MediatorPorts::of(index, arguments.port_base);
        let mut config = MediatorConfig { name: NodeName(mediator_name(index)), ..MediatorConfig::default() };
        config.storage.url = format!("sqlite://{}", layout.mediator_database(index).display());
        config.admin_api.port = ports.admin;
        config.monitoring.grpc_health_port = Some(ports.grpc_health);
        config.monitoring.http_health_port = Some(ports.http_health);
        config.monitoring.metrics_port = Some(ports.metrics);
        write(&layout.mediator_config(index), &toml::to_string(&config)?)?;
        Ok(config)
    });
    configs.collect()
}

/// Writes what the synchronizer of these nodes is, and gives it. The sequencers own it together; of the mediators as many
/// agree as of the sequencers.
pub(super) fn synchronizer(
    configs: &[SequencerConfig],
    mediators: &[MediatorConfig],
    layout: &Layout,
) -> Result<SynchronizerDescription, NodeFilesError> {
    let sequencers = configs.iter().map(|config| SequencerEntry {
        name: config.name.0.clone(),
        operator: None,
        admin: local_url(config.admin_api.port),
        public: local_url(config.public_api.port),
        public_ca_file: None,
        access: AdminAccess::default(),
    });
    let entries = mediators.iter().map(|config| MediatorEntry {
        name: config.name.0.clone(),
        operator: None,
        admin: local_url(config.admin_api.port),
        access: AdminAccess::default(),
    });
    let description = SynchronizerDescription {
        name: SYNCHRONIZER.to_owned(),
        mediator_threshold: trust_threshold(mediators.len()),
        sequencers: sequencers.collect(),
        mediators: entries.collect(),
        ..SynchronizerDescription::default()
    };
    write(&layout.synchronizer(), &toml::to_string(&description)?)?;
    Ok(description)
}

/// Where a node of the network is served.
pub(super) fn local_url(port: u16) -> String {
    format!("http://{LOOPBACK}:{port}")
}

fn sequencer(index: u16, arguments: &LocalnetArgs, layout: &Layout) -> SequencerConfig {
    let ports = SequencerPorts::of(index, arguments.port_base);
    let mut config = SequencerConfig { name: NodeName(sequencer_name(index)), ..SequencerConfig::default() };
    let sqlite = || format!("sqlite://{}", layout.sequencer_database(index).display());
    config.storage.url = arguments.database_url.clone().unwrap_or_else(sqlite);
    config.public_api.port = ports.public;
    config.admin_api.port = ports.admin;
    config.monitoring.grpc_health_port = Some(ports.grpc_health);
    config.monitoring.http_health_port = Some(ports.http_health);
    config.monitoring.metrics_port = Some(ports.metrics);
    config.cometbft = arguments.bft.map(|_| CometBftConfig {
        operator: sequencer_name(index),
        operators_file: layout.operators(),
        home: layout.comet_home(index),
        program_dir: arguments.cometbft.clone(),
        p2p_address: LOOPBACK,
        p2p_port: ports.comet_p2p,
        rpc_port: ports.comet_rpc,
        metrics_port: None,
    });
    config
}

/// Makes the keys of all operators, and the file that lists them.
fn write_operators(count: u16, arguments: &LocalnetArgs, layout: &Layout) -> Result<(), NodeFilesError> {
    let operators = (0..count).map(|index| {
        let keys = Home::at(layout.comet_home(index)).make_keys()?;
        let port = SequencerPorts::of(index, arguments.port_base).comet_p2p;
        Ok(Operator {
            name: sequencer_name(index),
            p2p_address: format!("{LOOPBACK}:{port}"),
            node_id: keys.node_id(),
            validator_key: keys.validator_key(),
            power: 1,
        })
    });
    let network = Network { operators: operators.collect::<Result<_, HomeFault>>()? };
    write(&layout.operators(), &network.to_toml()?)
}

fn write(path: &Path, text: &str) -> Result<(), NodeFilesError> {
    files::write(path, text.as_bytes()).map_err(|source| NodeFilesError::Write { path: path.to_owned(), source })
}
