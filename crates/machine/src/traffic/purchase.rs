//! Purchases of traffic in a delivered event (ch. 03 §5.5, `TrafficControlProcessor`).

use std::collections::BTreeMap;

use synod_crypto::{KeyUsages, SigningPublicKey, protocol_message_hash};
use synod_types::{CantonTimestamp, Member, Recipient};
use synod_wire::{Envelope, SetTrafficPurchased, TypedMessage};

use crate::{State, TrafficPurchased};

/// The limits that the envelopes of an event at `time` set, in their order. `envelopes` are those as delivered, with all signatures.
///
/// An envelope counts when all sequencers are among its recipients, it is for this synchronizer, and enough active sequencers signed
/// it. Whether the serial is new is not judged here.
pub(crate) fn purchases<'a>(
    state: &State,
    time: CantonTimestamp,
    envelopes: impl IntoIterator<Item = (&'a Envelope, Vec<Recipient>)>,
) -> Vec<TrafficPurchased> {
    envelopes.into_iter().filter_map(|(envelope, recipients)| purchase(state, time, envelope, &recipients)).collect()
}

fn purchase(
    state: &State,
    time: CantonTimestamp,
    envelope: &Envelope,
    recipients: &[Recipient],
) -> Option<TrafficPurchased> {
    if !recipients.contains(&Recipient::SequencersOfSynchronizer) || envelope.signatures.is_empty() {
        return None;
    }
    let TypedMessage::SetTrafficPurchased(message) = TypedMessage::parse(&envelope.content).ok()? else { return None };
    let SetTrafficPurchased { member, serial, extra_traffic_purchased, psid } = message;
    if psid != *state.psid() || !is_signed(state, time, envelope) {
        return None;
    }
    Some(TrafficPurchased { member, time, serial, extra_purchased: extra_traffic_purchased })
}

/// Whether as many active sequencers as the group asks for signed the envelope with keys that they have at `time`.
fn is_signed(state: &State, time: CantonTimestamp, envelope: &Envelope) -> bool {
    let snapshot = state.snapshot(time);
    let Some(group) = snapshot.sequencer_group() else { return false };
    let keys: BTreeMap<Member, Vec<SigningPublicKey>> = group
        .active
        .iter()
        .map(|sequencer| sequencer.member())
        .map(|member| {
            let keys = snapshot.signing_keys(&member).to_vec();
            (member, keys)
        })
        .collect();
    let hash = protocol_message_hash(&envelope.content);
    let threshold = usize::try_from(group.threshold).unwrap_or(usize::MAX);
    state.verifier().verify_group(time, &keys, threshold, &hash, &envelope.signatures, KeyUsages::PROTOCOL).is_ok()
}
