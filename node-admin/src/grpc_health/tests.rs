use std::net::Ipv4Addr;

use synod_runtime::health::{ComponentState, Role};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Streaming};
use tonic_health::pb::health_check_response::ServingStatus::{self, NotServing, ServiceUnknown, Serving};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::*;

/// A server, and a client of it.
struct Port {
    client: HealthClient<Channel>,
    channel: Channel,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<(), GrpcHealthFault>>,
}

async fn serve(kind: MemberKind, health: &Health) -> Port {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = GrpcHealthServer::new(kind, health.clone());
    let serving = tokio::spawn(server.serve(listener, async { stopped.await.unwrap_or_default() }));
    let channel = Channel::from_shared(format!("http://{address}")).expect("a URL").connect().await.expect("connects");
    Port { client: HealthClient::new(channel.clone()), channel, stop, serving }
}

fn request(name: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: name.to_owned() }
}

impl Port {
    async fn check(&mut self, name: &str) -> ServingStatus {
        self.client.check(request(name)).await.expect("known").into_inner().status()
    }

    async fn watch(&mut self, name: &str) -> Watcher {
        Watcher(self.client.watch(request(name)).await.expect("answers").into_inner())
    }
}

struct Watcher(Streaming<HealthCheckResponse>);

impl Watcher {
    async fn next(&mut self) -> Option<ServingStatus> {
        self.0.message().await.expect("no error").map(|response| response.status())
    }
}

#[tokio::test]
async fn readiness_liveness_and_all_are_told_apart() {
    let health = Health::new();
    let mut port = serve(MemberKind::Sequencer, &health).await;
    let storage = health.component("db-storage", Role::CRITICAL);
    let all = ["sequencer", "liveness", ""];
    let mut found = Vec::new();
    let fatal = ComponentState::Fatal("gone".to_owned());
    let failed = ComponentState::Failed("no connection".to_owned());
    for state in [failed, ComponentState::Ok, fatal, ComponentState::Ok] {
        storage.set(state);
        for name in all {
            found.push(port.check(name).await);
        }
    }
    let of_states = [
        [NotServing, Serving, NotServing],
        [Serving, Serving, Serving],
        [NotServing, NotServing, NotServing],
        // Not alive for good.
        [Serving, NotServing, NotServing],
    ];
    assert_eq!(found, of_states.concat());
}

#[tokio::test]
async fn readiness_has_the_name_of_the_kind_of_the_node() {
    let mut port = serve(MemberKind::Mediator, &Health::new()).await;
    assert_eq!(port.check("mediator").await, NotServing);
    let refused = port.client.check(request("sequencer")).await.expect_err("unknown");
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "unknown service sequencer"));
}

#[tokio::test]
async fn who_watches_is_told_each_change_and_the_end() {
    let health = Health::new();
    let storage = health.component("db-storage", Role::CRITICAL);
    let mut port = serve(MemberKind::Mediator, &health).await;
    let mut readiness = port.watch("mediator").await;
    let mut liveness = port.watch("liveness").await;
    let mut unknown = port.watch("orderer").await;
    assert_eq!(readiness.next().await, Some(NotServing));
    assert_eq!(liveness.next().await, Some(Serving));
    assert_eq!(unknown.next().await, Some(ServiceUnknown));
    storage.ok();
    assert_eq!(readiness.next().await, Some(Serving));
    port.stop.send(()).expect("it serves");
    assert_eq!(readiness.next().await, Some(NotServing));
    // What changed for readiness was no change for the others.
    assert_eq!(liveness.next().await, Some(NotServing));
    assert_eq!((readiness.next().await, liveness.next().await, unknown.next().await), (None, None, None));
    port.serving.await.expect("no panic").expect("no fault");
}

#[tokio::test]
async fn reflection_lists_the_health_service() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let port = serve(MemberKind::Sequencer, &Health::new()).await;
    let mut client = ServerReflectionClient::new(port.channel.clone());
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        client.server_reflection_info(futures::stream::iter([question])).await.expect("served").into_inner();
    let answer = answers.message().await.expect("no error").expect("an answer").message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("no list: {answer:?}") };
    assert!(list.service.iter().any(|service| service.name == "grpc.health.v1.Health"), "{list:?}");
}
