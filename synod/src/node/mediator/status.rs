//! The status of a mediator node.

use std::sync::OnceLock;
use std::time::Instant;

use synod_client::SequencerPool;
use synod_mediator::node::HeadReceiver;
use synod_node_admin::mediator::{MediatorStatusSource, MediatorStatusView};
use synod_node_admin::{StageReceiver, SynchronizerTopology, SynchronizerView, TopologyOutbox};
use synod_runtime::Health;
use synod_runtime::health::ComponentState;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};
use tokio::sync::watch;

use crate::node::status::{problems, topology_queues};

/// What runs once the node is part of a synchronizer.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) psid: PhysicalSynchronizerId,
    pub(super) head: HeadReceiver,
    /// The clean time alone.
    pub(super) clean: watch::Receiver<Option<CantonTimestamp>>,
    pub(super) pool: SequencerPool,
}

/// The status of one mediator node.
#[derive(Debug)]
pub(super) struct MediatorStatus {
    pub(super) stage: StageReceiver,
    pub(super) admin_port: u16,
    pub(super) started: Instant,
    pub(super) health: Health,
    pub(super) outbox: TopologyOutbox,
    pub(super) running: OnceLock<Running>,
}

impl Running {
    /// 1 while a topology change is sequenced but not in force, else 0.
    fn pending_topology(&self) -> u32 {
        let head = self.head.borrow();
        let last = head.processed.unwrap_or(CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME);
        u32::from(head.topology.latest_change().is_some_and(|effective| effective > last))
    }
}

impl MediatorStatusSource for MediatorStatus {
    fn status(&self) -> Option<MediatorStatusView> {
        let running = self.running.get()?;
        let report = self.health.report();
        Some(MediatorStatusView {
            uid: self.stage.uid()?,
            psid: running.psid.clone(),
            uptime: self.started.elapsed(),
            admin_port: self.admin_port,
            // As in Canton: whether the database is there, and this process its writer.
            active: report.component("db-storage").is_some_and(ComponentState::is_working),
            components: problems(&report),
            topology_queues: topology_queues(&self.outbox, running.pending_topology()),
        })
    }
}

impl SynchronizerTopology for MediatorStatus {
    fn current(&self) -> Option<SynchronizerView> {
        let head = self.running.get()?.head.borrow().clone();
        // As a member sees it: what is effective by the last event, or since the beginning.
        let first = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.immediate_successor();
        let last = head.processed.unwrap_or(first);
        let sequenced_up_to = last.max(CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME);
        let as_of = first.max(last.immediate_successor());
        Some(SynchronizerView { topology: head.topology, as_of, sequenced_up_to })
    }
}
