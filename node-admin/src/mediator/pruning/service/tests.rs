use std::sync::Mutex;
use std::time::Duration;

use synod_proto::admin::pruning::v30::PruningSchedule as ScheduleProto;
use synod_types::CantonTimestamp;
use tonic::Code;

use super::*;
use crate::NodeFault;
use crate::mediator::testing::{reason, running, stage, stages_before_running, time};

/// Requests by their times, of which those up to 100 may be deleted.
#[derive(Debug, Default)]
struct Fake {
    requests: Mutex<Vec<CantonTimestamp>>,
    schedule: Mutex<Option<PruningSchedule>>,
}

const SAFE: i64 = 100;

#[async_trait]
impl MediatorPruning for Fake {
    async fn prune(&self, up_to: CantonTimestamp) -> Result<(), PruneRefused> {
        let mut requests = self.requests.lock().expect("no panic");
        if requests.is_empty() {
            return Err(PruneRefused::NoData);
        }
        if up_to > time(SAFE) {
            return Err(PruneRefused::TooLate { requested: up_to, safe: time(SAFE) });
        }
        requests.retain(|request| *request > up_to);
        Ok(())
    }

    async fn find_pruning_timestamp(&self, index: NonZeroU32) -> Result<Option<CantonTimestamp>, NodeFault> {
        let position = usize::try_from(index.get()).expect("small") - 1;
        Ok(self.requests.lock().expect("no panic").get(position).copied())
    }

    async fn schedule(&self) -> Result<Option<PruningSchedule>, NodeFault> {
        Ok(self.schedule.lock().expect("no panic").clone())
    }

    async fn set_schedule(&self, schedule: Option<PruningSchedule>) -> Result<(), NodeFault> {
        *self.schedule.lock().expect("no panic") = schedule;
        Ok(())
    }

    async fn change_schedule(&self, change: ScheduleChange) -> Result<(), ChangeScheduleRefused> {
        let mut schedule = self.schedule.lock().expect("no panic");
        let changed = schedule.take().ok_or(ChangeScheduleRefused::NoSchedule)?.with(change);
        *schedule = Some(changed);
        Ok(())
    }
}

fn service(requests: &[i64]) -> (MediatorPruningAdmin, Arc<Fake>) {
    let requests = Mutex::new(requests.iter().copied().map(time).collect());
    let fake = Arc::new(Fake { requests, schedule: Mutex::default() });
    (MediatorPruningAdmin::new(running(), Arc::clone(&fake) as _), fake)
}

