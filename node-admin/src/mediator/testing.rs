//! What the tests of the services have in common.

use synod_proto::admin::sequencer::v30::sequencer_connection::{Grpc, Type};
use synod_proto::admin::sequencer::v30::{SequencerConnection, SequencerConnections, SubmissionRequestAmplification};
use synod_types::{CantonTimestamp, UniqueIdentifier};
use tonic::Status;

use crate::{NodeStage, StageReceiver};

pub(crate) const NAMESPACE: &str = "12201243db81c1b05c00f93cd62eca013f244d66de657ba735db00aba7dc17659c1c";

pub(crate) fn uid() -> UniqueIdentifier {
    UniqueIdentifier::parse(&format!("mediator1::{NAMESPACE}")).expect("an identifier")
}

/// A stage that does not change.
pub(crate) fn stage(stage: NodeStage) -> StageReceiver {
    StageReceiver::new(stage).1
}

pub(crate) fn running() -> StageReceiver {
    stage(NodeStage::Running { uid: uid() })
}

/// All stages in which a mediator does not run.
pub(crate) fn stages_before_running() -> [NodeStage; 3] {
    [NodeStage::NoIdentity, NodeStage::NoTopology { uid: uid() }, NodeStage::NoSynchronizer { uid: uid() }]
}

pub(crate) fn time(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("in range")
}

pub(crate) fn connection(alias: &str, urls: &[&str]) -> SequencerConnection {
    let connections = urls.iter().map(|url| (*url).to_owned()).collect();
    let grpc = Grpc { connections, transport_security: false, custom_trust_certificates: None };
    SequencerConnection { alias: alias.to_owned(), sequencer_id: None, r#type: Some(Type::Grpc(grpc)) }
}

/// Two connections, without delays.
pub(crate) fn connections() -> SequencerConnections {
    let patience = Some(prost_types::Duration::default());
    SequencerConnections {
        sequencer_connections: vec![
            connection("sequencer1", &["http://127.0.0.1:7511"]),
            connection("sequencer2", &["http://sequencer2.example"]),
        ],
        sequencer_trust_threshold: 1,
        submission_request_amplification: Some(SubmissionRequestAmplification {
            factor: 1,
            patience,
            ..SubmissionRequestAmplification::default()
        }),
        sequencer_liveness_margin: 0,
        sequencer_connection_pool_delays: None,
    }
}

/// The `reason` in the details of a status with a code.
pub(crate) fn reason(status: &Status) -> String {
    use prost::Message;
    let details = synod_proto::google::rpc::Status::decode(status.details()).expect("a status").details;
    let info = synod_proto::google::rpc::ErrorInfo::decode(details[0].value.as_slice()).expect("an error");
    info.metadata.into_iter().find(|entry| entry.key == "reason").expect("a reason").value
}
