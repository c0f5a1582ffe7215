//! What an operator has to insist on (`TopologyManager.transactionIsNotDangerous`).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use synod_proto::topology::admin::v30::ForceFlag;
use synod_topology::mapping::UniqueKey;
use synod_topology::{DynamicSynchronizerParameters, Mapping, MappingCode, SignedTopologyTransaction, TopologyRows};
use synod_types::{Member, SynchronizerId, UniqueIdentifier};

use crate::errors::{AdminError, ErrorCode, malformed};

/// Checks that the operator asks to skip.
#[derive(Debug, Clone, Default)]
pub(crate) struct ForceFlags {
    flags: BTreeSet<i32>,
    all: bool,
}

impl ForceFlags {
    /// All of them: an import is never refused as dangerous.
    pub(crate) fn all() -> Self {
        Self { flags: BTreeSet::new(), all: true }
    }

    /// Reads the flags of a call.
    pub(crate) fn parse(numbers: &[i32]) -> Result<Self, AdminError> {
        let is_known = |number: &i32| ForceFlag::try_from(*number).is_ok_and(|flag| flag != ForceFlag::Unspecified);
        match numbers.iter().find(|number| !is_known(number)) {
            Some(number) => Err(malformed(format!("unknown force flag {number}"))),
            None => Ok(Self { flags: numbers.iter().copied().collect(), all: false }),
        }
    }

    pub(super) fn permits(&self, flag: ForceFlag) -> bool {
        self.all || self.flags.contains(&flag.into())
    }
}

/// Refuses what could break a node or a party, unless it is forced. `node`: who asks; `rows`: of the store that changes.
pub(super) fn check(
    transaction: &SignedTopologyTransaction,
    force: &ForceFlags,
    node: &UniqueIdentifier,
    rows: TopologyRows<'_>,
) -> Result<(), AdminError> {
    let mapping = transaction.transaction().mapping();
    match mapping {
        Mapping::OwnerToKeyMapping(keys) => is_own(keys.member(), mapping.code(), force, node),
        Mapping::VettedPackages(packages) => is_own(&packages.participant.member(), mapping.code(), force, node),
        Mapping::SynchronizerParametersState(state) => {
            tolerance_does_not_grow(&state.synchronizer, &state.parameters, force, rows)?;
            timeouts_are_in_bounds(&state.parameters, force)
        }
        Mapping::PartyToKeyMapping(keys) => {
            signing_threshold(keys.signing_keys.threshold, keys.signing_keys.keys.len())
        }
        Mapping::PartyToParticipant(party) => {
            if let Some(keys) = &party.signing_keys {
                signing_threshold(keys.threshold, keys.keys.len())?;
            }
            confirming_threshold(party.threshold, party.participants.len(), force)
        }
        _ => Ok(()),
    }
}

fn is_own(member: &Member, code: MappingCode, force: &ForceFlags, node: &UniqueIdentifier) -> Result<(), AdminError> {
    if member.uid() == node || force.permits(ForceFlag::AlienMember) {
        return Ok(());
    }
    let cause = format!("Issuing {} for alien members requires ForceFlag.AlienMember", code.name());
    Err(AdminError::new(ErrorCode::TOPOLOGY_DANGEROUS_COMMAND_REQUIRES_FORCE_ALIEN_MEMBER, cause))
}

fn tolerance_does_not_grow(
    synchronizer: &SynchronizerId,
    parameters: &DynamicSynchronizerParameters,
    force: &ForceFlags,
    rows: TopologyRows<'_>,
) -> Result<(), AdminError> {
    let open = rows.open(&UniqueKey::synchronizer_parameters_state(synchronizer));
    let Some(open) = open else { return Ok(()) };
    let Mapping::SynchronizerParametersState(before) = open.transaction().mapping() else { return Ok(()) };
    let (old, new) =
        (before.parameters.preparation_time_record_time_tolerance, parameters.preparation_time_record_time_tolerance);
    if new <= old || force.permits(ForceFlag::PreparationTimeRecordTimeToleranceIncrease) {
        return Ok(());
    }
    let cause = format!(
        "The parameter preparationTimeRecordTimeTolerance can currently not be increased to {}s.",
        new.as_secs()
    );
    Err(AdminError::new(ErrorCode::TOPOLOGY_INCREASE_OF_PREPARATION_TIME_TOLERANCE, cause))
}

/// Both timeouts are between these (`confirmationResponseTimeoutBounds`, `mediatorReactionTimeoutBounds`).
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);

fn timeouts_are_in_bounds(parameters: &DynamicSynchronizerParameters, force: &ForceFlags) -> Result<(), AdminError> {
    let timeouts = [
        ("confirmation response timeout", parameters.confirmation_response_timeout),
        ("mediator reaction timeout", parameters.mediator_reaction_timeout),
    ];
    let outside = timeouts.iter().find(|(_, timeout)| !TIMEOUTS.contains(timeout));
    let Some((name, found)) = outside.filter(|_| !force.permits(ForceFlag::AllowOutOfBoundsValue)) else {
        return Ok(());
    };
    let (min, max) = (TIMEOUTS.start().as_secs(), TIMEOUTS.end().as_secs());
    let cause = format!("Parameter `{name}` needs to be between {min}s and {max}s; found: {}s", found.as_secs_f64());
    Err(AdminError::new(ErrorCode::TOPOLOGY_VALUE_OUT_OF_BOUNDS, cause))
}

fn signing_threshold(threshold: u32, keys: usize) -> Result<(), AdminError> {
    if usize::try_from(threshold).is_ok_and(|threshold| threshold <= keys) {
        return Ok(());
    }
    let cause = format!("Tried to set a signing threshold ({threshold}) above the number of signing keys ({keys}).");
    Err(AdminError::new(ErrorCode::TOPOLOGY_SIGNING_THRESHOLD_CANNOT_BE_REACHED, cause))
}

fn confirming_threshold(threshold: u32, nodes: usize, force: &ForceFlags) -> Result<(), AdminError> {
    let is_met = nodes == 0 || usize::try_from(threshold).is_ok_and(|threshold| threshold <= nodes);
    if is_met || force.permits(ForceFlag::AllowConfirmingThresholdCannotBeMet) {
        return Ok(());
    }
    let cause =
        format!("Tried to set a confirming threshold ({threshold}) above the number of hosting nodes ({nodes}).");
    Err(AdminError::new(ErrorCode::TOPOLOGY_CONFIRMING_THRESHOLD_CANNOT_BE_REACHED, cause))
}
