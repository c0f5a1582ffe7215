//! The status of a running sequencer.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use synod_node_admin::sequencer::{SequencerStatusSource, SequencerStatusView};
use synod_node_admin::{StageReceiver, SynchronizerTopology, SynchronizerView, TopologyOutbox, TopologyQueues};
use synod_pipeline::HeadReceiver;
use synod_proto::admin::health::v30::TopologyQueueStatus;
use synod_runtime::Health;
use synod_runtime::health::{ComponentState, HealthReport};
use synod_sequencer_gateway::GatewayHandle;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};

/// What runs once the node is part of a synchronizer.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) psid: PhysicalSynchronizerId,
    pub(crate) head: HeadReceiver,
    pub(crate) gateway: GatewayHandle,
    /// The chain that the blocks are of; none when the sequencer orders by itself.
    pub(crate) chain: Option<String>,
}

impl Running {
    /// 1 while a topology change is ordered but not in force, else 0.
    fn pending_topology(&self) -> u32 {
        u32::from(self.head.current().state.pending_topology_effective().is_some())
    }
}

/// The status of one sequencer node.
#[derive(Debug)]
pub(crate) struct NodeStatus {
    pub(crate) stage: StageReceiver,
    pub(crate) public_port: u16,
    pub(crate) admin_port: u16,
    pub(crate) started: Instant,
    pub(crate) health: Health,
    pub(crate) outbox: TopologyOutbox,
    pub(crate) running: OnceLock<Arc<Running>>,
}

/// The parts of a node, each with what is wrong with it.
pub(super) fn problems(report: &HealthReport) -> Vec<(String, Option<String>)> {
    let components = report.components();
    components.map(|(name, component)| (name.to_owned(), problem(&component.state))).collect()
}

fn problem(state: &ComponentState) -> Option<String> {
    match state {
        ComponentState::Ok => None,
        ComponentState::Degraded(why) | ComponentState::Failed(why) | ComponentState::Fatal(why) => Some(why.clone()),
    }
}

/// What a node still has to do with topology. `pending`: changes that are ordered and not in force.
pub(super) fn topology_queues(outbox: &TopologyOutbox, pending: u32) -> TopologyQueueStatus {
    let TopologyQueues { manager, dispatcher } = outbox.queues();
    TopologyQueueStatus { manager, dispatcher, clients: pending }
}

impl SequencerStatusSource for NodeStatus {
    fn status(&self) -> Option<SequencerStatusView> {
        let running = self.running.get()?;
        let report = self.health.report();
        Some(SequencerStatusView {
            uid: self.stage.uid()?,
            psid: running.psid.clone(),
            uptime: self.started.elapsed(),
            public_port: self.public_port,
            admin_port: self.admin_port,
            connected: running.gateway.connected_members(),
            active: report.is_ready(),
            components: problems(&report),
            topology_queues: topology_queues(&self.outbox, running.pending_topology()),
        })
    }
}

impl SynchronizerTopology for NodeStatus {
    fn current(&self) -> Option<SynchronizerView> {
        let head = self.running.get()?.head.current();
        let topology = head.state.topology().clone();
        // As a member sees it: what is effective by the last event, or since the beginning.
        let first = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.immediate_successor();
        let last = head.state.last_time();
        let sequenced_up_to = last.max(CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME);
        Some(SynchronizerView { topology, as_of: first.max(last.immediate_successor()), sequenced_up_to })
    }
}
