//! Building and signing changes with the keys of the node (`TopologyManager.build`, `.signTransaction`,
//! `.extendSignature`).

use std::collections::BTreeSet;

use prost::Message;
use synod_crypto::{SigningError, SigningPrivateKey};
use synod_proto::protocol::v30;
use synod_proto::topology::admin::v30::ForceFlag;
use synod_topology::build::{BuildError, add_signature, sign};
use synod_topology::{Mapping, Operation, SignedTopologyTransaction, TopologyRows, TopologyTransaction};
use synod_types::{Fingerprint, ProtocolVersion};
use synod_wire::MessageKind;

use super::danger::ForceFlags;
use super::rejected::serial_mismatch;
use crate::Vault;
use crate::errors::{AdminError, ErrorCode, malformed};

/// A change that an operator asks for.
#[derive(Debug)]
pub(crate) struct Proposal {
    pub(crate) operation: Operation,
    /// `None` for the next one.
    pub(crate) serial: Option<u32>,
    pub(crate) mapping: Mapping,
    /// The mapping as it was received: what several owners sign has to be the same bytes, and other nodes keep the order
    /// in which sets are written.
    pub(crate) received: v30::TopologyMapping,
}

/// The transaction of a proposal. One that repeats the open transaction has its serial.
pub(super) fn build(proposal: &Proposal, rows: TopologyRows<'_>) -> Result<TopologyTransaction, AdminError> {
    let open = rows.open(&proposal.mapping.unique_key());
    let expected = match open.as_ref().map(SignedTopologyTransaction::transaction) {
        None => 1,
        Some(open) if repeats(open, proposal) => {
            if proposal.serial.is_some_and(|serial| serial != open.serial()) {
                return Err(already_exists());
            }
            open.serial()
        }
        Some(open) => open.serial().saturating_add(1),
    };
    if let Some(serial) = proposal.serial.filter(|serial| *serial != expected) {
        return Err(serial_mismatch(Some(serial), Some(expected)));
    }
    let proto = v30::TopologyTransaction {
        operation: proposal.operation.number(),
        serial: expected,
        mapping: Some(proposal.received.clone()),
    };
    let bytes = MessageKind::Topology.wrap(ProtocolVersion::V35, &proto.encode_to_vec());
    TopologyTransaction::parse(&bytes, ProtocolVersion::V35).map_err(|error| malformed(synod_runtime::Chain(&error)))
}

fn repeats(open: &TopologyTransaction, proposal: &Proposal) -> bool {
    open.operation() == proposal.operation && *open.mapping() == proposal.mapping
}

fn already_exists() -> AdminError {
    let cause = "A matching topology mapping authorized with the same keys already exists in this state";
    AdminError::new(ErrorCode::TOPOLOGY_MAPPING_ALREADY_EXISTS, cause)
}

/// Signs a new transaction. `signed_by`: the keys; none for those that the rules name.
pub(super) async fn sign_new(
    transaction: TopologyTransaction,
    signed_by: &BTreeSet<Fingerprint>,
    is_proposal: bool,
    force: &ForceFlags,
    rows: TopologyRows<'_>,
    vault: &Vault,
) -> Result<SignedTopologyTransaction, AdminError> {
    let keys = choose(&transaction, signed_by, force, rows, vault).await?;
    let open = rows.open(&transaction.mapping().unique_key());
    if let Some(open) = open.filter(|open| open.transaction().hash() == transaction.hash()) {
        let signers: BTreeSet<Fingerprint> = open.signing_fingerprints().cloned().collect();
        if keys.is_subset(&signers) {
            return Err(already_exists());
        }
    }
    let mut private = Vec::with_capacity(keys.len());
    for key in &keys {
        private.push(private_key(key, vault).await?.ok_or_else(secret_key_missing)?);
    }
    sign(transaction, &private, is_proposal).map_err(|error| match error {
        BuildError::Signing(error) => cannot_sign(&error),
        other => malformed(synod_runtime::Chain(&other)),
    })
}

/// Adds the signatures of the node's keys that have not signed. `signed_by` as in [`sign_new`].
pub(super) async fn extend(
    mut transaction: SignedTopologyTransaction,
    signed_by: &BTreeSet<Fingerprint>,
    force: &ForceFlags,
    rows: TopologyRows<'_>,
    vault: &Vault,
) -> Result<SignedTopologyTransaction, AdminError> {
    let keys = choose(transaction.transaction(), signed_by, force, rows, vault).await?;
    let signers: BTreeSet<Fingerprint> = transaction.signing_fingerprints().cloned().collect();
    for key in keys.difference(&signers) {
        let private = private_key(key, vault).await?.ok_or_else(secret_key_missing)?;
        add_signature(&mut transaction, &private).map_err(|error| cannot_sign(&error))?;
    }
    Ok(transaction)
}

async fn private_key(key: &Fingerprint, vault: &Vault) -> Result<Option<SigningPrivateKey>, AdminError> {
    vault.signing_key(key).await.map_err(|error| vault.fault(error))
}

fn secret_key_missing() -> AdminError {
    let cause = "Secret key with given fingerprint could not be found";
    AdminError::new(ErrorCode::TOPOLOGY_SECRET_KEY_NOT_IN_STORE, cause)
}

fn cannot_sign(error: &SigningError) -> AdminError {
    let cause = format!("Creating a signed transaction failed due to a crypto error: {error}");
    AdminError::new(ErrorCode::TOPOLOGY_MANAGER_INTERNAL_ERROR, cause)
}

/// The keys that are to sign: those named, if all of them may, or those that the rules name.
async fn choose(
    transaction: &TopologyTransaction,
    signed_by: &BTreeSet<Fingerprint>,
    force: &ForceFlags,
    rows: TopologyRows<'_>,
    vault: &Vault,
) -> Result<BTreeSet<Fingerprint>, AdminError> {
    let own = vault.own_fingerprints().await.map_err(|error| vault.fault(error))?;
    let found = rows.signing_keys(transaction, &own, !signed_by.is_empty()).keys;
    let unusable: Vec<&str> = signed_by.difference(&found).map(Fingerprint::as_str).collect();
    let keys = if signed_by.is_empty() { &found } else { signed_by };
    let is_forced = force.permits(ForceFlag::AllowUnvalidatedSigningKeys);
    if keys.is_empty() || (!unusable.is_empty() && !is_forced) {
        let cause = "Could not find an appropriate signing key to issue the topology transaction";
        let error = AdminError::new(ErrorCode::TOPOLOGY_NO_APPROPRIATE_SIGNING_KEY_IN_STORE, cause);
        return Err(error.with("unusable", format!("Seq({})", unusable.join(", "))));
    }
    Ok(keys.clone())
}
