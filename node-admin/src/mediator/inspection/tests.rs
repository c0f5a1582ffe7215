use std::sync::Mutex;

use futures::FutureExt;
use synod_crypto::{Hash, HashPurpose};
use synod_types::ParticipantId;
use tonic::Code;

use super::*;
use crate::StopNode;
use crate::mediator::testing::{NAMESPACE, running, stage, stages_before_running, time};

/// Verdicts in memory. Every tenth request is a reassignment, of which nothing is told.
#[derive(Debug)]
struct Fake {
    requests: Mutex<Vec<VerdictRecord>>,
    pages: Mutex<Vec<(i64, i64)>>,
    watermark: Mutex<Option<watch::Sender<Option<CantonTimestamp>>>>,
    fault: Mutex<Option<NodeFault>>,
    stuck: bool,
}

impl Fake {
    fn new(stuck: bool) -> Arc<Self> {
        Arc::new(Self {
            requests: Mutex::default(),
            pages: Mutex::default(),
            watermark: Mutex::new(Some(watch::Sender::new(None))),
            fault: Mutex::default(),
            stuck,
        })
    }

    /// Adds requests at these times, and then says that they are there.
    fn finish(&self, times: std::ops::Range<i64>, watermark: i64) {
        self.requests.lock().expect("no panic").extend(times.map(record));
        let sender = self.watermark.lock().expect("no panic");
        sender.as_ref().expect("it runs").send_replace(Some(time(watermark)));
    }

    fn readers(&self) -> usize {
        self.watermark.lock().expect("no panic").as_ref().map_or(0, watch::Sender::receiver_count)
    }
}

#[async_trait]
impl VerdictSource for Fake {
    async fn verdicts(
        &self,
        after: CantonTimestamp,
        up_to: CantonTimestamp,
        limit: usize,
    ) -> Result<VerdictPage, NodeFault> {
        if let Some(fault) = self.fault.lock().expect("no panic").take() {
            return Err(fault);
        }
        self.pages.lock().expect("no panic").push((after.as_micros(), up_to.as_micros()));
        let requests = self.requests.lock().expect("no panic");
        let in_range = |one: &&VerdictRecord| one.record_time > after && one.record_time <= up_to;
        let read: Vec<_> = requests.iter().filter(in_range).take(limit).cloned().collect();
        let last = read.last().map(|one| one.record_time).filter(|_| read.len() == limit);
        let read_to = if self.stuck { after } else { last.unwrap_or(up_to) };
        let verdicts = read.into_iter().filter(|one| one.record_time.as_micros() % 10 != 0).collect();
        Ok(VerdictPage { verdicts, read_to })
    }

    fn watermark(&self) -> watch::Receiver<Option<CantonTimestamp>> {
        self.watermark.lock().expect("no panic").as_ref().expect("it runs").subscribe()
    }
}

fn hash(text: &str) -> Hash {
    Hash::digest(HashPurpose::MERKLE_TREE_INNER_NODE, text.as_bytes())
}

fn view(parent: Option<usize>, informee: &str) -> VerdictView {
    let quorum = VerdictQuorum { parties: vec![informee.to_owned()], threshold: 1 };
    VerdictView { parent, informees: vec![informee.to_owned()], quorums: vec![quorum], view_hash: hash(informee) }
}

fn record(micros: i64) -> VerdictRecord {
    VerdictRecord {
        record_time: time(micros),
        finalization_time: time(micros + 5),
        submitting_parties: vec!["alice".to_owned()],
        submitting_participant: ParticipantId::parse(&format!("PAR::p1::{NAMESPACE}")).expect("an identifier"),
        accepted: micros % 2 == 1,
        mediator_group: 3,
        views: vec![
            view(None, "alice"),
            view(Some(0), "bob"),
            view(Some(1), "carol"),
            view(Some(0), "dave"),
            view(None, "eve"),
        ],
        update_id: hash("root"),
    }
}

