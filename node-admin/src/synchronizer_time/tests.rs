use std::sync::Mutex;

use tonic::Code;

use super::*;
use crate::mediator::testing::{NAMESPACE, running, stage, stages_before_running, time};

/// Knows one time, and keeps what it was asked for.
#[derive(Debug, Default)]
struct Fake {
    asked: Mutex<Vec<Duration>>,
    awaited: Mutex<Vec<CantonTimestamp>>,
}

#[async_trait]
impl SynchronizerTime for Fake {
    fn synchronizer(&self) -> Option<PhysicalSynchronizerId> {
        PhysicalSynchronizerId::parse(&format!("mysync::{NAMESPACE}::35-0")).ok()
    }

    async fn fetch_time(&self, freshness: Duration) -> Result<CantonTimestamp, NodeFault> {
        self.asked.lock().expect("no panic").push(freshness);
        Ok(time(1_500_000))
    }

    async fn await_time(&self, time: CantonTimestamp) -> Result<(), NodeFault> {
        self.awaited.lock().expect("no panic").push(time);
        Err(NodeFault::Unavailable)
    }
}

fn of(kind: Option<synchronizer::Kind>) -> Option<Synchronizer> {
    Some(Synchronizer { kind })
}

fn fetch(synchronizer: Option<Synchronizer>) -> Request<FetchTimeRequest> {
    Request::new(FetchTimeRequest { synchronizer, freshness_bound: Some(prost_types::Duration::default()) })
}

#[tokio::test]
async fn the_time_is_that_of_the_synchronizer_of_the_node() {
    let fake = Arc::new(Fake::default());
    let service = SynchronizerTimeAdmin::new(running(), Arc::clone(&fake) as _);
    let logical = synchronizer::Kind::Id(format!("mysync::{NAMESPACE}"));
    let physical = synchronizer::Kind::PhysicalId(format!("mysync::{NAMESPACE}::35-0"));
    for own in [None, of(Some(logical)), of(Some(physical))] {
        let answer = service.fetch_time(fetch(own)).await.expect("its own").into_inner();
        assert_eq!(answer.timestamp, Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }));
    }
    assert_eq!(*fake.asked.lock().expect("no panic"), [Duration::ZERO; 3]);
    let other = synchronizer::Kind::Id(format!("other::{NAMESPACE}"));
    let successor = synchronizer::Kind::PhysicalId(format!("mysync::{NAMESPACE}::35-1"));
    let unreadable = synchronizer::Kind::Id("other".to_owned());
    for foreign in [of(None), of(Some(other)), of(Some(successor)), of(Some(unreadable))] {
        let refused = service.fetch_time(fetch(foreign)).await.expect_err("another one");
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let unset = FetchTimeRequest { synchronizer: None, freshness_bound: None };
    let refused = service.fetch_time(Request::new(unset)).await.expect_err("how fresh?");
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "Field `freshnessBound` is not set"));
}

#[tokio::test]
async fn a_time_is_awaited_by_the_node() {
    let fake = Arc::new(Fake::default());
    let service = SynchronizerTimeAdmin::new(running(), Arc::clone(&fake) as _);
    let until = |timestamp| Request::new(AwaitTimeRequest { synchronizer: None, timestamp });
    assert_eq!(service.await_time(until(None)).await.expect_err("until when?").code(), Code::InvalidArgument);
    let seven = Some(prost_types::Timestamp { seconds: 7, nanos: 0 });
    assert_eq!(service.await_time(until(seven)).await.expect_err("it stops").code(), Code::Unavailable);
    assert_eq!(*fake.awaited.lock().expect("no panic"), [time(7_000_000)]);
}

#[tokio::test]
async fn there_is_no_time_before_the_node_runs() {
    for early in stages_before_running() {
        let service = SynchronizerTimeAdmin::new(stage(early), Arc::new(Fake::default()));
        assert_eq!(service.fetch_time(fetch(None)).await.expect_err("too early").code(), Code::Unimplemented);
    }
}
