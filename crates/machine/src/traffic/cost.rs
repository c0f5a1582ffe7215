//! What an event costs (ch. 03 §5.1, `EventCostCalculator`).

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_topology::{Snapshot, TrafficControlParameters};
use synod_types::Recipient;
use synod_wire::{Batch, Recipients};

/// The scaling factor of read cost counts parts of this many.
const SCALING_UNIT: i128 = 10_000;

/// An envelope as its cost sees it.
#[derive(Debug, Clone)]
pub struct WeighedEnvelope<'a> {
    /// Equal envelopes are charged once. From protocol version 35 on these are the compressed bytes as received; before, the
    /// content and the signatures.
    pub identity: Bytes,
    /// Its recipients; equal envelopes have equal ones.
    pub recipients: &'a Recipients,
    /// Bytes of its content, decompressed, without signatures.
    pub size: usize,
}

/// The cost of an event in bytes: the base cost, and for each different envelope its size and what its distribution costs.
/// `group_size` says how many members a group recipient has; a member that is addressed directly and through a group counts twice.
///
/// Where Canton's arithmetic overflows (and its sequencer stops), the cost is the largest number.
#[must_use]
pub fn event_cost<'a>(
    envelopes: impl IntoIterator<Item = WeighedEnvelope<'a>>,
    parameters: &TrafficControlParameters,
    mut group_size: impl FnMut(&Recipient) -> usize,
) -> i64 {
    let mut charged: BTreeMap<Bytes, Vec<&Recipients>> = BTreeMap::new();
    let mut cost = i128::from(parameters.base_event_cost);
    for envelope in envelopes {
        let same = charged.entry(envelope.identity).or_default();
        if same.contains(&envelope.recipients) {
            continue;
        }
        same.push(envelope.recipients);
        let readers: usize = envelope
            .recipients
            .all_recipients()
            .iter()
            .map(|recipient| if recipient.as_member().is_some() { 1 } else { group_size(recipient) })
            .sum();
        let write = widen(envelope.size);
        let read = write * widen(readers) * i128::from(parameters.read_vs_write_scaling_factor) / SCALING_UNIT;
        cost += write + read;
    }
    i64::try_from(cost).unwrap_or(i64::MAX)
}

/// The cost of a batch whose envelopes have these sizes (bytes of content, decompressed, in order).
pub(super) fn batch_cost(
    batch: &Batch,
    sizes: &[usize],
    snapshot: &Snapshot,
    parameters: &TrafficControlParameters,
) -> i64 {
    let envelopes = sizes.iter().enumerate().map(|(index, size)| WeighedEnvelope {
        identity: batch.envelope_identity(index),
        recipients: &batch.recipients()[index],
        size: *size,
    });
    event_cost(envelopes, parameters, |recipient| group_size(snapshot, recipient))
}

/// The cost that a sender says its batch has, by the topology in `snapshot`; `sizes` as for [`event_cost`], one for each
/// envelope. `None` where nothing is charged: without traffic control, or while it is not enforced, a request must not name
/// a cost (`TrafficStateController.computeCost`).
///
/// # Panics
/// When there are more sizes than envelopes, which is a mistake of the caller.
#[must_use]
pub fn submission_cost(batch: &Batch, sizes: &[usize], snapshot: &Snapshot) -> Option<i64> {
    let parameters = snapshot.parameters()?.traffic_control.as_ref()?;
    parameters.enforce_rate_limiting.then(|| batch_cost(batch, sizes, snapshot, parameters))
}

/// How many members a group recipient has in `snapshot`: active and passive ones; none when there is no such group.
#[must_use]
pub fn group_size(snapshot: &Snapshot, recipient: &Recipient) -> usize {
    match recipient {
        Recipient::Member(_) => 1,
        Recipient::AllMembersOfSynchronizer => snapshot.known_members().len(),
        group => crate::groups::members_of(snapshot, group).map_or(0, |members| members.len()),
    }
}

fn widen(number: usize) -> i128 {
    i128::try_from(number).unwrap_or(i128::MAX)
}
