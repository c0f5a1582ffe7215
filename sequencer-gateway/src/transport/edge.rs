//! Where tonic answers otherwise than gRPC on the JVM: methods that do not exist, and messages that are too large.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, FutureExt, Map, Ready, ready};
use http::{Request, Response};
use prost::Message;
use prost_types::FileDescriptorSet;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// What tonic's text begins with when a message is larger than the server takes.
const TOO_LARGE: &str = "Error, decoded message length too large";
/// Methods of the services that are not in our own descriptors.
const OTHER_METHODS: [&str; 4] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.health.v1.Health/List",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// Wraps the services of the public port.
#[derive(Debug, Clone)]
pub(super) struct EdgeLayer {
    methods: Arc<BTreeSet<String>>,
}

impl EdgeLayer {
    /// A layer that knows the methods of `services`, by full name.
    pub(super) fn new(services: &[&str]) -> Self {
        let set = FileDescriptorSet::decode(synod_rpc::FILE_DESCRIPTOR_SET).unwrap_or_default();
        let mut methods: BTreeSet<String> = OTHER_METHODS.iter().map(ToString::to_string).collect();
        for file in &set.file {
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                if services.contains(&name.as_str()) {
                    methods.extend(service.method.iter().map(|method| format!("/{name}/{}", method.name())));
                }
            }
        }
        Self { methods: Arc::new(methods) }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        Edge { inner, methods: Arc::clone(&self.methods) }
    }
}

/// The services of the public port, with the JVM's answers.
#[derive(Debug, Clone)]
pub(super) struct Edge<S> {
    inner: S,
    methods: Arc<BTreeSet<String>>,
}

type Answer<E> = Result<Response<Body>, E>;

impl<S> Service<Request<Body>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Answer<S::Error>>, Map<S::Future, fn(Answer<S::Error>) -> Answer<S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path();
        if !self.methods.contains(path) {
            let text = format!("Method not found: {}", path.trim_start_matches('/'));
            return Either::Left(ready(Ok(Status::unimplemented(text).into_http())));
        }
        Either::Right(self.inner.call(request).map(renamed))
    }
}

/// A message that is too large exhausts resources; tonic says that it is out of range.
fn renamed<E>(answer: Answer<E>) -> Answer<E> {
    let mut response = answer?;
    let headers = response.headers_mut();
    let is_too_large = Status::from_header_map(headers)
        .is_some_and(|status| status.code() == Code::OutOfRange && status.message().starts_with(TOO_LARGE));
    if is_too_large {
        headers.insert(Status::GRPC_STATUS, http::HeaderValue::from(Code::ResourceExhausted as i32));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use synod_rpc::connection::v30::api_info_service_server::SERVICE_NAME;

    use super::*;

    #[tokio::test]
    async fn methods_that_do_not_exist_are_named() {
        let reached = tower::service_fn(|_| async { Ok::<_, std::convert::Infallible>(Response::new(Body::empty())) });
        let mut edge = EdgeLayer::new(&[SERVICE_NAME]).layer(reached);
        let mut call = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).expect("a request");
            let response = edge.call(request).await.expect("an answer");
            Status::from_header_map(response.headers())
        };
        assert!(call(&format!("/{SERVICE_NAME}/GetApiInfo")).await.is_none());
        assert!(call("/grpc.health.v1.Health/Watch").await.is_none());
        let missing = call(&format!("/{SERVICE_NAME}/Nonsense")).await.expect("refused");
        assert_eq!(missing.code(), Code::Unimplemented);
        assert_eq!(missing.message(), format!("Method not found: {SERVICE_NAME}/Nonsense"));
        let admin = "com.digitalasset.canton.admin.health.v30.StatusService/HealthDump";
        assert_eq!(call(&format!("/{admin}")).await.expect("not served here").code(), Code::Unimplemented);
    }

    #[test]
    fn messages_that_are_too_large_exhaust_resources() {
        let answer = |status: Status| renamed::<()>(Ok(status.into_http())).expect("an answer");
        let code = |answer: &Response<Body>| Status::from_header_map(answer.headers()).expect("a status").code();
        let large = answer(Status::out_of_range(format!("{TOO_LARGE}: found 11 bytes, the limit is: 10 bytes")));
        assert_eq!(code(&large), Code::ResourceExhausted);
        assert_eq!(code(&answer(Status::out_of_range("TrafficNotFound"))), Code::OutOfRange);
    }
}
