//! Registered members (ch. 03 §6.4).

use imbl::{OrdMap, Vector};
use synod_types::{CantonTimestamp, Member, MemberIndex};

use crate::{Fault, Registration};

/// The members that can send and be addressed, by name and by index. Nobody is ever removed. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Members {
    by_index: Vector<Registration>,
    by_member: OrdMap<Member, MemberIndex>,
}

impl Members {
    /// The registration of a member.
    #[must_use]
    pub fn get(&self, member: &Member) -> Option<&Registration> {
        self.by_member.get(member).and_then(|index| self.at(*index))
    }

    /// The registration with this index.
    #[must_use]
    pub fn at(&self, index: MemberIndex) -> Option<&Registration> {
        self.by_index.get(usize::try_from(index.0).ok()?)
    }

    /// The index of a member that is registered at `time`: its registration begins at `time` or before.
    #[must_use]
    pub fn registered_at(&self, member: &Member, time: CantonTimestamp) -> Option<MemberIndex> {
        self.get(member).filter(|registration| registration.registered_from <= time).map(|found| found.index)
    }

    /// All registrations, by index.
    pub fn iter(&self) -> impl Iterator<Item = &Registration> {
        self.by_index.iter()
    }

    /// Number of registered members; the next index.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_index.len()
    }

    /// Whether nobody is registered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_index.is_empty()
    }

    /// Registers a member. The first registration wins: `None` when it has one.
    pub fn register(&mut self, member: Member, registered_from: CantonTimestamp) -> Option<Registration> {
        if self.by_member.contains_key(&member) {
            return None;
        }
        let index = MemberIndex(u32::try_from(self.by_index.len()).ok()?);
        let registration = Registration { member, index, registered_from };
        self.by_member.insert(registration.member.clone(), index);
        self.by_index.push_back(registration.clone());
        Some(registration)
    }

    pub(crate) fn restore(registrations: Vec<Registration>) -> Result<Self, Fault> {
        let mut members = Self::default();
        for registration in registrations {
            if members.register(registration.member.clone(), registration.registered_from) != Some(registration) {
                let reason = "the indices of the members have gaps, or a member is there twice".to_owned();
                return Err(Fault::Checkpoint { reason });
            }
        }
        Ok(members)
    }
}
