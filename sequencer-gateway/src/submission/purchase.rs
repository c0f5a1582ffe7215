//! Purchases of traffic that this sequencer submits (ch. 03 §5.5, `TrafficPurchasedSubmissionHandler`).

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use synod_crypto::protocol_message_hash;
use synod_pipeline::Head;
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, Member, ProtocolVersion, Recipient};
use synod_wire::{AggregationRule, Batch, Envelope, Recipients, SetTrafficPurchased, TypedMessage};
use thiserror::Error;

use super::own::{self, BroadcastError, BroadcastFault, OwnSubmission};
use crate::core::Core;

/// So much before the end of a window the next one is used, too: a fourth of it.
const PARTS_OF_A_WINDOW: u32 = 4;

/// A purchase was not sent.
#[derive(Debug, Error)]
pub enum PurchaseError {
    /// The synchronizer has no traffic control.
    #[error("the synchronizer has no traffic control")]
    Disabled,
    /// The member has purchased with this serial or a higher one.
    #[error("the last serial of this member is {latest}")]
    SerialTooLow {
        /// Serial of the member's last purchase.
        latest: u32,
    },
    /// It cannot be made, or was not ordered.
    #[error(transparent)]
    NotOrdered(#[from] BroadcastError),
}

/// What is sent: the same at all sequencers, but for the signature.
#[derive(Debug)]
struct Purchase {
    message: SetTrafficPurchased,
    rule: AggregationRule,
}

/// Orders a purchase for the window that it is time for, near its end also for the next one. It is sent when one of them is.
pub(crate) async fn submit(core: &Core, member: &Member, serial: NonZeroU32, total: u64) -> Result<(), PurchaseError> {
    let (purchase, ends) = {
        let head = core.head();
        prepare(core, &head, member, serial, total)?
    };
    let mut sent = Err(None);
    for end in ends {
        match own::order(core, |head| signed(core, head, &purchase, end)).await {
            Ok(_) => {
                tracing::info!(%member, serial, total, until = %end, "a purchase of traffic is ordered");
                sent = Ok(());
            }
            Err(error) => {
                tracing::warn!(%error, %member, serial, until = %end, "a purchase of traffic is not ordered");
                sent = sent.map_err(|first: Option<BroadcastError>| first.or(Some(error)));
            }
        }
    }
    // Without an error there was a window.
    sent.or_else(|first| first.map_or(Ok(()), |error| Err(error.into())))
}

fn prepare(
    core: &Core,
    head: &Head,
    member: &Member,
    serial: NonZeroU32,
    total: u64,
) -> Result<(Purchase, Vec<CantonTimestamp>), PurchaseError> {
    let latest = head.state.traffic().purchased(member).map(|purchased| purchased.serial);
    if let Some(latest) = latest.filter(|latest| *latest >= serial.get()) {
        return Err(PurchaseError::SerialTooLow { latest });
    }
    let now = core.latest_time(head);
    let snapshot = head.state.snapshot(now.immediate_successor());
    let traffic_control = snapshot.parameters().and_then(|parameters| parameters.traffic_control.as_ref());
    let window = traffic_control.ok_or(PurchaseError::Disabled)?.set_balance_request_submission_window_size;
    let message = SetTrafficPurchased {
        member: member.clone(),
        serial: serial.get(),
        extra_traffic_purchased: i64::try_from(total).unwrap_or(i64::MAX),
        psid: core.psid.clone(),
    };
    Ok((Purchase { message, rule: rule(&snapshot, core.version()) }, windows(now, window)))
}

/// All active sequencers contribute, as many as their threshold (`AggregationRule.activeSequencers`).
fn rule(snapshot: &Snapshot, version: ProtocolVersion) -> AggregationRule {
    if version > ProtocolVersion::V34 {
        return AggregationRule::Sequencers;
    }
    let group = snapshot.sequencer_group();
    let eligible = group.iter().flat_map(|group| &group.active).map(|sequencer| sequencer.member()).collect();
    let threshold = group.as_ref().map_or(1, |group| i32::try_from(group.threshold).unwrap_or(i32::MAX));
    AggregationRule::Members { eligible, threshold }
}

/// Ends of the windows in which a purchase at `now` is sent: windows begin at the epoch, so all sequencers have the same
/// (`computeMaxSequencingTimes`).
fn windows(now: CantonTimestamp, window: Duration) -> Vec<CantonTimestamp> {
    let size = i64::try_from(window.as_millis()).unwrap_or(i64::MAX).max(1);
    let now_ms = now.as_micros().div_euclid(1_000);
    let end_ms = now_ms.div_euclid(size).saturating_add(1).saturating_mul(size);
    let end = CantonTimestamp::EPOCH.saturating_add_micros(end_ms.saturating_mul(1_000));
    let left = end.micros_since(now);
    let is_near = left <= i64::try_from((window / PARTS_OF_A_WINDOW).as_micros()).unwrap_or(i64::MAX);
    if is_near { vec![end, end.saturating_add(window)] } else { vec![end] }
}

/// The envelope goes to the member, who sees that it goes to all sequencers.
fn signed(
    core: &Core,
    head: &Head,
    purchase: &Purchase,
    max_sequencing_time: CantonTimestamp,
) -> Result<OwnSubmission, BroadcastFault> {
    let version = core.version();
    let content = TypedMessage::set_traffic_purchased(&purchase.message, version);
    let now = core.latest_time(head).immediate_successor();
    let signature = core.signer.sign(head, now, &protocol_message_hash(&content))?;
    let member = BTreeSet::from([Recipient::Member(purchase.message.member.clone())]);
    let sequencers = BTreeSet::from([Recipient::SequencersOfSynchronizer]);
    let recipients = Recipients::from_preorder([(0, member), (1, sequencers)]).ok_or(BroadcastFault::NoRecipients)?;
    let envelope = Envelope { content, signatures: vec![signature] };
    let batch = Batch::new(version, vec![(envelope, recipients)]);
    own::signed(core, head, batch, max_sequencing_time, Some(purchase.rule.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(seconds * 1_000_000).expect("in range")
    }

    #[test]
    fn windows_begin_at_the_epoch() {
        let window = Duration::from_secs(120);
        assert_eq!(windows(at(0), window), [at(120)]);
        assert_eq!(windows(at(89), window), [at(120)]);
        // From a fourth of a window before its end on.
        assert_eq!(windows(at(90), window), [at(120), at(240)]);
        assert_eq!(windows(at(120), window), [at(240)]);
        assert_eq!(windows(at(-1), window), [at(0), at(120)]);
    }
}
