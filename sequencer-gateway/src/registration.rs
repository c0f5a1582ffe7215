//! Participants that join: this sequencer broadcasts their first topology transactions (ch. 02 §4.4).

use std::collections::BTreeSet;

use prost::Message;
use synod_machine::OrderedKind;
use synod_ordering::{Entry, SubmitError};
use synod_proto::protocol::v30;
use synod_topology::registration::{RegistrationRefused, begin, check};
use synod_topology::{Operation, SignedTopologyTransaction};
use synod_types::{Member, ParticipantId};
use synod_wire::{TopologyBroadcast, status};
use tonic::Status;

use crate::core::Core;
use crate::errors::{CallContext, PROTO_DESERIALIZATION_FAILURE};
use crate::submission::{checks::topology_time, own};
use crate::texts::{short_member, signed_transaction};

/// What strangers are told where the reason would tell who is a member.
const SANITIZED: &str = "Unable to register onboarding topology transactions";

/// Checks the transactions of a participant and orders their broadcast. Returns when that is durable; the participant then
/// asks whether it is active.
pub(crate) async fn register(
    core: &Core,
    call: &CallContext,
    participant: &ParticipantId,
    transactions: Vec<v30::SignedTopologyTransaction>,
) -> Result<(), Status> {
    let head = core.head();
    let topology = head.state.topology();
    let member = participant.member();
    begin(topology, &member).map_err(|refused| status_of(core, call, &member, &[], &refused))?;
    // Without the details that this error has elsewhere (`pv35-edges`, "register garbage").
    let malformed = || {
        let rpc = PROTO_DESERIALIZATION_FAILURE.rpc_status("Deserialization of protobuf message failed");
        Status::invalid_argument(call.of_rpc(rpc).message())
    };
    let transactions: Vec<SignedTopologyTransaction> = transactions
        .iter()
        .map(|proto| SignedTopologyTransaction::parse_unversioned(&proto.encode_to_vec(), core.version()))
        .collect::<Result<_, _>>()
        .map_err(|_| malformed())?;
    let effective = topology_time(&head).immediate_successor();
    let transactions = check(topology, &member, transactions.clone(), effective)
        .map_err(|refused| status_of(core, call, &member, &transactions, &refused))?;
    let version = core.version();
    let encoded = transactions.iter().map(|transaction| transaction.encode(version)).collect();
    let content = TopologyBroadcast { psid: core.psid.clone(), transactions: encoded }.to_versioned_content(version);
    // The participant is no member yet.
    let bytes = own::broadcast(core, &head, content).map_err(|fault| {
        tracing::error!(error = %synod_runtime::Chain(&fault), "a registration cannot be broadcast");
        call.status(&status::internal())
    })?;
    tracing::info!(%participant, transactions = transactions.len(), "participant registers");
    core.orderer.submit(Entry { kind: OrderedKind::Send, bytes: bytes.bytes }).await.map_err(|error| match error {
        SubmitError::Overloaded => call.status(&status::overloaded("Too many requests are waiting to be ordered")),
        SubmitError::Unavailable => call.status(&status::unavailable("The sequencer is not ordering at present")),
    })
}

fn status_of(
    core: &Core,
    call: &CallContext,
    member: &Member,
    transactions: &[SignedTopologyTransaction],
    refused: &RegistrationRefused,
) -> Status {
    if refused.is_confidential() && core.settings.sanitize_public_error_messages {
        let error = synod_runtime::Chain(refused).to_string();
        tracing::info!(%member, error, "registration refused");
        return Status::failed_precondition(SANITIZED);
    }
    let text = text_of(member, transactions, refused);
    match refused {
        RegistrationRefused::NoParameters => call.status(&status::internal()),
        refused if refused.is_precondition() => Status::failed_precondition(text),
        _ => Status::invalid_argument(text),
    }
}

/// Canton's text; some show the first transaction that is wrong.
fn text_of(member: &Member, transactions: &[SignedTopologyTransaction], refused: &RegistrationRefused) -> String {
    let who = short_member(member);
    // Of each unique key only the first transaction was looked at.
    let mut seen = BTreeSet::new();
    let is_first =
        |transaction: &&SignedTopologyTransaction| seen.insert(transaction.transaction().mapping().unique_key());
    let distinct: Vec<&SignedTopologyTransaction> = transactions.iter().filter(is_first).collect();
    let first = |is_wrong: &dyn Fn(&SignedTopologyTransaction) -> bool| {
        let found = distinct.iter().find(|transaction| is_wrong(transaction));
        found.map_or_else(|| "None".to_owned(), |found| format!("Some({})", signed_transaction(found)))
    };
    match refused {
        RegistrationRefused::UnexpectedMapping { code } => format!(
            "Unexpected topology mapping found. Allowed: Set(NamespaceDelegation, OwnerToKeyMapping, \
             SynchronizerTrustCertificate). Found: Some({code})"
        ),
        RegistrationRefused::MissingMapping { code, .. } => {
            format!("Missing mappings for onboarding {who}. Missing: Set({code})")
        }
        RegistrationRefused::Proposal { .. } => {
            let found = first(&SignedTopologyTransaction::is_proposal);
            format!("Unexpected proposals for onboarding {who}. Found: {found}")
        }
        RegistrationRefused::Removal { .. } => {
            let found = first(&|transaction| transaction.transaction().operation() == Operation::Remove);
            format!("Unexpected removals for onboarding {who}. Found: {found}")
        }
        RegistrationRefused::OtherIdentifier { .. } => {
            let is_other = |transaction: &SignedTopologyTransaction| {
                transaction.transaction().mapping().uid().is_some_and(|uid| uid != member.uid())
            };
            format!("Mappings for unexpected UIDs for onboarding {who}: {}", first(&is_other))
        }
        RegistrationRefused::OtherNamespace { .. } => {
            let namespace = member.uid().namespace();
            let is_other =
                |transaction: &SignedTopologyTransaction| transaction.transaction().mapping().namespace() != namespace;
            format!("Mappings for unexpected namespaces for onboarding {who}: {}", first(&is_other))
        }
        RegistrationRefused::AlreadyOnboarded { .. } => {
            format!("Participant {who} is either active on the synchronizer or has previously been offboarded.")
        }
        other => synod_runtime::Chain(other).to_string(),
    }
}

#[cfg(test)]
mod tests;
