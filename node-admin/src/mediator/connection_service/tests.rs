use std::sync::Mutex;

use synod_proto::admin::sequencer::v30::SequencerConnectionValidation;
use tonic::Code;

use super::*;
use crate::mediator::testing::{connection, connections, running, stage, stages_before_running};

/// Has these connections; refuses when it is told to.
#[derive(Debug, Default)]
struct Fake {
    current: Mutex<Option<SequencerConnections>>,
    refuse: Mutex<Option<ReplaceRefused>>,
    logout: Mutex<Option<Status>>,
}

#[async_trait]
impl MediatorConnections for Fake {
    async fn connections(&self) -> Result<Option<SequencerConnections>, NodeFault> {
        Ok(self.current.lock().expect("no panic").clone())
    }

    async fn replace(&self, connections: SequencerConnections) -> Result<(), ReplaceRefused> {
        if let Some(refused) = self.refuse.lock().expect("no panic").take() {
            return Err(refused);
        }
        *self.current.lock().expect("no panic") = Some(connections);
        Ok(())
    }

    async fn logout(&self) -> Result<(), Status> {
        self.logout.lock().expect("no panic").take().map_or(Ok(()), Err)
    }
}

fn service() -> (MediatorConnectionAdmin, Arc<Fake>) {
    let fake = Arc::new(Fake { current: Mutex::new(Some(connections())), ..Fake::default() });
    (MediatorConnectionAdmin::new(running(), Arc::clone(&fake) as _), fake)
}

fn set(connections: Option<SequencerConnections>) -> Request<SetConnectionRequest> {
    let validation = SequencerConnectionValidation::All.into();
    Request::new(SetConnectionRequest {
        sequencer_connections: connections,
        sequencer_connection_validation: validation,
    })
}

async fn get(service: &MediatorConnectionAdmin) -> Option<SequencerConnections> {
    let answer = service.get_connection(Request::new(GetConnectionRequest {})).await.expect("answers");
    answer.into_inner().sequencer_connections
}

#[tokio::test]
async fn there_are_no_connections_before_the_mediator_runs() {
    for early in stages_before_running() {
        let service = MediatorConnectionAdmin::new(stage(early), Arc::new(Fake::default()));
        let got = service.get_connection(Request::new(GetConnectionRequest {})).await.expect_err("too early");
        let changed = service.set_connection(set(Some(connections()))).await.expect_err("too early");
        let left = service.logout(Request::new(LogoutRequest {})).await.expect_err("too early");
        assert_eq!([got.code(), changed.code(), left.code()], [Code::Unimplemented; 3]);
    }
}

#[tokio::test]
async fn connections_are_replaced_by_others_in_the_usual_form() {
    let (service, _) = service();
    assert_eq!(get(&service).await, Some(connections()));
    let others = SequencerConnections {
        sequencer_connections: vec![connection("other", &["http://other.example"])],
        ..connections()
    };
    service.set_connection(set(Some(others.clone()))).await.expect("replaced");
    assert_eq!(get(&service).await, check_connections(others).ok());
}

#[tokio::test]
async fn a_refused_replacement_leaves_the_connections_as_they_are() {
    let (service, fake) = service();
    let refused = service.set_connection(set(None)).await.expect_err("nothing is given");
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "Field `sequencerConnections` is not set"));
    let none = SequencerConnections { sequencer_connections: Vec::new(), ..connections() };
    assert_eq!(service.set_connection(set(Some(none))).await.expect_err("none").code(), Code::InvalidArgument);
    let mut unknown = set(Some(connections()));
    unknown.get_mut().sequencer_connection_validation = 0;
    assert_eq!(service.set_connection(unknown).await.expect_err("no mode").code(), Code::InvalidArgument);
    for (refusal, code, text) in [
        (ReplaceRefused::NotUsable("nobody answers".to_owned()), Code::FailedPrecondition, "nobody answers"),
        (NodeFault::Unavailable.into(), Code::Unavailable, "the node is starting or stopping, or its database is away"),
        (NodeFault::broken("disk /dev/x").into(), Code::Internal, "the node failed; see its log"),
    ] {
        *fake.refuse.lock().expect("no panic") = Some(refusal);
        let refused = service.set_connection(set(Some(connections()))).await.expect_err("refused");
        assert_eq!((refused.code(), refused.message()), (code, text));
    }
    assert_eq!(get(&service).await, Some(connections()));
    *fake.current.lock().expect("no panic") = None;
    let refused = service.set_connection(set(Some(connections()))).await.expect_err("there are none");
    assert_eq!(refused.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_logout_ends_as_the_sequencers_say() {
    let (service, fake) = service();
    service.logout(Request::new(LogoutRequest {})).await.expect("it is out");
    *fake.logout.lock().expect("no panic") = Some(Status::failed_precondition("Failed to logout"));
    let refused = service.logout(Request::new(LogoutRequest {})).await.expect_err("refused");
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, "Failed to logout"));
}
