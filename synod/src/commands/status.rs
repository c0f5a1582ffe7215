//! `synod status`: how the nodes of a synchronizer are.

use std::fmt;
use std::process::ExitCode;

use serde::Serialize;
use synod_proto::admin::health::v30::component_status::Status as ComponentState;
use synod_proto::admin::health::v30::not_initialized::WaitingForExternalInput;
use synod_proto::admin::health::v30::{NotInitialized, Status as CommonStatus};
use synod_proto::admin::mediator::v30::mediator_status_response::Kind as MediatorKind;
use synod_proto::admin::sequencer::v30::sequencer_status_response::Kind as SequencerKind;
use synod_runtime::Chain;
use synod_types::ProtocolVersion;

use super::{CommandResult, block_on};
use crate::admin_client::{AdminAccess, AdminCallError, NodeAdmin};
use crate::bootstrap::SynchronizerDescription;
use crate::cli::DescriptionArgs;

/// How one node is.
#[derive(Debug, Serialize)]
struct NodeReport {
    name: String,
    kind: &'static str,
    admin: String,
    #[serde(flatten)]
    state: NodeState,
}

#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum NodeState {
    Running(RunningNode),
    /// It waits for something that an operator has to do.
    Waiting {
        waits_for: &'static str,
    },
    Unreachable {
        reason: String,
    },
}

#[derive(Debug, Serialize)]
struct RunningNode {
    id: String,
    synchronizer_id: String,
    active: bool,
    uptime_s: i64,
    /// Participants with an open subscription; of sequencers alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_participants: Option<usize>,
    /// Parts of the node with what is wrong with them.
    problems: Vec<String>,
}

impl NodeState {
    fn is_fit(&self) -> bool {
        matches!(self, Self::Running(node) if node.active && node.problems.is_empty())
    }
}

impl fmt::Display for NodeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<12} {:<10} ", self.name, self.kind)?;
        match &self.state {
            NodeState::Running(node) => {
                let activity = if node.active { "active" } else { "passive" };
                write!(f, "{activity}, up {} s, {} of {}", node.uptime_s, node.id, node.synchronizer_id)?;
                if let Some(connected) = node.connected_participants {
                    write!(f, ", {connected} participants connected")?;
                }
                node.problems.iter().try_for_each(|problem| write!(f, "\n    {problem}"))
            }
            NodeState::Waiting { waits_for } => write!(f, "waits for {waits_for}"),
            NodeState::Unreachable { reason } => write!(f, "{reason}"),
        }
    }
}

pub(super) fn run(arguments: &DescriptionArgs) -> CommandResult {
    let description = SynchronizerDescription::load(&arguments.config, &arguments.access)?;
    block_on(async {
        let reports = reports(&description).await;
        let is_fit = reports.iter().all(|report| report.state.is_fit());
        if arguments.json {
            println!("{}", serde_json::json!({ "ok": is_fit, "nodes": reports }));
        } else {
            reports.iter().for_each(|report| println!("{report}"));
        }
        Ok(if is_fit { ExitCode::SUCCESS } else { ExitCode::from(synod_runtime::exit::NEGATIVE) })
    })
}

async fn reports(description: &SynchronizerDescription) -> Vec<NodeReport> {
    let unreachable = |error: AdminCallError| NodeState::Unreachable { reason: Chain(&error).to_string() };
    let mut reports = Vec::new();
    for entry in &description.sequencers {
        let state = sequencer(&entry.name, &entry.admin, &entry.access).await.unwrap_or_else(unreachable);
        let (name, admin) = (entry.name.clone(), entry.admin.clone());
        reports.push(NodeReport { name, kind: "sequencer", admin, state });
    }
    for entry in &description.mediators {
        let state = mediator(&entry.name, &entry.admin, &entry.access).await.unwrap_or_else(unreachable);
        let (name, admin) = (entry.name.clone(), entry.admin.clone());
        reports.push(NodeReport { name, kind: "mediator", admin, state });
    }
    reports
}

async fn sequencer(name: &str, url: &str, access: &AdminAccess) -> Result<NodeState, AdminCallError> {
    let node = NodeAdmin::connect(name, url, access, ProtocolVersion::V35).await?;
    Ok(match node.sequencer_status().await? {
        Some(SequencerKind::Status(status)) => {
            let connected = Some(status.connected_participants.len());
            running(status.common_status.unwrap_or_default(), status.physical_synchronizer_id, connected)
        }
        Some(SequencerKind::NotInitialized(waiting)) => waits(&waiting),
        None => waits(&NotInitialized::default()),
    })
}

async fn mediator(name: &str, url: &str, access: &AdminAccess) -> Result<NodeState, AdminCallError> {
    let node = NodeAdmin::connect(name, url, access, ProtocolVersion::V35).await?;
    Ok(match node.mediator_status().await? {
        Some(MediatorKind::Status(status)) => {
            running(status.common_status.unwrap_or_default(), status.physical_synchronizer_id, None)
        }
        Some(MediatorKind::NotInitialized(waiting)) => waits(&waiting),
        None => waits(&NotInitialized::default()),
    })
}

fn running(status: CommonStatus, synchronizer_id: String, connected_participants: Option<usize>) -> NodeState {
    let problems = status.components.into_iter().filter_map(|component| match component.status {
        Some(ComponentState::Ok(_)) => None,
        Some(ComponentState::Degraded(data) | ComponentState::Failed(data) | ComponentState::Fatal(data)) => {
            Some(format!("{}: {}", component.name, data.description.unwrap_or_default()))
        }
        None => Some(format!("{}: unknown", component.name)),
    });
    NodeState::Running(RunningNode {
        id: status.uid,
        synchronizer_id,
        active: status.active,
        uptime_s: status.uptime.map(|uptime| uptime.seconds).unwrap_or_default(),
        connected_participants,
        problems: problems.collect(),
    })
}

fn waits(waiting: &NotInitialized) -> NodeState {
    let waits_for = match waiting.waiting_for_external_input() {
        WaitingForExternalInput::Id => "its identity",
        WaitingForExternalInput::NodeTopology => "its keys",
        WaitingForExternalInput::Initialization => "a synchronizer (`synod bootstrap`)",
        WaitingForExternalInput::Unspecified => "something unknown",
    };
    NodeState::Waiting { waits_for }
}
