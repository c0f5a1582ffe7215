//! The rows of one unique key.

use std::sync::Arc;

use imbl::{OrdMap, Vector};
use synod_crypto::Hash;
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
    /// Open proposals by the hash of their transaction. Anybody can add some.
    proposals: OrdMap<Hash, Arc<StoredRow>>,
    /// Rows that ended, and when, in the order in which they did.
    closed: Vector<(Arc<StoredRow>, CantonTimestamp)>,
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

    /// The open proposal of this transaction.
    pub(crate) fn proposal(&self, transaction: &Hash) -> Option<&Arc<StoredRow>> {
        match self {
            Self::Single(_) => None,
            Self::Full(lane) => lane.proposals.get(transaction),
        }
    }

    /// All open proposals, by the hash of their transaction.
    pub(crate) fn proposals(&self) -> impl Iterator<Item = &Arc<StoredRow>> {
        match self {
            Self::Single(_) => None,
            Self::Full(lane) => Some(lane.proposals.values()),
        }
        .into_iter()
        .flatten()
    }

    fn closed(&self) -> impl DoubleEndedIterator<Item = &(Arc<StoredRow>, CantonTimestamp)> {
        match self {
            Self::Single(_) => None,
            Self::Full(lane) => Some(&lane.closed),
        }
        .into_iter()
        .flatten()
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
        let reaching = self.closed().rev().take_while(|(_, until)| at <= *until);
        let mut covering = reaching.filter(|(row, _)| row.valid_from < at);
        covering.next().map(|(row, until)| (row, Some(*until)))
    }

    /// All rows that became effective at `until` or before, and their ends, in order. Proposals are not among them.
    pub(crate) fn history(
        &self,
        until: CantonTimestamp,
    ) -> impl Iterator<Item = (&Arc<StoredRow>, Option<CantonTimestamp>)> {
        let closed = self.closed().map(|(row, end)| (row, Some(*end)));
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
    /// Returns what was closed, by ascending id.
    pub(crate) fn replace(&mut self, row: Arc<StoredRow>, now: CantonTimestamp) -> Vec<Arc<StoredRow>> {
        self.modify(|lane| {
            let is_over = |proposal: &&Arc<StoredRow>| proposal.serial <= row.serial;
            let mut ended: Vec<_> = lane.proposals.values().filter(is_over).cloned().collect();
            for proposal in &ended {
                lane.proposals.remove(&proposal.tx_hash);
            }
            if let Some(replaced) = lane.open.replace(row) {
                lane.closed.push_back((replaced.clone(), now));
                ended.push(replaced);
            }
            ended.sort_by_key(|row| row.id);
            ended
        })
    }

    /// Opens the proposal `row`, and closes the one of the same transaction, which it returns.
    pub(crate) fn propose(&mut self, row: Arc<StoredRow>) -> Option<Arc<StoredRow>> {
        self.modify(|lane| lane.proposals.insert(row.tx_hash, row))
    }

    /// Forgets rows that ended before `before`.
    pub(crate) fn prune(&mut self, before: CantonTimestamp) {
        self.modify(|lane| {
            while lane.closed.front().is_some_and(|(_, until)| *until < before) {
                lane.closed.pop_front();
            }
        });
    }
}
