//! Checks of mediator groups and sequencers. Who is new is relative to an open replacement: after a removal all are.

use std::collections::BTreeMap;

use synod_types::{MediatorId, SequencerId};

use super::super::candidate::Candidate;
use super::{keys, mapping_of, replaced};
use crate::TopologyRejection;
use crate::mapping::MediatorSynchronizerState;

fn new_mediators<'a>(
    state: &'a MediatorSynchronizerState,
    replaced: Option<&'a MediatorSynchronizerState>,
) -> impl Iterator<Item = &'a MediatorId> {
    state.all().filter(move |mediator| replaced.is_none_or(|replaced| replaced.all().all(|known| known != *mediator)))
}

/// Row 16, first half.
pub(super) fn mediators_are_in_no_other_group(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let state = mapping_of!(candidate, MediatorSynchronizerState);
    if state.synchronizer != *candidate.head.synchronizer() {
        return Ok(());
    }
    let mut elsewhere = BTreeMap::new();
    for mediator in new_mediators(state, replaced!(candidate, MediatorSynchronizerState)) {
        let others = candidate.head.mediator_groups().filter(|other| other.group != state.group);
        for other in others.filter(|other| other.all().any(|member| member == mediator)) {
            elsewhere.insert(mediator.clone(), other.group);
        }
    }
    if elsewhere.is_empty() {
        return Ok(());
    }
    Err(TopologyRejection::MediatorsAlreadyInOtherGroups { group: state.group, mediators: elsewhere })
}

/// Row 16, second half.
pub(super) fn mediators_have_keys(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let state = mapping_of!(candidate, MediatorSynchronizerState);
    if candidate.relaxed {
        return Ok(());
    }
    let new = new_mediators(state, replaced!(candidate, MediatorSynchronizerState));
    keys::all_have_keys(candidate, new.map(MediatorId::member))
}

/// Row 17.
pub(super) fn sequencers_have_keys(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let state = mapping_of!(candidate, SequencerSynchronizerState);
    if candidate.relaxed {
        return Ok(());
    }
    let replaced = replaced!(candidate, SequencerSynchronizerState);
    let is_new =
        |sequencer: &&SequencerId| replaced.is_none_or(|replaced| replaced.all().all(|known| known != *sequencer));
    keys::all_have_keys(candidate, state.all().filter(is_new).map(SequencerId::member))
}
