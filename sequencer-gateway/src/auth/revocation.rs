//! Members that lose their access are logged out at once (ch. 02 §4.5, `MemberAuthenticationServiceImpl.observed`).

use std::collections::BTreeSet;
use std::sync::Arc;

use synod_pipeline::Head;
use synod_store::StoreFault;
use synod_topology::mapping::Mapping;
use synod_topology::{Operation, TopologyRow};
use synod_types::{CantonTimestamp, Member, MemberKind};

use super::is_active;
use crate::core::Core;

/// Rows that are read from the store at a time.
const PAGE_ROWS: usize = 500;

/// Follows the topology and logs out whom it deactivates.
#[derive(Debug)]
pub(crate) struct Revocation {
    core: Arc<Core>,
    /// All rows with a lower id were looked at.
    next_row: u64,
}

impl Revocation {
    /// Begins with what is not in the head yet: tokens that exist now do not.
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let next_row = core.head().state.topology().next_row_id();
        Self { core, next_row }
    }

    /// Follows the heads until the gateway stops, or the node does.
    ///
    /// # Errors
    /// [`StoreFault`] when the topology cannot be read.
    pub(crate) async fn run(mut self) -> Result<(), StoreFault> {
        let mut heads = self.core.head.clone();
        let stopping = self.core.stopping.clone();
        loop {
            let next_row = self.next_row;
            let changed = heads.wait_until(|head| head.state.topology().next_row_id() > next_row);
            let head = tokio::select! {
                () = stopping.cancelled() => return Ok(()),
                head = changed => head,
            };
            let Some(head) = head else { return Ok(()) };
            self.look_at(&head).await?;
        }
    }

    async fn look_at(&mut self, head: &Head) -> Result<(), StoreFault> {
        let end = head.state.topology().next_row_id();
        let mut leavers = BTreeSet::new();
        while self.next_row < end {
            let after = self.next_row.checked_sub(1);
            let store = &self.core.store;
            let page = || store.topology_page(after, CantonTimestamp::MAX, PAGE_ROWS);
            let rows = store.while_unreachable(page).await?;
            let Some(last) = rows.last() else { break };
            self.next_row = last.id + 1;
            rows.iter().for_each(|row| self.leavers(row, &mut leavers));
        }
        for member in leavers {
            // Another group, or a later transaction, may let it stay.
            if !is_active(head, &member) {
                tracing::info!(%member, "the topology deactivated the member");
                self.core.metrics.revocations.inc();
                self.core.sessions.revoke(&member);
            }
        }
        Ok(())
    }

    /// Whom a row may deactivate: of groups, those with tokens that it does not list.
    fn leavers(&self, row: &TopologyRow, leavers: &mut BTreeSet<Member>) {
        if row.is_proposal || row.rejection.is_some() {
            return;
        }
        // A row that the machine accepted parses; one that does not deactivates nobody.
        let Ok(signed) = row.transaction() else { return };
        let is_removed = row.operation == Operation::Remove;
        match signed.transaction().mapping() {
            Mapping::SynchronizerTrustCertificate(certificate) if is_removed => {
                leavers.insert(certificate.participant.member());
            }
            Mapping::ParticipantSynchronizerPermission(permission) => {
                let is_locked_out = permission.login_after.is_some_and(|after| after > row.valid_from);
                if is_removed || is_locked_out {
                    leavers.insert(permission.participant.member());
                }
            }
            Mapping::SequencerSynchronizerState(group) => {
                let listed = group.all().map(|sequencer| sequencer.member()).filter(|_| !is_removed).collect();
                self.unlisted(MemberKind::Sequencer, &listed, leavers);
            }
            Mapping::MediatorSynchronizerState(group) => {
                let listed = group.all().map(|mediator| mediator.member()).filter(|_| !is_removed).collect();
                self.unlisted(MemberKind::Mediator, &listed, leavers);
            }
            _ => {}
        }
    }

    fn unlisted(&self, kind: MemberKind, listed: &BTreeSet<Member>, leavers: &mut BTreeSet<Member>) {
        let members = self.core.sessions.tokens.members();
        leavers.extend(members.into_iter().filter(|member| member.kind() == kind && !listed.contains(member)));
    }
}
