//! Where a subscription begins (ch. 03 §4.2, `SequencerReader.read`).

use synod_machine::Registration;
use synod_pipeline::Head;
use synod_store::StoreFault;
use synod_types::{CantonTimestamp, Member};
use thiserror::Error;

use crate::core::Core;
use crate::texts::short_member;

/// Why a subscription cannot begin. The texts are Canton's (`CreateSubscriptionError`).
#[derive(Debug, Error)]
pub(crate) enum StartError {
    #[error("UnknownMember({0})")]
    UnknownMember(String),
    #[error("MemberDisabled({0})")]
    MemberDisabled(String),
    #[error("EventsUnavailableForTimestamp({0})")]
    EventsUnavailable(String),
    #[error("the events cannot be read")]
    Fault(#[from] StoreFault),
}

/// Where a subscription begins.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) registration: Registration,
    /// Events up to this time are not read.
    pub(crate) after: CantonTimestamp,
    /// Events before this time are read, for the chain, but not sent.
    pub(crate) send_from: Option<CantonTimestamp>,
    /// The member's event before the first one that is read.
    pub(crate) previous: Option<CantonTimestamp>,
}

impl Start {
    /// The start of a subscription of `member` from `requested` on (inclusive), or from its first event.
    pub(crate) async fn find(
        core: &Core,
        head: &Head,
        member: &Member,
        requested: Option<CantonTimestamp>,
    ) -> Result<Self, StartError> {
        let registration =
            head.state.members().get(member).cloned().ok_or_else(|| StartError::UnknownMember(short_member(member)))?;
        if core.disabled.contains(registration.index) {
            return Err(StartError::MemberDisabled(short_member(member)));
        }
        // A member that was ahead of this node waits here for what it has not seen.
        let start = requested.map(|requested| requested.min(head.state.last_time()));
        let lower_bound = core.store.lower_bound().await?;
        let from = registration.registered_from;
        let is_served = match (requested, lower_bound) {
            (None, None) => true,
            (None, Some(bound)) => from > bound || core.is_this_sequencer(member),
            (Some(requested), bound) => requested > from && bound.is_none_or(|bound| requested > bound),
        };
        if !is_served {
            return Err(StartError::EventsUnavailable(unavailable(member, start, lower_bound, from)));
        }
        let (after, previous) = match start {
            None => (from, None),
            Some(start) => {
                let previous = core.events.latest_event_before(registration.index, from, start).await?;
                (start.immediate_predecessor(), previous)
            }
        };
        Ok(Self { registration, after, send_from: requested, previous })
    }
}

fn unavailable(
    member: &Member,
    start: Option<CantonTimestamp>,
    lower_bound: Option<CantonTimestamp>,
    registered_from: CantonTimestamp,
) -> String {
    let time = start.map_or_else(|| "None".to_owned(), |start| format!("Some({start})"));
    let from = start.map_or_else(|| "the beginning".to_owned(), |start| format!("{start} (inclusive)"));
    let bound = lower_bound.map_or_else(|| "epoch".to_owned(), |bound| bound.to_string());
    format!(
        "{time},Subscription for {} would require reading data from {from}, but this sequencer cannot serve timestamps at \
         or before {bound} or at or before the member's registration timestamp {registered_from}.",
        short_member(member)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As recorded: case `subscribe before registration` of the edges.
    #[test]
    fn the_refusal_reads_as_in_canton() {
        let member = Member::parse("PAR::benchf96c346ca8::1220925e1dcf26192e126b24cd70e4063").expect("member");
        let registered = CantonTimestamp::from_micros(1_795_418_247_315_051).expect("in range");
        let text = unavailable(&member, Some(CantonTimestamp::EPOCH), None, registered);
        assert_eq!(
            StartError::EventsUnavailable(text).to_string(),
            "EventsUnavailableForTimestamp(Some(1970-01-01T00:00:00Z),Subscription for \
             PAR::benchf96c346ca8::1220925e1dcf... would require reading data from 1970-01-01T00:00:00Z (inclusive), but \
             this sequencer cannot serve timestamps at or before epoch or at or before the member's registration timestamp \
             2026-11-23T07:17:27.315051Z.)"
        );
    }
}
