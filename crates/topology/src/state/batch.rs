//! A batch of transactions: all of one event, one by one, each after those before it (ch. 02 §2.2,
//! `TopologyStateProcessor.validateAndMerge`).

use std::sync::Arc;

use synod_types::CantonTimestamp;

use super::authorization::authorize;
use super::candidate::{Candidate, InStore};
use super::checks::check;
use super::head::{Head, MemberChanges, register};
use super::lane::Lane;
use super::stored::StoredRow;
use super::verification::SignatureTask;
use crate::{SignedTopologyTransaction, TopologyChanges, TopologyRejection, TopologyRow, ValidatedTransaction};

/// When a batch happens, and how strict it is judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) sequenced: CantonTimestamp,
    pub(crate) effective: CantonTimestamp,
    /// Whether the relaxed rules of genesis hold.
    pub(crate) relaxed: bool,
    /// Whether proposals are refused that miss signatures.
    pub(crate) expect_full_authorization: bool,
    /// Whether the store belongs to no synchronizer: only serials and signatures are judged then.
    pub(crate) is_local: bool,
}

/// Applies the transactions, in order.
pub(crate) fn apply(head: &mut Head, terms: Terms, transactions: Vec<SignedTopologyTransaction>) -> TopologyChanges {
    let mut changes = TopologyChanges::default();
    let mut members = MemberChanges::default();
    for (batch_index, received) in (0..).zip(transactions) {
        let result = validate(head, terms, &received);
        let (transaction, rejection) = match result {
            Ok(transaction) => (transaction, None),
            Err(rejection) => (received, Some(rejection)),
        };
        let row = row(head, terms, batch_index, &transaction, rejection.as_ref());
        changes.validated.push(ValidatedTransaction {
            tx_hash: row.tx_hash,
            is_proposal: row.is_proposal,
            signers: transaction.signing_fingerprints().cloned().collect(),
            rejection,
        });
        if row.rejection.is_none() {
            accept(head, &row, &transaction, &mut changes, &mut members);
        }
        changes.inserted.push(row);
    }
    members.apply(head, terms.effective);
    changes
}

/// Takes an accepted transaction into the state.
fn accept(
    head: &mut Head,
    row: &TopologyRow,
    transaction: &SignedTopologyTransaction,
    changes: &mut TopologyChanges,
    members: &mut MemberChanges,
) {
    let stored = Arc::new(StoredRow::new(row, transaction));
    let ended = head.insert(row.unique_key, &stored);
    changes.closed.extend(ended.into_iter().map(|id| (id, row.valid_from)));
    if !row.is_proposal {
        let mapping = transaction.transaction().mapping();
        let signers: Vec<_> = transaction.signing_fingerprints().cloned().collect();
        head.note(row.unique_key, &stored, mapping, &signers);
        members.add(mapping);
        register(changes, mapping, row.valid_from);
    }
}

/// The row of a transaction: accepted ones as they were completed, rejected ones as they were received.
fn row(
    head: &mut Head,
    terms: Terms,
    batch_index: u32,
    transaction: &SignedTopologyTransaction,
    rejection: Option<&TopologyRejection>,
) -> TopologyRow {
    let id = head.next_id;
    head.next_id += 1;
    let content = transaction.transaction();
    let mapping = content.mapping();
    TopologyRow {
        id,
        sequenced: terms.sequenced,
        valid_from: terms.effective,
        valid_until: rejection.map(|_| terms.effective),
        batch_index,
        signed: transaction.encode(head.psid.protocol_version()),
        is_proposal: transaction.is_proposal(),
        rejection: rejection.map(TopologyRejection::reason),
        tx_hash: *content.hash(),
        code: mapping.code(),
        namespace: mapping.namespace(),
        identifier: mapping.uid().map(|uid| uid.identifier().to_owned()),
        unique_key: mapping.unique_key(),
        serial: content.serial(),
        operation: content.operation(),
    }
}