fn prune(micros: i64) -> Request<PruneRequest> {
    Request::new(PruneRequest { timestamp: Some(times::to_proto(time(micros))) })
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn schedule() -> ScheduleProto {
    ScheduleProto { cron: "0 0 22 ? * SAT".to_owned(), max_duration: seconds(3_600), retention: seconds(86_400) }
}

fn set(schedule: Option<ScheduleProto>) -> Request<SetScheduleRequest> {
    Request::new(SetScheduleRequest { schedule })
}

async fn current(service: &MediatorPruningAdmin) -> Option<ScheduleProto> {
    service.get_schedule(Request::new(GetScheduleRequest {})).await.expect("answers").into_inner().schedule
}

#[tokio::test]
async fn pruning_ends_at_the_time_that_is_given() {
    let (service, fake) = service(&[10, 20, 30]);
    service.prune(prune(20)).await.expect("pruned");
    service.prune(prune(20)).await.expect("again");
    assert_eq!(*fake.requests.lock().expect("no panic"), [time(30)]);
    let late = service.prune(prune(101)).await.expect_err("too late");
    let text = "Requested pruning timestamp [1970-01-01T00:00:00.000101Z] is later than the earliest available pruning \
                timestamp [1970-01-01T00:00:00.000100Z]";
    assert_eq!((late.code(), late.message()), (Code::InvalidArgument, text));
    service.prune(prune(100)).await.expect("pruned");
    let empty = service.prune(prune(100)).await.expect_err("nothing is there");
    let text = "There is no mediator data available for pruning";
    assert_eq!((empty.code(), empty.message()), (Code::FailedPrecondition, text));
    let unset = service.prune(Request::new(PruneRequest { timestamp: None })).await.expect_err("until when?");
    assert_eq!((unset.code(), unset.message()), (Code::InvalidArgument, "Field `timestamp` is not set"));
}

#[tokio::test]
async fn requests_are_counted_from_one() {
    let (service, _) = service(&[10, 20]);
    let find = |index| service.find_pruning_timestamp(Request::new(FindPruningTimestampRequest { index }));
    for (index, expected) in [(1, Some(10)), (2, Some(20)), (3, None), (i32::MAX, None)] {
        let found = find(index).await.expect("an index").into_inner().timestamp;
        assert_eq!(found, expected.map(|micros| times::to_proto(time(micros))));
    }
    for index in [0, -1, i32::MIN] {
        assert_eq!(find(index).await.expect_err("no index").code(), Code::InvalidArgument);
    }
}

#[tokio::test]
async fn a_schedule_is_set_changed_and_cleared() {
    let (service, fake) = service(&[]);
    assert_eq!(current(&service).await, None);
    service.set_schedule(set(Some(schedule()))).await.expect("set");
    assert_eq!(current(&service).await, Some(schedule()));
    service.set_cron(Request::new(SetCronRequest { cron: "0 0 1 ? * mon".to_owned() })).await.expect("changed");
    service.set_max_duration(Request::new(SetMaxDurationRequest { max_duration: seconds(60) })).await.expect("changed");
    service.set_retention(Request::new(SetRetentionRequest { retention: seconds(1) })).await.expect("changed");
    let expected = ScheduleProto { cron: "0 0 1 ? * MON".to_owned(), max_duration: seconds(60), retention: seconds(1) };
    assert_eq!(current(&service).await, Some(expected));
    let kept = fake.schedule.lock().expect("no panic").clone().expect("set");
    assert_eq!((kept.max_duration, kept.retention), (Duration::from_secs(60), Duration::from_secs(1)));
    service.clear_schedule(Request::new(ClearScheduleRequest {})).await.expect("cleared");
    assert_eq!(current(&service).await, None);
}

#[tokio::test]
async fn a_part_is_changed_of_a_schedule_only() {
    let (service, _) = service(&[]);
    let cron = service.set_cron(Request::new(SetCronRequest { cron: schedule().cron })).await.err();
    let duration = SetMaxDurationRequest { max_duration: seconds(60) };
    let duration = service.set_max_duration(Request::new(duration)).await.err();
    let retention = service.set_retention(Request::new(SetRetentionRequest { retention: seconds(1) })).await.err();
    for (refused, field) in [(cron, "cron"), (duration, "max_duration"), (retention, "retention")] {
        let refused = refused.expect("there is no schedule");
        assert_eq!(refused.code(), Code::InvalidArgument);
        let text = format!("Attempt to update {field} of a schedule that has not been previously configured. Use set");
        assert!(refused.message().starts_with(&text), "{refused:?}");
    }
}

#[tokio::test]
async fn what_is_no_schedule_is_refused() {
    let (service, _) = service(&[]);
    service.set_schedule(set(Some(schedule()))).await.expect("set");
    let with = |change: fn(&mut ScheduleProto)| {
        let mut changed = schedule();
        change(&mut changed);
        Some(changed)
    };
    for (wrong, expected) in [
        (None, "`schedule` is not set"),
        (with(|one| one.cron = "* * * * *".to_owned()), "`cron`"),
        (with(|one| one.max_duration = None), "`max_duration` is not set"),
        (with(|one| one.max_duration = seconds(0)), "`max_duration`"),
        (with(|one| one.retention = seconds(-1)), "`retention`"),
        (with(|one| one.retention = Some(prost_types::Duration { seconds: 1, nanos: 1 })), "`retention`"),
    ] {
        let refused = service.set_schedule(set(wrong)).await.expect_err("no schedule");
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(reason(&refused).contains(expected), "{expected} is not in {}", reason(&refused));
    }
    let refused =
        service.set_cron(Request::new(SetCronRequest { cron: "never".to_owned() })).await.expect_err("no cron");
    assert!(refused.message().starts_with("PROTO_DESERIALIZATION_FAILURE"), "{refused:?}");
    assert_eq!(current(&service).await, Some(schedule()), "it is as it was");
}

#[tokio::test]
async fn nothing_is_pruned_before_the_mediator_runs() {
    for early in stages_before_running() {
        let service = MediatorPruningAdmin::new(stage(early), Arc::new(Fake::default()));
        assert_eq!(service.prune(prune(1)).await.expect_err("too early").code(), Code::Unimplemented);
        let set = service.set_schedule(set(Some(schedule()))).await.expect_err("too early");
        assert_eq!(set.code(), Code::Unimplemented);
        let cron = service.set_cron(Request::new(SetCronRequest { cron: schedule().cron })).await;
        assert_eq!(cron.expect_err("too early").code(), Code::Unimplemented);
    }
}