type Verdicts = BoxStream<'static, Result<VerdictsResponse, Status>>;

async fn subscribe(fake: &Arc<Fake>, after: Option<i64>) -> Verdicts {
    subscribe_at(running(), fake, after).await
}

async fn subscribe_at(stage: StageReceiver, fake: &Arc<Fake>, after: Option<i64>) -> Verdicts {
    let service = MediatorInspectionAdmin::new(stage, Arc::clone(fake) as _);
    let after = after.map(|micros| times::to_proto(time(micros)));
    let request = VerdictsRequest { most_recently_received_record_time: after };
    service.verdicts(Request::new(request)).await.expect("a stream").into_inner()
}

fn verdict(response: VerdictsResponse) -> Verdict {
    match response.payload {
        Some(Payload::Verdict(verdict)) => verdict,
        other => panic!("no verdict: {other:?}"),
    }
}

/// What is there without waiting, as microseconds of the record times. Pages are read in tasks of their own, which end when
/// this one lets them run.
async fn ready(stream: &mut Verdicts) -> Vec<i64> {
    const TURNS: usize = 4;
    let (mut all, mut turns) = (Vec::new(), 0);
    while turns < TURNS {
        let Some(next) = stream.next().now_or_never() else {
            turns += 1;
            tokio::task::yield_now().await;
            continue;
        };
        turns = 0;
        let found = verdict(next.expect("it goes on").expect("no fault"));
        all.push(times::required("record_time", found.record_time).expect("a time").as_micros());
    }
    all
}

#[tokio::test]
async fn a_verdict_is_told_with_its_views_by_number() {
    let fake = Fake::new(false);
    fake.finish(1..2, 1);
    let found = verdict(subscribe(&fake, None).await.next().await.expect("one").expect("no fault"));
    assert_eq!(found.submitting_parties, ["alice"]);
    assert_eq!(found.submitting_participant_uid, format!("p1::{NAMESPACE}"));
    assert_eq!(found.verdict(), VerdictResult::Accepted);
    assert_eq!(found.record_time, Some(prost_types::Timestamp { seconds: 0, nanos: 1_000 }));
    assert_eq!(found.finalization_time, Some(prost_types::Timestamp { seconds: 0, nanos: 6_000 }));
    assert_eq!(found.mediator_group, 3);
    assert_eq!(found.update_id, hash("root").to_hex());
    let Some(Views::TransactionViews(views)) = found.views else { panic!("it has views") };
    assert_eq!(views.root_views, [0, 4]);
    let children: Vec<_> = views.views.values().map(|view| view.sub_views.clone()).collect();
    assert_eq!(children, [vec![1, 3], vec![2], vec![], vec![], vec![]]);
    let carol = &views.views[&2];
    assert_eq!(carol.informees, ["carol"]);
    assert_eq!(carol.confirming_parties, [Quorum { parties: vec!["carol".to_owned()], threshold: 1 }]);
    assert_eq!(carol.view_hash, hash("carol").multihash().to_vec());
}

#[tokio::test]
async fn verdicts_come_page_by_page_and_as_they_become_final() {
    let fake = Fake::new(false);
    let mut stream = subscribe(&fake, None).await;
    assert!(ready(&mut stream).await.is_empty(), "nothing is final");
    // What is stored but behind the watermark is not told.
    fake.finish(1..251, 230);
    let told = |times: std::ops::RangeInclusive<i64>| times.filter(|micros| micros % 10 != 0).collect::<Vec<_>>();
    assert_eq!(ready(&mut stream).await, told(1..=230));
    let first = CantonTimestamp::MIN.as_micros();
    assert_eq!(*fake.pages.lock().expect("no panic"), [(first, 230), (100, 230), (200, 230)]);
    fake.finish(0..0, 250);
    assert_eq!(ready(&mut stream).await, told(231..=250));
    // The watermark moves on without a request.
    fake.finish(0..0, 300);
    assert!(ready(&mut stream).await.is_empty());
    fake.finish(301..302, 301);
    assert_eq!(ready(&mut stream).await, [301]);
    assert_eq!(fake.pages.lock().expect("no panic").last(), Some(&(300, 301)), "nothing is read twice");
}

