//! The steps of a founding.

use synod_topology::StaticSynchronizerParameters;
use synod_types::ProtocolVersion;

use super::agreement::{Everybody, KnownNode, trust_threshold};
use super::{BootstrapError, SynchronizerDescription};
use crate::admin_client::{AdminAccess, NodeAdmin};

const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// Founds the synchronizer, or goes on with it. Returns its id.
///
/// # Errors
/// [`BootstrapError`]; another run goes on from there.
pub(crate) async fn run(description: &SynchronizerDescription) -> Result<String, BootstrapError> {
    let (mut sequencers, mut mediators) = (Vec::new(), Vec::new());
    let mut found: Option<String> = None;
    let (mut waiting_sequencers, mut waiting_mediators) = (Vec::new(), Vec::new());
    for entry in &description.sequencers {
        let node = known(&entry.name, &entry.admin, &entry.access).await?;
        match node.admin.sequencer_synchronizer().await? {
            Some(psid) => agree_in_synchronizer(&mut found, &node, psid)?,
            None => waiting_sequencers.push(node.admin.clone()),
        }
        sequencers.push(node);
    }
    let founded = sequencers.len() > waiting_sequencers.len();
    for entry in &description.mediators {
        let node = known(&entry.name, &entry.admin, &entry.access).await?;
        match node.admin.mediator_synchronizer().await? {
            Some(_) if !founded => return Err(BootstrapError::LonelyMediator(node.admin.name)),
            Some(psid) => agree_in_synchronizer(&mut found, &node, psid)?,
            None => waiting_mediators.push(node.admin.clone()),
        }
        mediators.push(node);
    }
    let everybody = Everybody { description, sequencers: &sequencers, mediators: &mediators, version: VERSION };
    initialize_sequencers(&everybody, &waiting_sequencers).await?;
    let psid = match found {
        Some(psid) => psid,
        None => founded_synchronizer(&sequencers).await?,
    };
    let trust_threshold = trust_threshold(sequencers.len());
    for mediator in &waiting_mediators {
        mediator.initialize_mediator(&psid, &description.sequencers, trust_threshold).await?;
    }
    Ok(psid)
}

async fn known(name: &str, url: &str, access: &AdminAccess) -> Result<KnownNode, BootstrapError> {
    let admin = NodeAdmin::connect(name, url, access, VERSION).await?;
    let uid = admin.uid().await?;
    Ok(KnownNode { admin, uid })
}

/// Nodes that run have to be part of the same synchronizer.
fn agree_in_synchronizer(found: &mut Option<String>, node: &KnownNode, psid: String) -> Result<(), BootstrapError> {
    match found {
        Some(expected) if *expected != psid => Err(BootstrapError::OtherSynchronizer {
            node: node.admin.name.clone(),
            found: psid,
            expected: expected.clone(),
        }),
        _ => {
            *found = Some(psid);
            Ok(())
        }
    }
}

/// Sequencers that wait get what the others began with, or what the owners agree in now.
async fn initialize_sequencers(everybody: &Everybody<'_>, waiting: &[NodeAdmin]) -> Result<(), BootstrapError> {
    if waiting.is_empty() {
        return Ok(());
    }
    let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
    let is_waiting = |node: &&KnownNode| waiting.iter().any(|admin| admin.name == node.admin.name);
    let genesis = match everybody.sequencers.iter().find(|node| !is_waiting(node)) {
        Some(running) => running.admin.genesis().await?,
        None => everybody.agree(parameters.clone()).await?,
    };
    for sequencer in waiting {
        sequencer.initialize_sequencer(&genesis, &parameters).await?;
    }
    Ok(())
}

/// What the first sequencer says: all of them run now.
async fn founded_synchronizer(sequencers: &[KnownNode]) -> Result<String, BootstrapError> {
    for sequencer in sequencers {
        if let Some(psid) = sequencer.admin.sequencer_synchronizer().await? {
            return Ok(psid);
        }
    }
    Err(BootstrapError::NotRunning)
}
