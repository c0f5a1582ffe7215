//! Members that this node refuses, whatever the topology says (ch. 03 §7.2).

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use synod_types::MemberIndex;

/// The members that this node refuses.
#[derive(Debug, Default)]
pub(crate) struct DisabledMembers(RwLock<BTreeSet<MemberIndex>>);

impl DisabledMembers {
    pub(crate) fn new(members: impl IntoIterator<Item = MemberIndex>) -> Self {
        Self(RwLock::new(members.into_iter().collect()))
    }

    pub(crate) fn contains(&self, member: MemberIndex) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&member)
    }

    pub(crate) fn set(&self, member: MemberIndex, is_disabled: bool) {
        let mut members = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if is_disabled {
            members.insert(member)
        } else {
            members.remove(&member)
        };
    }
}