#[tokio::test]
async fn a_stream_begins_after_what_the_client_has() {
    let fake = Fake::new(false);
    fake.finish(1..6, 5);
    assert_eq!(ready(&mut subscribe(&fake, Some(3)).await).await, [4, 5]);
    assert!(ready(&mut subscribe(&fake, Some(5)).await).await.is_empty());
    let service = MediatorInspectionAdmin::new(running(), Arc::clone(&fake) as _);
    let no_time = prost_types::Timestamp { seconds: i64::MAX, nanos: 0 };
    let request = VerdictsRequest { most_recently_received_record_time: Some(no_time) };
    let refused = service.verdicts(Request::new(request)).await.err().expect("no time");
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("PROTO_DESERIALIZATION_FAILURE"), "{refused:?}");
}

#[tokio::test]
async fn a_stream_ends_with_its_client_and_with_the_mediator() {
    let fake = Fake::new(false);
    let mut waiting = subscribe(&fake, None).await;
    assert!(ready(&mut waiting).await.is_empty());
    let other = subscribe(&fake, None).await;
    assert_eq!(fake.readers(), 2);
    drop(other);
    assert_eq!(fake.readers(), 1, "nothing is left of a client that went");
    drop(fake.watermark.lock().expect("no panic").take());
    let end = waiting.next().await.expect("it is told").expect_err("the mediator stops");
    assert_eq!(end.code(), Code::Unavailable);
    assert!(waiting.next().await.is_none());
}

#[tokio::test]
async fn faults_end_a_stream_and_the_node_and_are_not_told() {
    let fake = Fake::new(false);
    fake.finish(1..2, 1);
    let stopped = Arc::new(Mutex::new(Vec::new()));
    let by = Arc::clone(&stopped);
    let stop = StopNode::new(move |fault| by.lock().expect("no panic").push(fault.to_string()));
    let stage = running().stopping_by(stop);
    *fake.fault.lock().expect("no panic") = Some(NodeFault::Unavailable);
    let end = subscribe_at(stage.clone(), &fake, None).await.next().await.expect("it is told").expect_err("a fault");
    assert_eq!(end.code(), Code::Unavailable);
    assert!(stopped.lock().expect("no panic").is_empty(), "a node without a database waits for it");
    *fake.fault.lock().expect("no panic") = Some(NodeFault::broken("disk /dev/x"));
    let end = subscribe_at(stage, &fake, None).await.next().await.expect("it is told").expect_err("a fault");
    assert_eq!((end.code(), end.message()), (Code::Internal, "the node failed; see its log"));
    assert_eq!(*stopped.lock().expect("no panic"), ["disk /dev/x"]);
    fake.requests.lock().expect("no panic")[0].views[1].parent = Some(1);
    let end = subscribe(&fake, None).await.next().await.expect("it is told").expect_err("no tree");
    assert_eq!(end.code(), Code::Internal);
    // A source that does not go on would be asked for ever.
    let stuck = Fake::new(true);
    stuck.finish(1..2, 1);
    let end = subscribe(&stuck, None).await.next().await.expect("it is told").expect_err("a fault");
    assert_eq!(end.code(), Code::Internal);
}

#[tokio::test]
async fn there_are_no_verdicts_before_the_mediator_runs() {
    for early in stages_before_running() {
        let service = MediatorInspectionAdmin::new(stage(early), Fake::new(false));
        let refused = service.verdicts(Request::new(VerdictsRequest::default())).await.err().expect("too early");
        assert_eq!(refused.code(), Code::Unimplemented);
    }
}
