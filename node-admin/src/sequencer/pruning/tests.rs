use std::sync::Mutex;

use tonic::Code;

use super::*;
use crate::mediator::testing::{NAMESPACE, running, stage, stages_before_running, time};

/// A sequencer that deletes nothing.
#[derive(Debug)]
struct Fake {
    state: SequencerPruningState,
    pruned: Mutex<Vec<CantonTimestamp>>,
}

#[async_trait]
impl SequencerPruning for Fake {
    async fn pruning_state(&self) -> Result<SequencerPruningState, NodeFault> {
        Ok(self.state.clone())
    }

    async fn prune(&self, before: CantonTimestamp) -> Result<String, SequencerPruneRefused> {
        let safe = self.state.safe_pruning_time();
        if before > safe {
            return Err(SequencerPruneRefused::Unsafe { requested: before, safe });
        }
        self.pruned.lock().expect("no panic").push(before);
        Ok("all gone".to_owned())
    }

    async fn disable_member(&self, _: &Member) -> Result<(), NodeFault> {
        Err(NodeFault::Unavailable)
    }
}

fn member(name: &str, registered_at: i64, last_acknowledged: Option<i64>, is_enabled: bool) -> SequencerMember {
    SequencerMember {
        member: Member::parse(&format!("PAR::{name}::{NAMESPACE}")).expect("a member"),
        registered_at: time(registered_at),
        last_acknowledged: last_acknowledged.map(time),
        is_enabled,
    }
}

fn state(members: Vec<SequencerMember>) -> SequencerPruningState {
    SequencerPruningState { now: time(1_000), lower_bound: None, members }
}

fn admin(stage: StageReceiver, state: SequencerPruningState) -> (SequencerPruningAdmin, Arc<Fake>) {
    let fake = Arc::new(Fake { state, pruned: Mutex::default() });
    (SequencerPruningAdmin::new(stage, Arc::clone(&fake) as _), fake)
}

fn up_to(micros: i64) -> Request<PruneRequest> {
    Request::new(PruneRequest { timestamp: Some(times::to_proto(time(micros))) })
}

#[test]
fn the_slowest_enabled_member_says_what_is_safe() {
    let safe = |members| state(members).safe_pruning_time();
    assert_eq!(safe(Vec::new()), time(1_000));
    assert_eq!(safe(vec![member("a", 10, None, true), member("b", 5, Some(20), true)]), time(10));
    assert_eq!(safe(vec![member("a", 10, None, false), member("b", 5, Some(20), true)]), time(20));
    assert_eq!(safe(vec![member("a", 10, None, false)]), time(1_000));
}

#[tokio::test]
async fn only_what_is_safe_is_pruned() {
    let (admin, fake) = admin(running(), state(vec![member("a", 5, Some(20), true)]));
    let pruned = admin.prune(up_to(20)).await.expect("safe").into_inner();
    assert_eq!(pruned.details, "all gone");
    let refused = admin.prune(up_to(21)).await.expect_err("unsafe");
    let text = "Could not prune at [1970-01-01T00:00:00.000021Z] as the earliest safe pruning point is \
                [1970-01-01T00:00:00.000020Z]";
    assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, text));
    let refused = admin.prune(Request::new(PruneRequest { timestamp: None })).await.expect_err("no time");
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "Field `timestamp` is not set"));
    assert_eq!(*fake.pruned.lock().expect("no panic"), [time(20)]);
}

#[tokio::test]
async fn nothing_is_pruned_before_the_sequencer_runs() {
    for early in stages_before_running() {
        let (admin, fake) = admin(stage(early), state(Vec::new()));
        let refused = admin.prune(up_to(1)).await.expect_err("too early");
        assert_eq!(refused.code(), Code::Unimplemented);
        assert!(fake.pruned.lock().expect("no panic").is_empty());
    }
}

#[tokio::test]
async fn a_schedule_is_answered_as_by_block_sequencers() {
    let (admin, _) = admin(running(), state(Vec::new()));
    let text = "This sequencer does not support scheduled pruning";
    let refusals = [
        admin.get_schedule(Request::new(Default::default())).await.err(),
        admin.set_schedule(Request::new(Default::default())).await.err(),
        admin.clear_schedule(Request::new(Default::default())).await.err(),
        admin.set_cron(Request::new(Default::default())).await.err(),
        admin.set_max_duration(Request::new(Default::default())).await.err(),
        admin.set_retention(Request::new(Default::default())).await.err(),
    ];
    for refused in refusals {
        let refused = refused.expect("refused");
        assert_eq!((refused.code(), refused.message()), (Code::Unimplemented, text));
    }
    let refused = admin.find_pruning_timestamp(Request::new(Default::default())).await.expect_err("refused");
    assert_eq!((refused.code(), refused.message()), (Code::Unimplemented, "This sequencer does not support pruning"));
}