/// Judges one transaction by what was accepted before. Returns it with the signatures that count.
fn validate(
    head: &mut Head,
    terms: Terms,
    received: &SignedTopologyTransaction,
) -> Result<SignedTopologyTransaction, TopologyRejection> {
    let merged = merge(head, received);
    let candidate = candidate(head, terms, &merged);
    if !terms.is_local {
        check(&candidate)?;
    }
    check_serial(&merged)?;
    let authorized = authorize(&candidate)?;
    for task in &authorized.tasks {
        head.valid_signatures.verify(task, &head.restrictions).map_err(TopologyRejection::SignatureCheckFailed)?;
    }
    let (transaction, missing) = (authorized.transaction, authorized.missing);
    let may_miss = transaction.is_proposal() && received.is_proposal() && !terms.expect_full_authorization;
    if !missing.is_empty() && !may_miss {
        return Err(TopologyRejection::NotFullyAuthorized { missing });
    }
    let is_proposal = !missing.is_empty();
    Ok(transaction.with_proposal(is_proposal))
}

/// The signatures that are to be verified for these transactions, as far as the state before them tells: those of keys
/// that the batch itself delegates to are not among them.
pub(crate) fn tasks(head: &Head, terms: Terms, transactions: &[SignedTopologyTransaction]) -> Vec<SignatureTask> {
    let of_one = |received: &SignedTopologyTransaction| {
        let merged = merge(head, received);
        authorize(&candidate(head, terms, &merged)).map_or_else(|_| Vec::new(), |authorized| authorized.tasks)
    };
    let tasks = transactions.iter().flat_map(of_one);
    tasks.filter(|task| !head.valid_signatures.knows(task)).collect()
}

/// A transaction with the signatures that earlier ones brought.
struct Merged {
    transaction: SignedTopologyTransaction,
    in_store: Option<InStore>,
    /// Whether it is the open one, with more signatures maybe.
    is_open: bool,
}

/// Joins the signatures of an open proposal and of the open transaction of the same hash. Of two signatures by one key
/// the received one wins against the proposal's, and loses against the open transaction's.
fn merge(head: &Head, received: &SignedTopologyTransaction) -> Merged {
    let content = received.transaction();
    let lane = head.lanes.get(&content.mapping().unique_key());
    let open = lane.and_then(Lane::open);
    let mut transaction = received.clone();
    if let Some(proposal) = lane.and_then(|lane| lane.proposal(content.hash())) {
        transaction.add_signatures(proposal.transaction().signatures());
    }
    let is_open = open.is_some_and(|row| row.tx_hash == *content.hash());
    if let Some(row) = open.filter(|_| is_open) {
        let mut with_more = row.transaction();
        with_more.add_signatures(transaction.signatures());
        transaction = with_more;
    }
    let in_store = open.map(|row| InStore { row: row.clone(), mapping: row.mapping() });
    Merged { transaction, in_store, is_open }
}

fn candidate<'a>(head: &'a Head, terms: Terms, merged: &'a Merged) -> Candidate<'a> {
    Candidate {
        head,
        effective: terms.effective,
        transaction: &merged.transaction,
        in_store: merged.in_store.as_ref(),
        relaxed: terms.relaxed,
        is_local: terms.is_local,
    }
}

/// With an open transaction the next serial has to follow; without one any is good.
fn check_serial(merged: &Merged) -> Result<(), TopologyRejection> {
    let Some(open) = merged.in_store.as_ref().filter(|_| !merged.is_open) else { return Ok(()) };
    let actual = merged.transaction.transaction().serial();
    let expected = open.row.serial + 1;
    if expected > i32::MAX.cast_unsigned() {
        return Err(TopologyRejection::MaxSerialReached);
    }
    if actual == expected { Ok(()) } else { Err(TopologyRejection::SerialMismatch { actual, expected }) }
}
