use synod_proto::admin::health::v30::component_status;
use synod_proto::admin::health::v30::not_initialized::WaitingForExternalInput;
use tonic::Code;

use super::*;
use crate::mediator::testing::{NAMESPACE, running, stage, stages_before_running, uid};

#[derive(Debug)]
struct Fake(Option<MediatorStatusView>);

impl MediatorStatusSource for Fake {
    fn status(&self) -> Option<MediatorStatusView> {
        self.0.clone()
    }
}

async fn ask(stage: StageReceiver, view: Option<MediatorStatusView>) -> Result<Kind, Status> {
    let service = MediatorStatusAdmin::new(stage, Arc::new(Fake(view)));
    let answer = service.mediator_status(Request::new(MediatorStatusRequest {})).await?;
    Ok(answer.into_inner().kind.expect("it is always set"))
}

#[tokio::test]
async fn a_mediator_says_what_it_waits_for() {
    let expected =
        [WaitingForExternalInput::Id, WaitingForExternalInput::NodeTopology, WaitingForExternalInput::Initialization];
    for (early, expected) in stages_before_running().into_iter().zip(expected) {
        let Kind::NotInitialized(waiting) = ask(stage(early), None).await.expect("answers") else {
            panic!("it does not run")
        };
        assert_eq!(waiting.waiting_for_external_input(), expected);
        assert!(waiting.active);
        assert_eq!(waiting.version, RELEASE_VERSION);
    }
    let refused = ask(running(), None).await.expect_err("it is between two stages");
    assert_eq!(refused.code(), Code::Unavailable);
}

#[tokio::test]
async fn a_mediator_tells_how_its_parts_are() {
    let queues = TopologyQueueStatus { manager: 1, dispatcher: 2, clients: 3 };
    let view = MediatorStatusView {
        uid: uid(),
        psid: PhysicalSynchronizerId::parse(&format!("mysync::{NAMESPACE}::35-4")).expect("an identifier"),
        uptime: Duration::from_millis(1_500),
        admin_port: 6_002,
        active: false,
        components: vec![("db-storage".to_owned(), None), ("sequencer".to_owned(), Some("lost".to_owned()))],
        topology_queues: queues,
    };
    let Kind::Status(status) = ask(running(), Some(view)).await.expect("answers") else { panic!("it runs") };
    assert_eq!(status.physical_synchronizer_id, format!("mysync::{NAMESPACE}::35-4"));
    assert_eq!(status.protocol_version, 35);
    let common = status.common_status.expect("set");
    assert_eq!((common.uid, common.active), (uid().to_string(), false));
    assert_eq!(common.ports, BTreeMap::from([("admin".to_owned(), 6_002)]));
    assert_eq!(common.uptime, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));
    assert_eq!(common.topology_queues, Some(queues));
    let lost = component_status::StatusData { description: Some("lost".to_owned()) };
    let parts: Vec<_> = common.components.into_iter().map(|part| (part.name, part.status.expect("set"))).collect();
    let expected = [
        ("db-storage".to_owned(), component_status::Status::Ok(component_status::StatusData { description: None })),
        ("sequencer".to_owned(), component_status::Status::Failed(lost)),
    ];
    assert_eq!(parts, expected);
}
