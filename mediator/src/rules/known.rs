//! Requests that responses may still come for.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MediatorGroupIndex, ParticipantId};

use super::{ConfirmationRequest, ResponseAggregation};

/// Decided requests that are kept as they were read. Of others only the bytes are kept, a small part of that.
const MAX_READ_DECIDED: usize = 1_024;

/// A request whose time for responses is not over.
#[derive(Debug, Clone)]
pub(super) struct KnownRequest {
    /// As received.
    pub(super) bytes: Bytes,
    pub(super) mediator_group: MediatorGroupIndex,
    /// The request as it was read, with its votes: of one that is not decided, and of those that were decided last.
    pub(super) aggregation: Option<ResponseAggregation>,
    pub(super) deadline: CantonTimestamp,
    pub(super) decision_time: CantonTimestamp,
    /// Whom the verdict goes to.
    pub(super) participants: Vec<ParticipantId>,
    pub(super) first_response: Option<CantonTimestamp>,
}

impl KnownRequest {
    /// What was read and voted. A request that was set aside is read again, as it was before: its votes do not matter any
    /// more.
    pub(super) fn aggregation(
        &mut self,
        request_id: CantonTimestamp,
        snapshot: &Snapshot,
    ) -> Option<&mut ResponseAggregation> {
        if self.aggregation.is_none() {
            let version = snapshot.psid().protocol_version();
            // It was read before, so that nothing else comes out.
            let request = ConfirmationRequest::parse(&self.bytes, version).ok()??;
            self.aggregation = Some(ResponseAggregation::new(Arc::new(request), request_id, snapshot));
        }
        self.aggregation.as_mut()
    }
}

/// The requests that were decided last, the newest last. Late responses are mostly for these.
#[derive(Debug, Clone, Default)]
pub(super) struct LastDecided(VecDeque<CantonTimestamp>);

impl LastDecided {
    /// Another one is decided, or was read again: the oldest one makes room.
    pub(super) fn add(&mut self, request_id: CantonTimestamp, requests: &mut BTreeMap<CantonTimestamp, KnownRequest>) {
        self.0.push_back(request_id);
        while self.0.len() > MAX_READ_DECIDED {
            let Some(oldest) = self.0.pop_front() else { return };
            if let Some(known) = requests.get_mut(&oldest) {
                known.aggregation = None;
                // What was received may be part of something larger.
                known.bytes = Bytes::copy_from_slice(&known.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use synod_topology::{StaticSynchronizerParameters, TopologyState};
    use synod_types::{PhysicalSynchronizerId, ProtocolVersion};

    use super::*;
    use crate::rules::requests::{PSID, transaction, view};

    #[test]
    fn only_the_newest_stay_as_they_were_read() {
        let psid = PhysicalSynchronizerId::parse(PSID).expect("a synchronizer");
        let fixed = StaticSynchronizerParameters::jce_defaults(ProtocolVersion::V35);
        let snapshot = TopologyState::new(psid, &fixed).snapshot(CantonTimestamp::EPOCH);
        let request = Arc::new(transaction(&[view(&[("alice", 1)], 1), view(&[("bob", 1)], 1)]));
        let at = |number: usize| CantonTimestamp::from_micros(number.try_into().expect("small")).expect("a time");
        let known = |number| KnownRequest {
            bytes: request.bytes().clone(),
            mediator_group: request.mediator_group(),
            aggregation: Some(ResponseAggregation::new(Arc::clone(&request), at(number), &snapshot)),
            deadline: at(0),
            decision_time: at(0),
            participants: Vec::new(),
            first_response: None,
        };
        let mut requests: BTreeMap<_, _> = (0..=MAX_READ_DECIDED).map(|number| (at(number), known(number))).collect();
        let mut last = LastDecided::default();
        (0..=MAX_READ_DECIDED).for_each(|number| last.add(at(number), &mut requests));
        let aside = |requests: &BTreeMap<CantonTimestamp, KnownRequest>| -> Vec<CantonTimestamp> {
            requests.iter().filter(|(_, known)| known.aggregation.is_none()).map(|(id, _)| *id).collect()
        };
        assert_eq!(aside(&requests), [at(0)]);
        let oldest = requests.get_mut(&at(0)).expect("it is known");
        let again = oldest.aggregation(at(0), &snapshot).expect("it is read again");
        assert_eq!(**again.request(), *request);
        last.add(at(0), &mut requests);
        assert_eq!(aside(&requests), [at(1)], "the next one makes room");
    }
}
