//! Adding a part to an aggregation, and when it is complete (ch. 03 §3.7).

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_crypto::{KeyUsages, Signature};
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, Member, MemberIndex};
use synod_wire::status::{self, short_member};
use synod_wire::{AggregationId, AggregationRule, Envelope};

use crate::aggregations::{Aggregation, Part};
use crate::ordered::MAX_BYTES_TO_DECOMPRESS;
use crate::restore::detached;
use crate::validation::Timed;
use crate::{AlarmKind, State};

/// What a part did.
#[derive(Debug)]
pub(crate) enum Step {
    /// It is not enough yet.
    Waits(Change),
    /// It completed the aggregation: these envelopes are delivered, with the signatures of all parts that count.
    Delivers(Change, Vec<Envelope>),
    /// It came too late, or twice. A `google.rpc.Status`.
    Rejected(Bytes),
    /// It cannot be opened.
    Discarded(AlarmKind, String),
}

/// The aggregation after a part. Only taken over if the sender can pay.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: AggregationId,
    pub(crate) after: Aggregation,
    pub(crate) part: Part,
}

/// Adds the part of a valid submission to its aggregation.
pub(crate) fn contribute(state: &State, timed: Timed<'_>, sender: MemberIndex, id: &AggregationId) -> Step {
    let request = &timed.submission.request;
    let envelopes: Result<Vec<Envelope>, _> =
        (0..request.batch.len()).map(|index| request.batch.open_envelope(index, MAX_BYTES_TO_DECOMPRESS)).collect();
    let (envelopes, rule) = match (envelopes, &request.aggregation_rule) {
        (Ok(envelopes), Some(rule)) => (envelopes, rule),
        (Err(error), _) => return Step::Discarded(AlarmKind::InvalidEnvelopeSignature, error.to_string()),
        (_, None) => return Step::Discarded(AlarmKind::SubmissionRequestMalformed, "there is no rule".to_owned()),
    };
    let before = state.aggregations().get(id).cloned().unwrap_or_else(|| Aggregation {
        max_sequencing_time: request.max_sequencing_time,
        rule: rule.clone(),
        parts: BTreeMap::new(),
        delivered_at: None,
    });
    if let Some(at) = before.delivered_at {
        let id = short_id(id);
        return Step::Rejected(status::aggregate_submission_already_sent(&format!(
            "The aggregatable request with aggregation ID {id} was previously delivered at {at}"
        )));
    }
    if let Some(part) = before.parts.get(&request.sender) {
        let (sender, id, at) = (short_member(&request.sender), short_id(id), part.time);
        return Step::Rejected(status::aggregate_submission_stuffing(&format!(
            "The sender {sender} previously contributed to the aggregatable submission with ID {id} at {at}"
        )));
    }
    let signatures = envelopes.iter().map(|envelope| envelope.signatures.iter().map(detached).collect()).collect();
    let part = Part { sender, time: timed.time, signatures };
    let mut after = before;
    after.parts.insert(request.sender.clone(), part.clone());
    match complete(state, &state.snapshot(timed.time), &after) {
        None => Step::Waits(Change { id: *id, after, part }),
        Some(parts) => {
            let envelopes = with_signatures(envelopes, &parts);
            after.delivered_at = Some(timed.time);
            after.parts.clear();
            Step::Delivers(Change { id: *id, after, part }, envelopes)
        }
    }
}

/// The parts that are delivered, if they are enough. `snapshot` is of the time of the newest part.
pub(crate) fn complete(
    state: &State,
    snapshot: &Snapshot,
    aggregation: &Aggregation,
) -> Option<BTreeMap<Member, Part>> {
    let parts = &aggregation.parts;
    let (active, threshold) = match &aggregation.rule {
        AggregationRule::SenderDeduplication => return Some(parts.clone()),
        AggregationRule::Members { threshold, .. } => {
            return is_reached(parts, i64::from(*threshold)).then(|| parts.clone());
        }
        AggregationRule::MediatorGroup(index) => {
            let group = snapshot.mediator_group(*index)?;
            (group.active.iter().map(|mediator| mediator.member()).collect::<Vec<_>>(), group.threshold)
        }
        AggregationRule::Sequencers => {
            let group = snapshot.sequencer_group()?;
            (group.active.iter().map(|sequencer| sequencer.member()).collect(), group.threshold)
        }
    };
    let threshold = i64::from(threshold);
    if !is_reached(parts, threshold) {
        return None;
    }
    let still_valid: BTreeMap<Member, Part> = parts
        .iter()
        .filter(|(member, _)| active.contains(member))
        .filter_map(|(member, part)| Some((member.clone(), still_valid(state, snapshot, member, part)?)))
        .collect();
    is_reached(&still_valid, threshold).then_some(still_valid)
}

fn is_reached(parts: &BTreeMap<Member, Part>, threshold: i64) -> bool {
    i64::try_from(parts.len()).is_ok_and(|parts| parts >= threshold)
}

/// The part without the signatures whose key the member does not have any more; `None` when an envelope has none left.
fn still_valid(state: &State, snapshot: &Snapshot, member: &Member, part: &Part) -> Option<Part> {
    let keys = snapshot.signing_keys(member);
    let is_valid = |signature: &&Signature| {
        state.verifier().verify_authorization(snapshot.timestamp(), keys, signature, KeyUsages::PROTOCOL).is_ok()
    };
    let signatures: Vec<Vec<Signature>> =
        part.signatures.iter().map(|of_envelope| of_envelope.iter().filter(is_valid).cloned().collect()).collect();
    let complete = signatures.iter().all(|of_envelope: &Vec<Signature>| !of_envelope.is_empty());
    complete.then(|| Part { sender: part.sender, time: part.time, signatures })
}

/// The envelopes with the signatures of all parts, in the order of the members' texts.
fn with_signatures(envelopes: Vec<Envelope>, parts: &BTreeMap<Member, Part>) -> Vec<Envelope> {
    let of_envelope =
        |index: usize| parts.values().filter_map(move |part| part.signatures.get(index)).flatten().cloned();
    envelopes
        .into_iter()
        .enumerate()
        .map(|(index, envelope)| Envelope { signatures: of_envelope(index).collect(), ..envelope })
        .collect()
}

/// An aggregation id as Canton prints it.
fn short_id(id: &AggregationId) -> String {
    let hex: String = id.hash().as_digest().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("SHA-256:{hex}...")
}

pub(crate) fn contribution_time(aggregation: &Aggregation) -> Option<CantonTimestamp> {
    aggregation.parts.values().map(|part| part.time).max()
}
