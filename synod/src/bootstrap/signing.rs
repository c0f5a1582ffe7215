//! What an owner signs, at its own node: nobody else has its key.

use super::BootstrapError;
use super::agreement::{Agreement, Part, Signatures};
use crate::admin_client::NodeAdmin;

/// Has the owner's node sign a part, in a store in its memory that is gone afterwards, and keeps the signatures. To sign
/// the state, the node has to know the namespace with the signatures of all.
pub(super) async fn sign(
    owner: &NodeAdmin,
    agreement: &Agreement,
    part: Part,
    signatures: &mut Signatures,
) -> Result<(), BootstrapError> {
    let store = format!("{}-setup", agreement.psid.logical().uid().identifier());
    owner.create_store(&store).await?;
    let signed = sign_in(owner, &store, agreement, part, signatures).await;
    if let Err(error) = owner.drop_store(&store).await {
        // Whatever happened before is what is told.
        tracing::warn!(error = %synod_runtime::Chain(&error), "the store of the founding stays");
    }
    signed
}

async fn sign_in(
    owner: &NodeAdmin,
    store: &str,
    agreement: &Agreement,
    part: Part,
    signatures: &mut Signatures,
) -> Result<(), BootstrapError> {
    owner.add(store, &agreement.identities).await?;
    if part == Part::State {
        let namespace = *agreement.part(Part::Namespace)[0].hash();
        let signed = agreement.signed(signatures)?;
        let signed: Vec<_> = signed.into_iter().filter(|one| *one.transaction().hash() == namespace).collect();
        owner.add(store, &signed).await?;
    }
    for transaction in agreement.part(part) {
        let signed = owner.authorize(store, transaction).await?.with_proposal(false);
        let (found, expected) = (*signed.transaction().hash(), *transaction.hash());
        if found != expected {
            return Err(BootstrapError::Disagreement { node: owner.name.clone(), found, expected });
        }
        agreement.accept(signatures, &signed)?;
    }
    Ok(())
}
