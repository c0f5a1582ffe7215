//! The topology that a new member starts with (ch. 02 §6.1, `TopologyStateForInitializationService`).

use synod_crypto::{Hash, TopologyStateHash};
use synod_types::{CantonTimestamp, Member, MemberKind};
use thiserror::Error;

use crate::{TopologyRow, TopologyState};

/// A member for which there is no initial state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoInitialState {
    /// Sequencers start from the state of another sequencer (`INVALID_ARGUMENT`).
    #[error("Downloading the initial topology snapshot for sequencers is not supported.")]
    Sequencer,
    /// The member never was on the synchronizer (`FAILED_PRECONDITION`).
    #[error("No onboarding transaction found for {member}")]
    NotOnboarded {
        /// The member.
        member: Member,
    },
}

/// The time up to which a member does not receive transactions by itself: when the first mapping that names it became
/// effective, or `lower_bound` (where a synchronizer follows another one) if that is later. The initial state are all rows
/// that were sequenced up to it, inclusive.
///
/// # Errors
/// [`NoInitialState`].
pub fn reference_time(
    state: &TopologyState,
    member: &Member,
    lower_bound: Option<CantonTimestamp>,
) -> Result<CantonTimestamp, NoInitialState> {
    if member.kind() == MemberKind::Sequencer {
        return Err(NoInitialState::Sequencer);
    }
    let known = state.first_known(member).ok_or_else(|| NoInitialState::NotOnboarded { member: member.clone() })?;
    Ok(lower_bound.map_or(known.effective, |bound| bound.max(known.effective)))
}

/// The row as it was when the latest of the rows with it became effective, at `max_valid_from`: ends after that were not
/// known then.
#[must_use]
pub fn as_of(mut row: TopologyRow, max_valid_from: CantonTimestamp) -> TopologyRow {
    row.valid_until = row.valid_until.filter(|until| *until <= max_valid_from);
    row
}

/// The initial state of [`reference_time`] `reference`, out of all rows by ascending id: proposals, rejected and ended rows
/// too, in the same order.
#[must_use]
pub fn select(rows: impl IntoIterator<Item = TopologyRow>, reference: CantonTimestamp) -> Vec<TopologyRow> {
    let rows: Vec<TopologyRow> = rows.into_iter().filter(|row| row.sequenced <= reference).collect();
    match rows.iter().map(|row| row.valid_from).max() {
        Some(max_valid_from) => rows.into_iter().map(|row| as_of(row, max_valid_from)).collect(),
        None => rows,
    }
}

/// The hash by which members compare the initial states of several sequencers. Only the transactions count, not their
/// signatures and times.
#[must_use]
pub fn hash<'a>(rows: impl IntoIterator<Item = &'a TopologyRow>) -> Hash {
    let start = TopologyStateHash::new();
    rows.into_iter().fold(start, |hash, row| hash.add_transaction(&row.tx_hash)).finish()
}
