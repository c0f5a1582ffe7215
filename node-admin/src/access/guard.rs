//! Puts the rules before the services of a port.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{Either, Ready, ready};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use prometheus::IntCounterVec;
use synod_ordering::Clock;
use synod_runtime::MetricsRegistry;
use synod_runtime::metrics::{MetricName, MetricsFault};
use tonic::body::Body;
use tower::{Layer, Service};

use super::refusal::RefusalCause;
use super::rules::AccessRules;
use crate::errors::Trace;

const REFUSED: MetricName =
    MetricName::new("synod_admin_calls_refused_total", "Administration calls that were refused, by cause");

/// The guard of a port. Every call passes it before anything else is looked at, whether its method exists or not.
#[derive(Debug, Clone)]
pub struct AdminGuard {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    rules: AccessRules,
    clock: Arc<dyn Clock>,
    refused: IntCounterVec,
}

impl AdminGuard {
    /// A guard with these rules; it counts what it refuses.
    ///
    /// # Errors
    /// [`MetricsFault`] when the registry has its metric already.
    pub fn new(rules: AccessRules, clock: Arc<dyn Clock>, metrics: &MetricsRegistry) -> Result<Self, MetricsFault> {
        let refused = metrics.counter_vec(&REFUSED, &["cause"])?;
        for cause in RefusalCause::ALL {
            refused.with_label_values(&[cause.name()]);
        }
        Ok(Self { parts: Arc::new(Parts { rules, clock, refused }) })
    }

    fn check(&self, path: &str, headers: &HeaderMap) -> Result<(), tonic::Status> {
        let Parts { rules, clock, refused } = &*self.parts;
        // The last header counts, as on the JVM. One that is not ASCII has no token.
        let header = headers.get_all(AUTHORIZATION).iter().next_back();
        let header = header.map(|header| header.to_str().unwrap_or_default());
        rules.decide(header, service_of(path), clock.now()).map_err(|cause| {
            refused.with_label_values(&[cause.name()]).inc();
            cause.status(path, &Trace::of_headers(headers))
        })
    }
}

/// `package.Service` of `/package.Service/Method`; empty when the path is of another form.
fn service_of(path: &str) -> &str {
    let name = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    name.map_or("", |(service, _)| service)
}

impl<S> Layer<S> for AdminGuard {
    type Service = GuardedService<S>;

    fn layer(&self, inner: S) -> GuardedService<S> {
        GuardedService { inner, guard: self.clone() }
    }
}

/// Services behind a guard.
#[derive(Debug, Clone)]
pub struct GuardedService<S> {
    inner: S,
    guard: AdminGuard,
}

impl<S> Service<Request<Body>> for GuardedService<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Either<Ready<Result<Response<Body>, S::Error>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match self.guard.check(request.uri().path(), request.headers()) {
            Ok(()) => Either::Right(self.inner.call(request)),
            Err(status) => Either::Left(ready(Ok(status.into_http()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_is_named_by_the_path() {
        assert_eq!(service_of("/a.b.Service/Method"), "a.b.Service");
        for path in ["", "/", "*", "a.b.Service/Method", "/a.b.Service"] {
            assert_eq!(service_of(path), "", "{path}");
        }
    }
}
