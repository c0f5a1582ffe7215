//! `synod localnet`: a whole synchronizer in one process, founded and tested.

mod founding;
mod layout;
mod ready_file;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use synod_client::{ClientError, ConnectOptions, SequencerConnection};
use synod_ordering::SystemClock;
use synod_runtime::telemetry::LogControl;
use synod_runtime::{StopReason, Supervisor};
use thiserror::Error;

pub(crate) use founding::FoundingError;

use self::layout::{SequencerPorts, sequencer_dir};
use self::ready_file::{Ready, ReadySequencer};
use crate::cli::LocalnetArgs;
use crate::config::{NodeName, SequencerConfig};
use crate::node::{NodeLogLevels, SequencerNode, StartError};
use crate::self_test::self_test;

/// The network could not be started.
#[derive(Debug, Error)]
pub(crate) enum LocalnetError {
    #[error("cannot write to {path}")]
    Directory {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the sequencer cannot start")]
    Start(#[from] StartError),
    #[error("the synchronizer cannot be founded")]
    Founding(#[from] FoundingError),
    #[error("the self-test failed")]
    SelfTest(#[from] ClientError),
}

/// Starts the network in `dir`, founds its synchronizer unless that was done before, tests it, and says that it is ready.
pub(crate) async fn start(
    arguments: LocalnetArgs,
    dir: PathBuf,
    supervisor: Supervisor,
    log: LogControl,
) -> Result<(), LocalnetError> {
    let ports = SequencerPorts::of(0, arguments.port_base);
    let node_dir = sequencer_dir(&dir, 0);
    fs::create_dir_all(&node_dir).map_err(|source| LocalnetError::Directory { path: node_dir.clone(), source })?;
    let config = sequencer_config(&node_dir, ports, arguments.database_url.as_deref());
    let levels = Arc::new(NodeLogLevels(log));
    SequencerNode::start(config, supervisor.clone(), Arc::new(SystemClock), levels).await?;
    founding::found(&format!("http://127.0.0.1:{}", ports.admin), &dir.join("owner.pk8")).await?;
    let url = format!("http://127.0.0.1:{}", ports.public);
    let connection = SequencerConnection::open(&url, &ConnectOptions::default()).await?;
    let took = self_test(&connection).await?;
    announce(&connection, ports, took, arguments.ready_file.as_deref())?;
    if arguments.once {
        supervisor.shutdown(StopReason::Requested("the self-test passed"));
    }
    Ok(())
}

fn sequencer_config(node_dir: &Path, ports: SequencerPorts, database_url: Option<&str>) -> SequencerConfig {
    let mut config = SequencerConfig { name: NodeName("sequencer1".to_owned()), ..SequencerConfig::default() };
    config.storage.url =
        database_url.map_or_else(|| format!("sqlite://{}", node_dir.join("sequencer.db").display()), ToOwned::to_owned);
    config.public_api.port = ports.public;
    config.admin_api.port = ports.admin;
    config.monitoring.http_health_port = Some(ports.http_health);
    config.monitoring.metrics_port = Some(ports.metrics);
    config
}

fn announce(
    connection: &SequencerConnection,
    ports: SequencerPorts,
    took: Duration,
    ready_file: Option<&Path>,
) -> Result<(), LocalnetError> {
    let at = |port: u16| format!("127.0.0.1:{port}");
    let ready = Ready {
        synchronizer_id: connection.psid().to_string(),
        sequencers: vec![ReadySequencer {
            public: at(ports.public),
            admin: at(ports.admin),
            health: at(ports.http_health),
        }],
        mediators: [],
        self_test_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    };
    if let Some(file) = ready_file {
        ready.write(file).map_err(|source| LocalnetError::Directory { path: file.to_owned(), source })?;
    }
    println!("synchronizer  {}", ready.synchronizer_id);
    println!("sequencer     http://{} (admin {}, health {})", at(ports.public), at(ports.admin), at(ports.http_health));
    println!("self-test     two members registered, sent and received in {} ms", ready.self_test_ms);
    Ok(())
}
