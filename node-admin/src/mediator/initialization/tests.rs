use std::sync::Mutex;

use synod_proto::admin::sequencer::v30::SequencerConnectionValidation;
use tonic::Code;

use super::*;
use crate::mediator::testing::{NAMESPACE, connections, reason, stage, uid};

/// Keeps what it is called with, and answers what it is told to.
#[derive(Debug, Default)]
struct Fake {
    calls: Mutex<Vec<(PhysicalSynchronizerId, SequencerConnections)>>,
    refuse: Mutex<Option<InitializeRefused>>,
}

#[async_trait]
impl MediatorInitializer for Fake {
    async fn initialize(
        &self,
        psid: PhysicalSynchronizerId,
        connections: SequencerConnections,
    ) -> Result<(), InitializeRefused> {
        self.calls.lock().expect("no panic").push((psid, connections));
        self.refuse.lock().expect("no panic").take().map_or(Ok(()), Err)
    }
}

fn psid() -> PhysicalSynchronizerId {
    PhysicalSynchronizerId::parse(&format!("mysync::{NAMESPACE}::35-0")).expect("an identifier")
}

fn request() -> InitializeMediatorRequest {
    InitializeMediatorRequest {
        physical_synchronizer_id: psid().to_string(),
        sequencer_connections: Some(connections()),
        sequencer_connection_validation: SequencerConnectionValidation::Disabled.into(),
    }
}

fn waiting() -> NodeStage {
    NodeStage::NoSynchronizer { uid: uid() }
}

async fn call(at: NodeStage, fake: &Arc<Fake>, request: InitializeMediatorRequest) -> Result<(), Status> {
    let service = MediatorInitializationAdmin::new(stage(at), Arc::clone(fake) as _);
    service.initialize_mediator(Request::new(request)).await.map(|_| ())
}

#[tokio::test]
async fn a_mediator_is_initialized_from_when_it_has_its_keys() {
    let fake = Arc::new(Fake::default());
    for early in [NodeStage::NoIdentity, NodeStage::NoTopology { uid: uid() }] {
        let refused = call(early, &fake, request()).await.expect_err("it is too early");
        assert_eq!(refused.code(), Code::Unimplemented);
    }
    call(waiting(), &fake, request()).await.expect("it waits for it");
    let calls = fake.calls.lock().expect("no panic").split_off(0);
    assert_eq!(calls, [(psid(), check_connections(connections()).expect("valid"))]);
}

#[tokio::test]
async fn a_mediator_that_runs_says_yes_to_anything_that_can_be_read() {
    let fake = Arc::new(Fake::default());
    let running = NodeStage::Running { uid: uid() };
    let other =
        InitializeMediatorRequest { physical_synchronizer_id: format!("other::{NAMESPACE}::35-7"), ..request() };
    call(running.clone(), &fake, other).await.expect("it is initialized");
    assert!(fake.calls.lock().expect("no panic").is_empty(), "nobody is asked");
    let unreadable = InitializeMediatorRequest { physical_synchronizer_id: String::new(), ..request() };
    assert_eq!(call(running, &fake, unreadable).await.expect_err("no identifier").code(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_cannot_be_read_does_not_reach_the_node() {
    let fake = Arc::new(Fake::default());
    let mut short = request();
    let amplification = short.sequencer_connections.as_mut().expect("set").submission_request_amplification.as_mut();
    amplification.expect("set").confirmation_response_patience =
        Some(prost_types::Duration { seconds: 0, nanos: 999_999_999 });
    let refused = call(waiting(), &fake, short).await.expect_err("too short");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().starts_with("SYNCHRONIZER_NODE_INITIALISATION_FAILED(9,0): Confirmation response"));

    let mut no_threshold = request();
    no_threshold.sequencer_connections.as_mut().expect("set").sequencer_trust_threshold = 0;
    for (wrong, expected) in [
        (InitializeMediatorRequest { physical_synchronizer_id: "mysync".to_owned(), ..request() }, "mysync"),
        (InitializeMediatorRequest { sequencer_connections: None, ..request() }, "sequencer_connections"),
        (InitializeMediatorRequest { sequencer_connection_validation: 0, ..request() }, "connection_validation"),
        (InitializeMediatorRequest { sequencer_connection_validation: 99, ..request() }, "99"),
        (no_threshold, "sequencer_trust_threshold"),
    ] {
        let refused = call(waiting(), &fake, wrong).await.expect_err("malformed");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with("PROTO_DESERIALIZATION_FAILURE(8,0)"), "{refused:?}");
        assert!(reason(&refused).contains(expected), "{expected} is not in {}", reason(&refused));
    }
    assert!(fake.calls.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn refusals_are_told_and_faults_are_not() {
    let fake = Arc::new(Fake::default());
    for (refusal, code, text) in [
        (
            InitializeRefused::Invalid("no sequencer answers".to_owned()),
            Code::FailedPrecondition,
            "SYNCHRONIZER_NODE_INITIALISATION_FAILED(9,0): no sequencer answers",
        ),
        (
            InitializeRefused::WrongStage("it is being initialized".to_owned()),
            Code::FailedPrecondition,
            "SYNCHRONIZER_NODE_INITIALISATION_FAILED(9,0): it is being initialized",
        ),
        (
            InitializeRefused::Fault("disk /dev/x".into()),
            Code::Internal,
            "the mediator could not be initialized; see the log of the node",
        ),
    ] {
        *fake.refuse.lock().expect("no panic") = Some(refusal);
        let refused = call(waiting(), &fake, request()).await.expect_err("refused");
        assert_eq!((refused.code(), refused.message()), (code, text));
    }
}
