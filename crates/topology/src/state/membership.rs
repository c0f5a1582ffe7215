//! Who is a member at a time, and since when (ch. 02 §4.5).

use imbl::{OrdMap, OrdSet};
use synod_types::{CantonTimestamp, Member};

/// When a member became known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstKnown {
    /// Serial of the mapping that named it first.
    pub serial: u32,
    /// When that mapping was sequenced.
    pub sequenced: CantonTimestamp,
    /// When it became effective.
    pub effective: CantonTimestamp,
}

/// The members over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Membership {
    /// The members from a time on, exclusive.
    versions: OrdMap<CantonTimestamp, OrdSet<Member>>,
    /// First mapping of each member that ever was: lowest serial, then earliest.
    first_known: OrdMap<Member, FirstKnown>,
}

impl Membership {
    /// The members at `at`.
    pub(crate) fn at(&self, at: CantonTimestamp) -> OrdSet<Member> {
        self.versions.range(..at).next_back().map(|(_, members)| members.clone()).unwrap_or_default()
    }

    /// The members after everything that is known.
    pub(crate) fn latest(&self) -> OrdSet<Member> {
        self.versions.get_max().map(|(_, members)| members.clone()).unwrap_or_default()
    }

    /// Sets the members from `effective` on.
    pub(crate) fn set(&mut self, effective: CantonTimestamp, members: OrdSet<Member>) {
        self.versions.insert(effective, members);
    }

    /// Remembers that a mapping names a member.
    pub(crate) fn see(&mut self, member: &Member, seen: FirstKnown) {
        let is_first = self
            .first_known
            .get(member)
            .is_none_or(|known| (seen.serial, seen.effective) < (known.serial, known.effective));
        if is_first {
            self.first_known.insert(member.clone(), seen);
        }
    }

    pub(crate) fn first_known(&self, member: &Member) -> Option<FirstKnown> {
        self.first_known.get(member).copied()
    }

    /// Whether [`Self::prune`] would forget something.
    pub(crate) fn can_prune(&self, before: CantonTimestamp) -> bool {
        self.versions.range(..before).nth(1).is_some()
    }

    /// Forgets versions that are not in force at `before` or later.
    pub(crate) fn prune(&mut self, before: CantonTimestamp) {
        let Some((keep, _)) = self.versions.range(..before).next_back() else { return };
        let keep = *keep;
        while self.versions.get_min().is_some_and(|(from, _)| *from < keep) {
            self.versions = self.versions.without_min().1;
        }
    }
}
