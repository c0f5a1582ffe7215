//! `synod localnet`: a whole synchronizer in one process, founded and tested.

mod connecting;
mod files;
mod layout;
mod nodes;
mod ready_file;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use synod_client::{ClientError, ConnectOptions, SequencerConnection};
use synod_ordering::SystemClock;
use synod_runtime::telemetry::LogControl;
use synod_runtime::{StopReason, Supervisor};
use synod_types::{Member, ProtocolVersion};
use thiserror::Error;

use self::connecting::Connecting;
use self::layout::Layout;
use self::nodes::{NodeFilesError, local_url};
use self::ready_file::Ready;
use crate::admin_client::{AdminCallError, NodeAdmin};
use crate::bootstrap::{self, BootstrapError, SequencerEntry};
use crate::cli::LocalnetArgs;
use crate::node::{MediatorNode, NodeLogLevels, SequencerNode, StartError};
use crate::self_test::{SelfTest, self_test};

/// The network could not be started.
#[derive(Debug, Error)]
pub(crate) enum LocalnetError {
    #[error("the files of the nodes")]
    Files(#[from] NodeFilesError),
    #[error("{name} cannot start")]
    Start {
        name: String,
        #[source]
        source: Box<StartError>,
    },
    #[error("the synchronizer cannot be founded")]
    Bootstrap(#[from] BootstrapError),
    #[error("the self-test failed")]
    SelfTest(#[from] ClientError),
    #[error("the members of the self-test cannot be disabled")]
    Disable(#[from] AdminCallError),
    #[error("cannot write to {path}")]
    ReadyFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Starts the network in `dir`, founds its synchronizer unless that was done before, tests it, and says that it is ready.
pub(crate) async fn start(
    arguments: LocalnetArgs,
    dir: PathBuf,
    supervisor: Supervisor,
    log: LogControl,
) -> Result<(), LocalnetError> {
    let layout = Layout::new(&dir);
    let configs = nodes::sequencers(&arguments, &layout)?;
    let levels = Arc::new(NodeLogLevels(log));
    for config in &configs {
        let starting =
            SequencerNode::start(config.clone(), supervisor.clone(), Arc::new(SystemClock), Arc::clone(&levels) as _);
        let failed = |source| LocalnetError::Start { name: config.name.0.clone(), source: Box::new(source) };
        starting.await.map_err(failed)?;
    }
    let mediators = nodes::mediators(&arguments, &layout)?;
    for config in &mediators {
        let starting =
            MediatorNode::start(config.clone(), supervisor.clone(), Arc::new(SystemClock), Arc::clone(&levels) as _);
        let failed = |source| LocalnetError::Start { name: config.name.0.clone(), source: Box::new(source) };
        starting.await.map_err(failed)?;
    }
    let description = nodes::synchronizer(&configs, &mediators, &layout)?;
    let synchronizer_id = bootstrap::run(&description).await?;
    let mut connections = Vec::new();
    for config in &configs {
        let url = local_url(config.public_api.port);
        connections.push(SequencerConnection::open(&url, &ConnectOptions::default()).await?);
    }
    let tested = self_test(&connections).await?;
    disable(&tested.members, &description.sequencers).await?;
    let ready = Ready::new(&description.name, synchronizer_id, &configs, &mediators, tested.took);
    announce(&ready, &tested, arguments.ready_file.as_deref())?;
    if arguments.once {
        supervisor.shutdown(StopReason::Requested("the self-test passed"));
    }
    Ok(())
}

/// Has all sequencers refuse these members: what is pruned does not wait for them then.
async fn disable(members: &[Member], sequencers: &[SequencerEntry]) -> Result<(), AdminCallError> {
    for SequencerEntry { name, admin, access, .. } in sequencers {
        let sequencer = NodeAdmin::connect(name, admin, access, ProtocolVersion::V35).await?;
        for member in members {
            sequencer.disable_member(&member.to_string()).await?;
        }
    }
    Ok(())
}

fn announce(ready: &Ready, tested: &SelfTest, ready_file: Option<&Path>) -> Result<(), LocalnetError> {
    if let Some(file) = ready_file {
        ready.write(file).map_err(|source| LocalnetError::ReadyFile { path: file.to_owned(), source })?;
    }
    println!("synchronizer  {}", ready.synchronizer_id);
    for sequencer in &ready.sequencers {
        println!("sequencer     http://{} (admin {}, health {})", sequencer.public, sequencer.admin, sequencer.health);
    }
    for mediator in &ready.mediators {
        println!("mediator      (admin {})", mediator.admin);
    }
    for cometbft in &ready.cometbft {
        println!("cometbft      http://{} (home {})", cometbft.rpc, cometbft.home.display());
    }
    println!("self-test     {tested}");
    let Connecting { console, remote, helm } = &ready.connect;
    println!("\nIn the Console of a participant:\n\n{console}");
    println!("\nConfiguration of a Console that administers the network:\n\n{remote}");
    println!("Value of a participant's Helm chart:\n\n{helm}");
    Ok(())
}
