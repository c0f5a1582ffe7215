//! Group recipients (ch. 02 §3.3, `GroupAddressResolver`).

use std::collections::BTreeSet;

use synod_topology::Snapshot;
use synod_types::{Member, Recipient};

/// Everybody in a mediator group or in the group of all sequencers: active and passive members. `None` when there is no such group,
/// or when the recipient is none.
pub(crate) fn members_of(snapshot: &Snapshot, recipient: &Recipient) -> Option<BTreeSet<Member>> {
    match recipient {
        Recipient::MediatorGroup(index) => {
            let group = snapshot.mediator_group(*index)?;
            Some(group.active.iter().chain(&group.passive).map(|mediator| mediator.member()).collect())
        }
        Recipient::SequencersOfSynchronizer => {
            let group = snapshot.sequencer_group()?;
            Some(group.active.iter().chain(&group.passive).map(|sequencer| sequencer.member()).collect())
        }
        Recipient::Member(_) | Recipient::AllMembersOfSynchronizer => None,
    }
}
