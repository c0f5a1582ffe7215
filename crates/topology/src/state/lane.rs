//! The rows of one unique key.

use std::sync::Arc;

use synod_types::CantonTimestamp;

use super::stored::StoredRow;
use crate::Operation;

/// The accepted rows of one unique key. Most have a single row, so that this is kept small.
#[derive(Debug, Clone)]
pub(crate) enum Lane {
    /// One open row.
    Single(Arc<StoredRow>),
    /// Anything else.
    Full(Arc<FullLane>),
}

#[derive(Debug, Clone, Default)]
pub(crate) struct FullLane {
    open: Option<Arc<StoredRow>>,
    /// Open proposals, in the order of their insertion.
    proposals: Vec<Arc<StoredRow>>,
    /// Rows that ended, and when, in the order in which they did.
    closed: Vec<(Arc<StoredRow>, CantonTimestamp)>,
}

impl Lane {
    pub(crate) fn empty() -> Self {
        Self::Full(Arc::default())
    }

    /// The row that is not closed. Removals stay open too.
    pub(crate) fn open(&self) -> Option<&Arc<StoredRow>> {
        match self {
            Self::Single(row) => Some(row),
            Self::Full(lane) => lane.open.as_ref(),
        }
    }

    pub(crate) fn proposals(&self) -> &[Arc<StoredRow>] {
        match self {
            Self::Single(_) => &[],
            Self::Full(lane) => &lane.proposals,
        }
    }

    fn closed(&self) -> &[(Arc<StoredRow>, CantonTimestamp)] {
        match self {
            Self::Single(_) => &[],
            Self::Full(lane) => &lane.closed,
        }
    }

    /// The row that is in force at `at`, and its end: `valid_from < at ≤ valid_until`. Removals are not in force.
    pub(crate) fn at(&self, at: CantonTimestamp) -> Option<(&Arc<StoredRow>, Option<CantonTimestamp>)> {
        let found = self.any_at(at)?;
        (found.0.operation == Operation::Replace).then_some(found)
    }

    fn any_at(&self, at: CantonTimestamp) -> Option<(&Arc<StoredRow>, Option<CantonTimestamp>)> {
        if let Some(open) = self.open().filter(|row| row.valid_from < at) {
            return Some((open, None));
        }
        let reaching = self.closed().iter().rev().take_while(|(_, until)| at <= *until);
        let mut covering = reaching.filter(|(row, _)| row.valid_from < at);
        covering.next().map(|(row, until)| (row, Some(*until)))
    }

    /// All rows that became effective at `until` or before, and their ends, in order. Proposals are not among them.
    pub(crate) fn history(
        &self,
        until: CantonTimestamp,
    ) -> impl Iterator<Item = (&Arc<StoredRow>, Option<CantonTimestamp>)> {
        let closed = self.closed().iter().map(|(row, end)| (row, Some(*end)));
        let all = closed.chain(self.open().map(|row| (row, None)));
        all.filter(move |(row, _)| row.valid_from <= until)
    }

    fn modify<T>(&mut self, change: impl FnOnce(&mut FullLane) -> T) -> T {
        let mut full = match std::mem::replace(self, Self::empty()) {
            Self::Single(row) => Arc::new(FullLane { open: Some(row), ..FullLane::default() }),
            Self::Full(full) => full,
        };
        let result = change(Arc::make_mut(&mut full));
        *self = Self::Full(full);
        self.simplify();
        result
    }

    fn simplify(&mut self) {
        if let Self::Full(full) = self
            && full.proposals.is_empty()
            && full.closed.is_empty()
            && let Some(open) = &full.open
        {
            *self = Self::Single(open.clone());
        }
    }

    /// Opens `row`, and closes at `now` what it replaces: the open row, and all proposals of its serial or lower ones.
    /// Returns what was closed.
    pub(crate) fn replace(&mut self, row: Arc<StoredRow>, now: CantonTimestamp) -> Vec<Arc<StoredRow>> {
        self.modify(|lane| {
            let (ended, kept) = lane.proposals.drain(..).partition(|proposal| proposal.serial <= row.serial);
            lane.proposals = kept;
            let replaced = lane.open.replace(row);
            if let Some(replaced) = &replaced {
                lane.closed.push((replaced.clone(), now));
            }
            replaced.into_iter().chain::<Vec<_>>(ended).collect()
        })
    }

    /// Opens the proposal `row`, and closes the one of the same transaction. Returns what was closed.
    pub(crate) fn propose(&mut self, row: Arc<StoredRow>) -> Vec<Arc<StoredRow>> {
        self.modify(|lane| {
            let (ended, kept) = lane.proposals.drain(..).partition(|proposal| proposal.tx_hash == row.tx_hash);
            lane.proposals = kept;
            lane.proposals.push(row);
            ended
        })
    }

    /// Forgets rows that ended before `before`.
    pub(crate) fn prune(&mut self, before: CantonTimestamp) {
        self.modify(|lane| lane.closed.retain(|(_, until)| *until >= before));
    }
}
