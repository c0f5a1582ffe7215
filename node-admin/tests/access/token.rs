//! The token that an operator has fixed, and the order of services.

use bytes::Bytes;
use synod_node_admin::access::{AccessRules, AdminToken, AuthService};
use tonic::{Code, Request};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use crate::port::{Port, assert_unauthenticated, call, call_with};

const TOKEN: &str = "3f2504e04f8911d39a0c0305e82c3301";
/// A header of this size does not fit into the metadata of a call.
const TOO_LONG: usize = 9 * 1024;

fn fixed(admin_claim: bool) -> AccessRules {
    AccessRules::new(vec![AuthService::AdminToken(AdminToken::fixed(TOKEN, admin_claim))])
}

#[tokio::test]
async fn only_the_fixed_token_lets_in() {
    let port = Port::serve(fixed(true), None).await;
    let channel = port.plain().await;
    assert_eq!(call_with(&channel, TOKEN).await.expect("let in"), "admin-api");
    assert_unauthenticated(&call(&channel, None).await, "no token");
    assert_unauthenticated(&call_with(&channel, &TOKEN[1..]).await, "another token");
    assert_unauthenticated(&call(&channel, Some(TOKEN)).await, "no scheme");
    assert_unauthenticated(&call(&channel, Some(&format!("Basic {TOKEN}"))).await, "another scheme");
    assert_unauthenticated(&call_with(&channel, "").await, "an empty token");
    assert_eq!(port.refused("no-token"), 1);
    assert_eq!(port.refused("other-token"), 1);
    assert_eq!(port.refused("not-bearer"), 3);
    assert_eq!(port.refused("no-admin-claim"), 0);
}

#[tokio::test]
async fn a_token_without_the_claim_is_denied() {
    let port = Port::serve(fixed(false), None).await;
    let status = call_with(&port.plain().await, TOKEN).await.expect_err("denied");
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().starts_with("An error occurred."), "{status}");
    assert_eq!(port.refused("no-admin-claim"), 1);
}

#[tokio::test]
async fn a_refusal_names_the_trace_of_the_caller() {
    let port = Port::serve(fixed(true), None).await;
    let mut client = tonic::client::Grpc::new(port.plain().await);
    client.ready().await.expect("connected");
    let mut request = Request::new(());
    let trace = "d98728d4375b82a9ae1b47d5cc46ce95";
    request.metadata_mut().insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().expect("ASCII"));
    let path = "/com.digitalasset.canton.connection.v30.ApiInfoService/GetApiInfo".parse().expect("a path");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let status = client.unary(request, path, codec).await.expect_err("refused");
    assert!(status.message().contains(trace), "{status}");
}

#[tokio::test]
async fn reflection_and_what_does_not_exist_are_guarded_too() {
    let port = Port::serve(fixed(true), None).await;
    let channel = port.plain().await;
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let ask = tokio_stream::iter([ServerReflectionRequest::default()]);
    let status = reflection.server_reflection_info(ask).await.expect_err("refused");
    assert_eq!(status.code(), Code::Unauthenticated);
    for path in ["/no.Service/Method", "/com.digitalasset.canton.connection.v30.ApiInfoService/Nonsense", "/x"] {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.expect("connected");
        let codec = tonic_prost::ProstCodec::<Bytes, Bytes>::default();
        let status = client.unary(Request::new(Bytes::new()), path.parse().expect("a path"), codec).await;
        assert_eq!(status.expect_err("refused").code(), Code::Unauthenticated, "{path}");
    }
}

#[tokio::test]
async fn a_header_that_is_too_long_is_not_read() {
    let port = Port::serve(fixed(true), None).await;
    let channel = port.plain().await;
    let status = call_with(&channel, &"x".repeat(TOO_LONG)).await.expect_err("refused");
    assert_ne!(status.code(), Code::Ok);
    assert_eq!(port.refused("other-token"), 0, "the guard has not seen it");
    let again = port.plain().await;
    assert_eq!(call_with(&again, TOKEN).await.expect("the port goes on"), "admin-api");
}

#[tokio::test]
async fn a_wildcard_lets_in_whom_the_others_do_not_know() {
    let services = vec![AuthService::AdminToken(AdminToken::fixed(TOKEN, false)), AuthService::Wildcard];
    let port = Port::serve(AccessRules::new(services), None).await;
    let channel = port.plain().await;
    assert_eq!(call(&channel, None).await.expect("let in"), "admin-api");
    assert_eq!(call_with(&channel, TOKEN).await.expect_err("known, and denied").code(), Code::PermissionDenied);
}
