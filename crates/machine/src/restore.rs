//! Between the state and its plain data.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::Signature;
use synod_proto::crypto::v30;
use synod_topology::TopologyState;
use synod_types::CantonTimestamp;
use synod_wire::AggregationRule;

use crate::aggregate::{complete, contribution_time};
use crate::aggregations::{Aggregation, Aggregations, Part};
use crate::frames::Frames;
use crate::members::Members;
use crate::synchronizer::Synchronizer;
use crate::traffic::Traffic;
use crate::{Checkpoint, Contribution, Fault, InFlightAggregation, State};

impl State {
    /// Rebuilds the state from its plain data.
    ///
    /// # Errors
    /// [`Fault::Checkpoint`] or [`Fault::Topology`] when the data contradicts itself: it is not what a machine gave.
    pub fn restore(checkpoint: Checkpoint) -> Result<Self, Fault> {
        let synchronizer = Arc::new(Synchronizer::new(checkpoint.psid.clone(), checkpoint.static_parameters)?);
        let mut topology = TopologyState::new(checkpoint.psid, &synchronizer.static_parameters);
        topology.load(checkpoint.topology).map_err(Fault::Topology)?;
        let members = Members::restore(checkpoint.members)?;
        let mut frames = Frames::default();
        checkpoint.frames.into_iter().for_each(|frame| {
            frames.insert(frame);
        });
        let mut state = Self {
            synchronizer,
            height: checkpoint.height,
            base_time: checkpoint.base_time,
            last_time: checkpoint.last_time,
            latest_sequencer_event: checkpoint.latest_sequencer_event,
            latest_pending_topology: checkpoint.latest_pending_topology,
            topology,
            members,
            traffic: Traffic::restore(checkpoint.traffic_consumed, checkpoint.traffic_purchased),
            aggregations: Aggregations::default(),
            acknowledgements: checkpoint.acknowledgements.into_iter().collect(),
            frames,
            app_hash: checkpoint.app_hash,
        };
        for aggregation in checkpoint.aggregations {
            let id = aggregation.id;
            let restored = restore_aggregation(&state, aggregation)?;
            state.aggregations.insert(id, restored);
        }
        Ok(state)
    }

    /// The plain data of this state. `topology` is what [`Checkpoint::topology`] asks for: the state does not keep all rows.
    #[must_use]
    pub fn checkpoint(&self, topology: Vec<synod_topology::TopologyRow>) -> Checkpoint {
        let (traffic_consumed, traffic_purchased) = self.traffic.rows();
        Checkpoint {
            psid: self.synchronizer.psid.clone(),
            static_parameters: self.synchronizer.static_parameters_bytes.clone(),
            height: self.height,
            base_time: self.base_time,
            last_time: self.last_time,
            latest_sequencer_event: self.latest_sequencer_event,
            latest_pending_topology: self.latest_pending_topology,
            topology,
            members: self.members.iter().cloned().collect(),
            traffic_consumed,
            traffic_purchased,
            aggregations: self.aggregations.iter().map(|(id, aggregation)| plain(*id, aggregation)).collect(),
            acknowledgements: self.acknowledgements.iter().map(|(member, time)| (*member, *time)).collect(),
            frames: self.frames.to_stamps(),
            app_hash: self.app_hash,
        }
    }

    /// Decides again which of the aggregations were delivered, as Canton does for those of a sequencer's onboarding state: it does
    /// not say so there. `latest` is when the newest part of all may be from.
    pub fn recompute_deliveries(&mut self, latest: CantonTimestamp) {
        let open: Vec<_> = self
            .aggregations
            .iter()
            .filter(|(_, aggregation)| aggregation.delivered_at.is_none())
            .map(|(id, aggregation)| (*id, aggregation.clone()))
            .collect();
        for (id, mut aggregation) in open {
            let Some(at) = contribution_time(&aggregation).filter(|at| *at <= latest) else { continue };
            if complete(self, &self.snapshot(at), &aggregation).is_some() {
                aggregation.delivered_at = Some(at);
                aggregation.parts.clear();
                self.aggregations.insert(id, aggregation);
            }
        }
    }
}

fn plain(id: synod_wire::AggregationId, aggregation: &Aggregation) -> InFlightAggregation {
    let mut contributions: Vec<Contribution> = aggregation.parts.values().map(plain_part).collect();
    contributions.sort_by_key(|contribution| contribution.time);
    InFlightAggregation {
        id,
        max_sequencing_time: aggregation.max_sequencing_time,
        rule: aggregation.rule.encode(),
        contributions,
        delivered_at: aggregation.delivered_at,
    }
}

pub(crate) fn plain_part(part: &Part) -> Contribution {
    let signatures =
        part.signatures.iter().map(|of_envelope| of_envelope.iter().map(signature_bytes).collect()).collect();
    Contribution { sender: part.sender, time: part.time, signatures }
}

fn signature_bytes(signature: &Signature) -> Bytes {
    signature.to_proto().encode_to_vec().into()
}

fn restore_aggregation(state: &State, plain: InFlightAggregation) -> Result<Aggregation, Fault> {
    let inconsistent = |reason: String| Fault::Checkpoint { reason: format!("aggregation {:?}: {reason}", plain.id) };
    let rule = AggregationRule::parse(&plain.rule, state.protocol_version())
        .map_err(|error| inconsistent(error.to_string()))?;
    let mut parts = BTreeMap::new();
    let contributions = if plain.delivered_at.is_some() { Vec::new() } else { plain.contributions };
    for contribution in contributions {
        let sender = state.members.at(contribution.sender).ok_or_else(|| inconsistent("unknown sender".to_owned()))?;
        let signatures: Result<Vec<Vec<Signature>>, String> = contribution
            .signatures
            .iter()
            .map(|of_envelope| of_envelope.iter().map(restore_signature).collect())
            .collect();
        let signatures = signatures.map_err(inconsistent)?;
        let part = Part { sender: contribution.sender, time: contribution.time, signatures };
        parts.insert(sender.member.clone(), part);
    }
    Ok(Aggregation { max_sequencing_time: plain.max_sequencing_time, rule, parts, delivered_at: plain.delivered_at })
}

/// The same signature in memory of its own. One that was parsed holds on to all of the envelope that it was in, and the state keeps
/// it for minutes.
pub(crate) fn detached(signature: &Signature) -> Signature {
    restore_signature(&signature_bytes(signature)).unwrap_or_else(|_| signature.clone())
}

fn restore_signature(bytes: &Bytes) -> Result<Signature, String> {
    let proto = v30::Signature::decode(bytes.clone()).map_err(|error| error.to_string())?;
    Signature::from_proto(proto).map_err(|error| error.to_string())
}
