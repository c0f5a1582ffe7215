//! The steps of a founding by whoever reaches all nodes.

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_topology::StaticSynchronizerParameters;
use synod_types::MemberKind;

use super::agreement::{Agreement, Part, Signatures, VERSION, trust_threshold};
use super::nodes::{ReachedNode, reach};
use super::signing::sign;
use super::{BootstrapError, SynchronizerDescription};

/// Founds the synchronizer, or goes on with it. Returns its id.
///
/// # Errors
/// [`BootstrapError`]; another run goes on from there.
pub(crate) async fn run(description: &SynchronizerDescription) -> Result<String, BootstrapError> {
    let nodes = reach(description.nodes()).await?;
    let of = |kind: MemberKind| nodes.iter().filter(move |node| node.kind == kind);
    let waiting: Vec<_> = of(MemberKind::Sequencer).filter(|node| node.synchronizer.is_none()).collect();
    let running = of(MemberKind::Sequencer).find(|node| node.synchronizer.is_some());
    if running.is_none()
        && let Some(lonely) = of(MemberKind::Mediator).find(|node| node.synchronizer.is_some())
    {
        return Err(BootstrapError::LonelyMediator(lonely.name().to_owned()));
    }
    let found = nodes.iter().find_map(|node| node.synchronizer.clone());
    for node in &nodes {
        node.check_synchronizer(found.as_deref())?;
    }
    let (genesis, psid) = match (running, found) {
        (Some(_), Some(psid)) if waiting.is_empty() => (Bytes::new(), psid),
        (Some(running), Some(psid)) => (running.admin.genesis().await?, psid),
        _ => agree(description, &nodes).await?,
    };
    let parameters = StaticSynchronizerParameters::jce_defaults(VERSION);
    for sequencer in waiting {
        sequencer.admin.initialize_sequencer(&genesis, &parameters).await?;
    }
    let threshold = trust_threshold(description.sequencers.len());
    for mediator in of(MemberKind::Mediator).filter(|node| node.synchronizer.is_none()) {
        mediator.admin.initialize_mediator(&psid, &description.sequencers, threshold).await?;
    }
    Ok(psid)
}

/// All owners sign. The genesis, and the id of the synchronizer that begins with it.
async fn agree(
    description: &SynchronizerDescription,
    nodes: &[ReachedNode],
) -> Result<(Bytes, String), BootstrapError> {
    let mut identities = BTreeMap::new();
    for node in nodes {
        identities.insert(node.name().to_owned(), node.identity().await?);
    }
    let agreement = Agreement::new(description, &identities)?;
    let mut signatures = Signatures::default();
    for part in [Part::Namespace, Part::State] {
        for name in description.owner_names() {
            if let Some(owner) = nodes.iter().find(|node| node.name() == name) {
                sign(&owner.admin, &agreement, part, &mut signatures).await?;
            }
        }
    }
    Ok((agreement.genesis(&signatures)?, agreement.psid.to_string()))
}
