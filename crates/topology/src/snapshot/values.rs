//! Parameters and the successor.

use bytes::Bytes;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};

use super::Snapshot;
use crate::mapping::UniqueKey;
use crate::state::StoredRow;
use crate::{DynamicSynchronizerParameters, Mapping, Operation};

/// A value, and when it is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validity<T> {
    /// The value.
    pub value: T,
    /// From when on, exclusive.
    pub valid_from: CantonTimestamp,
    /// Until when, inclusive; `None` as long as the end is not in force itself.
    pub valid_until: Option<CantonTimestamp>,
}

/// A successor that is announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedLsu {
    /// The successor.
    pub successor: PhysicalSynchronizerId,
    /// When it takes over.
    pub upgrade_time: CantonTimestamp,
    /// When the announcement became effective.
    pub effective: CantonTimestamp,
}

impl Snapshot {
    /// The dynamic parameters; `None` before there are any.
    #[must_use]
    pub fn parameters(&self) -> Option<&DynamicSynchronizerParameters> {
        let (row, _) = self.row(&UniqueKey::synchronizer_parameters_state(self.head.synchronizer()))?;
        parameters_of(row)
    }

    /// The dynamic parameters, and since when they are in force.
    #[must_use]
    pub fn parameters_with_validity(&self) -> Option<Validity<&DynamicSynchronizerParameters>> {
        let (row, _) = self.row(&UniqueKey::synchronizer_parameters_state(self.head.synchronizer()))?;
        Some(Validity { value: parameters_of(row)?, valid_from: row.valid_from, valid_until: None })
    }

    /// All dynamic parameters that became effective at the time of the snapshot or before, in order, as far as the history
    /// is kept. Ends that only the latest change after them causes are not known yet.
    #[must_use]
    pub fn parameter_changes(&self) -> Vec<Validity<&DynamicSynchronizerParameters>> {
        let key = UniqueKey::synchronizer_parameters_state(self.head.synchronizer());
        let Some(lane) = self.head.lanes.get(&key) else { return Vec::new() };
        let rows: Vec<_> = lane.history(self.at).filter(|(row, _)| row.operation == Operation::Replace).collect();
        let latest = rows.iter().map(|(row, _)| row.valid_from).max();
        let known = |until: &CantonTimestamp| latest.is_some_and(|latest| *until <= latest);
        rows.into_iter()
            .filter_map(|(row, until)| {
                let value = parameters_of(row)?;
                Some(Validity { value, valid_from: row.valid_from, valid_until: until.filter(known) })
            })
            .collect()
    }

    /// The parameters of the ordering layer; the value `None` stands for its defaults. `None` when they were never set.
    #[must_use]
    pub fn sequencing_parameters(&self) -> Option<Validity<Option<&Bytes>>> {
        let (row, _) = self.row(&UniqueKey::sequencing_parameters_state(self.head.synchronizer()))?;
        match row.kept_mapping()? {
            Mapping::SequencingParametersState(state) => {
                Some(Validity { value: state.payload.as_ref(), valid_from: row.valid_from, valid_until: None })
            }
            _ => None,
        }
    }

    /// The successor of this synchronizer. Announcements of itself or of a synchronizer before it do not count.
    #[must_use]
    pub fn announced_lsu(&self) -> Option<AnnouncedLsu> {
        let (row, _) = self.row(&UniqueKey::lsu_announcement(self.head.synchronizer()))?;
        match row.kept_mapping()? {
            Mapping::LsuAnnouncement(announcement) if announcement.successor > self.head.psid => Some(AnnouncedLsu {
                successor: announcement.successor.clone(),
                upgrade_time: announcement.upgrade_time,
                effective: row.valid_from,
            }),
            _ => None,
        }
    }
}

fn parameters_of(row: &StoredRow) -> Option<&DynamicSynchronizerParameters> {
    match row.kept_mapping()? {
        Mapping::SynchronizerParametersState(state) => Some(&state.parameters),
        _ => None,
    }
}
