//! `AcknowledgeSigned`: orders an acknowledgement and waits until it comes back in a block (ch. 03 §2.4).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use synod_crypto::acknowledgement_hash;
use synod_machine::{OrderedKind, SignedAcknowledgement, checks};
use synod_ordering::Entry;
use synod_pipeline::Head;
use synod_proto::sequencer::api::v30::AcknowledgeSignedRequest;
use synod_types::{CantonTimestamp, Member, MemberIndex, ProtocolVersion};
use tonic::Status;

use super::send_async::refused;
use super::{Inner, MemberCall};
use crate::core::not_permitted;
use crate::submission::checks::{named_snapshot, topology_time};
use crate::texts::{parse_failure, signature_failure};

/// When the last acknowledgement of each member was ordered.
#[derive(Debug)]
pub(super) struct AcknowledgementWindows {
    window: Option<Duration>,
    last: Mutex<BTreeMap<Member, CantonTimestamp>>,
}

impl AcknowledgementWindows {
    /// Further acknowledgements within `window` do not count.
    pub(super) const fn new(window: Option<Duration>) -> Self {
        Self { window, last: Mutex::new(BTreeMap::new()) }
    }

    /// Whether the member acknowledged something within the window before `now`.
    fn is_open(&self, member: &Member, now: CantonTimestamp) -> bool {
        let Some(window) = self.window else { return false };
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.get(member).is_some_and(|last| now < last.saturating_add(window))
    }

    fn begin(&self, member: &Member, now: CantonTimestamp) {
        if self.window.is_some() {
            self.last.lock().unwrap_or_else(PoisonError::into_inner).insert(member.clone(), now);
        }
    }
}

impl Inner {
    /// Returns when an acknowledgement of the member at or after the time has been sequenced.
    pub(super) async fn acknowledge(&self, call: MemberCall<AcknowledgeSignedRequest>) -> Result<(), Status> {
        let core = &*self.core;
        let bytes = call.message.signed_acknowledge_request;
        let signed = SignedAcknowledgement::parse(&bytes, core.version())
            .map_err(|error| Status::invalid_argument(parse_failure(&error, "SignedContent")))?;
        let (member, time) = (signed.request.member.clone(), signed.request.timestamp);
        if member != call.caller.member {
            return Err(Status::permission_denied(not_permitted(&call.caller.member, &member)));
        }
        if self.acknowledged.is_open(&member, core.clock.now()) {
            core.metrics.conflated_acknowledgements.inc();
            return Ok(());
        }
        let index = self.check_acknowledgement(&signed)?;
        let entry = Entry { kind: OrderedKind::Acknowledge, bytes };
        core.orderer.submit(entry).await.map_err(|error| call.context.status(&refused(error).status()))?;
        self.wait_for_acknowledgement(index, time).await?;
        self.acknowledged.begin(&member, core.clock.now());
        Ok(())
    }

    fn check_acknowledgement(&self, signed: &SignedAcknowledgement) -> Result<MemberIndex, Status> {
        let core = &*self.core;
        let head = core.head();
        let at = match core.version() {
            ProtocolVersion::V34 => core.latest_time(&head),
            ProtocolVersion::V35 | ProtocolVersion::Dev => signed.request.timestamp,
        };
        let snapshot = head.state.snapshot(at);
        let member = &signed.request.member;
        checks::acknowledgement_signature(&head.state, &snapshot, signed).map_err(|error| {
            let hash = acknowledgement_hash(&signed.request.bytes);
            let why = signature_failure(&error, &signed.signature, &hash, member, snapshot.signing_keys(member));
            let snapshot = named_snapshot(topology_time(&head), at);
            Status::invalid_argument(format!(
                "Could not acknowledge Sequencer could not verify client's signature on [AcknowledgeRequest] with \
                 sequencer's {snapshot}. Error: {why}"
            ))
        })?;
        let registration = head.state.members().get(member);
        registration.map(|registration| registration.index).ok_or_else(|| {
            Status::invalid_argument(format!(
                "Could not acknowledge: {} is not registered",
                crate::texts::short_member(member)
            ))
        })
    }

    async fn wait_for_acknowledgement(&self, member: MemberIndex, time: CantonTimestamp) -> Result<(), Status> {
        let mut heads = self.core.head.clone();
        let is_acknowledged =
            |head: &Head| head.state.acknowledged(member).is_some_and(|acknowledged| acknowledged >= time);
        let wait = tokio::time::timeout(self.core.settings.acknowledgement_limit, heads.wait_until(is_acknowledged));
        tokio::select! {
            biased;
            () = self.core.stopping.cancelled() => Err(Status::unavailable("Sequencer is being shutdown.")),
            waited = wait => match waited {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err(Status::unavailable("Sequencer is being shutdown.")),
                Err(_) => Err(Status::deadline_exceeded(
                    "The acknowledgement was not sequenced in time, or it is for a time that was not sequenced before it",
                )),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_with_an_acknowledgement_and_closes_by_itself() {
        let windows = AcknowledgementWindows::new(Some(Duration::from_secs(45)));
        let member = Member::parse("PAR::a::1220").expect("member");
        let start = CantonTimestamp::EPOCH;
        assert!(!windows.is_open(&member, start));
        windows.begin(&member, start);
        assert!(windows.is_open(&member, start.saturating_add(Duration::from_secs(44))));
        assert!(!windows.is_open(&member, start.saturating_add(Duration::from_secs(45))));
        let none = AcknowledgementWindows::new(None);
        none.begin(&member, start);
        assert!(!none.is_open(&member, start));
    }
}
