//! Checks of the successor of the synchronizer.

use super::super::candidate::Candidate;
use super::mapping_of;
use crate::mapping::{LsuAnnouncement, UniqueKey};
use crate::{Mapping, TopologyRejection};

/// The announcement that the candidate follows, also a removed one.
fn announced<'a>(candidate: &Candidate<'a>) -> Option<(&'a LsuAnnouncement, u32)> {
    let open = candidate.in_store?;
    match open.mapping.as_ref() {
        Mapping::LsuAnnouncement(announcement) => Some((announcement, open.row.serial)),
        _ => None,
    }
}

/// Row 21, first half.
pub(super) fn is_greater(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let announcement = mapping_of!(candidate, LsuAnnouncement);
    let Some((before, serial)) = announced(candidate) else { return Ok(()) };
    let is_unchanged = before == announcement && serial == candidate.transaction.transaction().serial();
    if announcement.successor > before.successor || is_unchanged {
        return Ok(());
    }
    let (successor, announced) = (announcement.successor.clone(), before.successor.clone());
    Err(TopologyRejection::InvalidSynchronizerSuccessor { successor, announced })
}

/// Row 21, second half.
pub(super) fn takes_over_later(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let announcement = mapping_of!(candidate, LsuAnnouncement);
    if announcement.upgrade_time > candidate.effective {
        return Ok(());
    }
    Err(TopologyRejection::InvalidUpgradeTime {
        synchronizer: announcement.successor.logical().clone(),
        effective: candidate.effective,
        upgrade_time: announcement.upgrade_time,
    })
}

/// Row 22: by an announcement that is in force before the candidate becomes effective.
pub(super) fn is_announced(candidate: &Candidate<'_>) -> Result<(), TopologyRejection> {
    let connection = mapping_of!(candidate, LsuSequencerConnectionSuccessor);
    let key = UniqueKey::lsu_announcement(connection.successor.logical());
    let row = candidate.head.lanes.get(&key).and_then(|lane| lane.at(candidate.effective));
    let Some(Mapping::LsuAnnouncement(announcement)) = row.and_then(|(row, _)| row.kept_mapping()) else {
        return Err(TopologyRejection::NoLsuAnnounced);
    };
    if announcement.successor == connection.successor {
        return Ok(());
    }
    Err(TopologyRejection::LsuSequencerSuccessorInvalidSuccessorPsid {
        sequencer: connection.sequencer.clone(),
        successor: connection.successor.clone(),
        announced: announcement.successor.clone(),
    })
}
