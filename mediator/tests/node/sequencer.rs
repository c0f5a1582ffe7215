//! A sequencer that does what the test says: the total order of the events of one mediator, and the calls that it makes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use prost::Message as _;
use synod_client::{ClientError, MemberTopology, ReceivedEvent, SignedSubmission};
use synod_mediator::node::{MediatorEvents, SequencerLink};
use synod_ordering::Clock;
use synod_proto::google::rpc::Status;
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MessageId, PhysicalSynchronizerId};
use synod_wire::{
    AggregationId, Batch, Envelope, Recipients, SequencedEvent, SequencedEventContent, SignedContent,
    SubmissionRequest, status,
};
use tokio::sync::Notify;
use tokio::time::Instant;

const MAX_BYTES: usize = 10_000_000;

/// The time of the machine: it goes with tokio's clock, which the test moves.
#[derive(Debug)]
pub(crate) struct TestClock {
    beginning: CantonTimestamp,
    since: Instant,
}

impl TestClock {
    /// Shows `beginning` now.
    pub(crate) fn new(beginning: CantonTimestamp) -> Self {
        Self { beginning, since: Instant::now() }
    }
}

impl Clock for TestClock {
    fn now(&self) -> CantonTimestamp {
        self.beginning.saturating_add(self.since.elapsed())
    }
}

/// What a call is answered with; it is taken when nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// `SEQUENCER_OVERLOADED`; it is not sequenced.
    Overloaded,
    /// A refusal for good; it is not sequenced.
    Refused,
    /// Taken, and then it is lost.
    Lost,
    /// It is sequenced, but the answer says that the sequencer is not there.
    TakenUnavailable,
    /// No answer ever; it is not sequenced.
    Silence,
    /// No answer ever, and it is sequenced.
    TakenInSilence,
}

/// A call of the mediator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) message_id: MessageId,
    /// When, by the clock of the machine.
    pub(crate) at: CantonTimestamp,
    /// What was sent; nothing of a request for the time.
    pub(crate) bytes: Bytes,
}

/// A submission of the mediator that was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) message_id: MessageId,
    /// The whole submission.
    pub(crate) signed: Bytes,
    pub(crate) envelope: Envelope,
}

#[derive(Debug, Default)]
struct State {
    events: Vec<SequencedEvent>,
    /// So many events of all the mediator may see.
    limit: Option<usize>,
    /// Events that were handed out, in all runs.
    handed: usize,
    verdict_answers: VecDeque<Answer>,
    time_answers: VecDeque<Answer>,
    verdicts: Vec<Call>,
    ticks: Vec<Call>,
    acknowledged: Vec<CantonTimestamp>,
    aggregations: BTreeSet<AggregationId>,
    deliveries: Vec<Delivery>,
    refusals: usize,
    /// Places where the run could have ended.
    points: Vec<String>,
    /// The run ends at the point with this number.
    end_at: Option<usize>,
    ended: bool,
    broken: bool,
    panics: bool,
    blocks_verdicts: bool,
}

/// The sequencer.
#[derive(Debug)]
pub(crate) struct Sequencer {
    psid: PhysicalSynchronizerId,
    clock: Arc<TestClock>,
    state: Mutex<State>,
    changed: Notify,
}

impl Sequencer {
    pub(crate) fn new(psid: PhysicalSynchronizerId, clock: Arc<TestClock>) -> Self {
        Self { psid, clock, state: Mutex::default(), changed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }

    fn append(
        &self,
        state: &mut State,
        at: CantonTimestamp,
        message_id: Option<MessageId>,
        content: SequencedEventContent,
    ) {
        let previous_timestamp = state.events.last().map(|event| event.timestamp);
        assert!(previous_timestamp.is_none_or(|before| before < at), "time goes on");
        state.events.push(SequencedEvent {
            previous_timestamp,
            timestamp: at,
            psid: self.psid.clone(),
            message_id,
            content,
            topology_timestamp: None,
            traffic_receipt: None,
        });
        self.changed.notify_waiters();
    }

    /// Sequences what others send to the mediator.
    pub(crate) fn sequence(&self, at: CantonTimestamp, envelopes: Vec<(Envelope, Recipients)>) {
        let batch = Batch::new(self.psid.protocol_version(), envelopes);
        self.append(&mut self.state(), at, None, SequencedEventContent::Deliver { batch });
    }

    /// Sequences a submission of the mediator: its event is a receipt or a refusal.
    fn sequence_own(&self, message_id: MessageId, refused: impl FnOnce(&mut State, CantonTimestamp) -> Option<Bytes>) {
        let mut state = self.state();
        let now = self.clock.now();
        let at = state.events.last().map_or(now, |event| event.timestamp.immediate_successor().max(now));
        let content = match refused(&mut state, at) {
            Some(status) => SequencedEventContent::Error { status },
            None => SequencedEventContent::Deliver { batch: Batch::empty(self.psid.protocol_version()) },
        };
        self.append(&mut state, at, Some(message_id), content);
    }

    fn sequence_verdict(&self, signed: &Bytes) {
        let version = self.psid.protocol_version();
        let content = SignedContent::parse(signed).expect("a signed submission").content;
        let request = SubmissionRequest::parse(&content, version, MAX_BYTES).expect("a submission");
        let id = request.aggregation_id(MAX_BYTES).expect("envelopes").expect("a verdict has a rule");
        let delivery = Delivery {
            message_id: request.message_id.clone(),
            signed: signed.clone(),
            envelope: request.batch.open_envelope(0, MAX_BYTES).expect("an envelope"),
        };
        self.sequence_own(request.message_id.clone(), |state, at| {
            if at > request.max_sequencing_time {
                state.refusals += 1;
                return Some(status::max_sequencing_time_exceeded(at, request.max_sequencing_time, "too late"));
            }
            if !state.aggregations.insert(id) {
                state.refusals += 1;
                return Some(status::aggregate_submission_already_sent("it was sent"));
            }
            state.deliveries.push(delivery);
            None
        });
    }

    /// What the next verdicts are answered with.
    pub(crate) fn answer_verdicts(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().verdict_answers.extend(answers);
    }

    /// What the next requests for the time are answered with.
    pub(crate) fn answer_ticks(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().time_answers.extend(answers);
    }

    /// Only the first `count` events are handed out.
    pub(crate) fn pause_after(&self, count: usize) {
        self.state().limit = Some(count);
    }

    /// All events are handed out again.
    pub(crate) fn go_on(&self) {
        self.state().limit = None;
        self.changed.notify_waiters();
    }

    /// Whether calls with verdicts wait until they are let through.
    pub(crate) fn block_verdicts(&self, blocks: bool) {
        self.state().blocks_verdicts = blocks;
        self.changed.notify_waiters();
    }

    /// The next acknowledgement panics.
    pub(crate) fn panic_when_acknowledged(&self) {
        self.state().panics = true;
    }

    /// The events of the mediator end with an error.
    pub(crate) fn break_events(&self) {
        self.state().broken = true;
        self.changed.notify_waiters();
    }

    /// The calls with verdicts.
    pub(crate) fn verdicts(&self) -> Vec<Call> {
        self.state().verdicts.clone()
    }

    /// The requests for the time.
    pub(crate) fn ticks(&self) -> Vec<Call> {
        self.state().ticks.clone()
    }

    /// The verdicts that were delivered.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.state().deliveries.clone()
    }

    /// The same by message id; no message id was delivered twice.
    pub(crate) fn deliveries_by_id(&self) -> BTreeMap<MessageId, Delivery> {
        let deliveries = self.deliveries();
        let count = deliveries.len();
        let by_id: BTreeMap<_, _> = deliveries.into_iter().map(|sent| (sent.message_id.clone(), sent)).collect();
        assert_eq!(by_id.len(), count, "a message id is delivered once");
        by_id
    }

    /// Verdicts that were refused when they were sequenced.
    pub(crate) fn refusals(&self) -> usize {
        self.state().refusals
    }

    /// The times that were acknowledged.
    pub(crate) fn acknowledged(&self) -> Vec<CantonTimestamp> {
        self.state().acknowledged.clone()
    }

    /// The total order.
    pub(crate) fn events(&self) -> Vec<SequencedEvent> {
        self.state().events.clone()
    }

    /// The last event.
    pub(crate) fn last(&self) -> Option<CantonTimestamp> {
        self.state().events.last().map(|event| event.timestamp)
    }

    /// How many events were handed out, in all runs.
    pub(crate) fn handed(&self) -> usize {
        self.state().handed
    }

    /// Grows whenever something happens here.
    pub(crate) fn activity(&self) -> usize {
        let state = self.state();
        state.events.len() + state.handed + state.verdicts.len() + state.ticks.len() + state.acknowledged.len()
    }

    /// The next run ends at the point with this number, counted from the beginning of the test.
    pub(crate) fn end_at(&self, point: usize) {
        self.state().end_at = Some(point);
    }

    /// The points that were passed.
    pub(crate) fn points(&self) -> Vec<String> {
        self.state().points.clone()
    }

    /// Whether the run has come to its end; asks once.
    pub(crate) fn take_ended(&self) -> bool {
        std::mem::take(&mut self.state().ended)
    }

    /// Waits until the run has come to its end.
    pub(crate) async fn ended(&self) {
        loop {
            let changed = self.changed.notified();
            if self.state().ended {
                return;
            }
            changed.await;
        }
    }

    /// A place where the run can end: then this never returns.
    pub(crate) async fn point(&self, name: impl Into<String>) {
        let ends = {
            let mut state = self.state();
            let ends = state.end_at == Some(state.points.len());
            state.points.push(name.into());
            state.ended |= ends;
            ends || state.ended
        };
        if ends {
            self.changed.notify_waiters();
            pending::<()>().await;
        }
    }

    /// The events of a run, again from `resume_at` on.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        resume_at: Option<CantonTimestamp>,
        topology: MemberTopology,
    ) -> Subscription {
        let position = match resume_at {
            None => 0,
            Some(at) => {
                let state = self.state();
                let found = state.events.iter().position(|event| event.timestamp == at);
                found.expect("a subscription begins with an event")
            }
        };
        Subscription { sequencer: Arc::clone(self), position, topology }
    }
}

fn error(status: Bytes) -> ClientError {
    let decoded = Status::decode(status.clone()).expect("a status");
    let status = tonic::Status::with_details(tonic::Code::from(decoded.code), decoded.message, status);
    ClientError::Call { call: "SendAsync", status: Box::new(status) }
}

#[async_trait]
impl SequencerLink for Sequencer {
    async fn send(&self, submission: SignedSubmission) -> Result<(), ClientError> {
        let (message_id, at) = (submission.message_id.clone(), self.clock.now());
        self.state().verdicts.push(Call { message_id: message_id.clone(), at, bytes: submission.bytes.clone() });
        self.point(format!("{message_id:?} is stored, not sent")).await;
        loop {
            let changed = self.changed.notified();
            if !self.state().blocks_verdicts {
                break;
            }
            changed.await;
        }
        let answer = self.state().verdict_answers.pop_front();
        match answer {
            None => self.sequence_verdict(&submission.bytes),
            Some(Answer::Lost) => {}
            Some(Answer::Overloaded) => return Err(error(status::overloaded("too much"))),
            Some(Answer::Refused) => return Err(error(status::submission_request_refused("no"))),
            Some(Answer::Silence) => pending().await,
            Some(Answer::TakenInSilence) => {
                self.sequence_verdict(&submission.bytes);
                pending().await
            }
            Some(Answer::TakenUnavailable) => {
                self.sequence_verdict(&submission.bytes);
                return Err(error(status::unavailable("gone")));
            }
        }
        self.point(format!("{message_id:?} is sent, its receipt not handed out")).await;
        Ok(())
    }

    async fn ask_for_time(&self, message_id: MessageId, _: &Snapshot) -> Result<(), ClientError> {
        self.state().ticks.push(Call { message_id: message_id.clone(), at: self.clock.now(), bytes: Bytes::new() });
        self.point("the time is asked for").await;
        let answer = self.state().time_answers.pop_front();
        match answer {
            None => self.sequence_own(message_id, |_, _| None),
            Some(Answer::Lost) => {}
            Some(Answer::Overloaded) => return Err(error(status::overloaded("too much"))),
            Some(Answer::Refused) => return Err(error(status::submission_request_refused("no"))),
            Some(Answer::Silence) => pending().await,
            Some(Answer::TakenInSilence) => {
                self.sequence_own(message_id, |_, _| None);
                pending().await
            }
            Some(Answer::TakenUnavailable) => {
                self.sequence_own(message_id, |_, _| None);
                return Err(error(status::unavailable("gone")));
            }
        }
        self.point("the time is not handed out").await;
        Ok(())
    }

    async fn acknowledge(&self, time: CantonTimestamp, _: &Snapshot) -> Result<(), ClientError> {
        let panics = {
            let mut state = self.state();
            state.acknowledged.push(time);
            state.panics
        };
        assert!(!panics, "the test wants a panic");
        Ok(())
    }
}

/// The events of one run.
#[derive(Debug)]
pub(crate) struct Subscription {
    sequencer: Arc<Sequencer>,
    position: usize,
    topology: MemberTopology,
}

#[async_trait]
impl MediatorEvents for Subscription {
    async fn next(&mut self) -> Result<ReceivedEvent, ClientError> {
        let sequencer = Arc::clone(&self.sequencer);
        let event = loop {
            let changed = sequencer.changed.notified();
            let next = {
                let state = sequencer.state();
                if state.broken {
                    return Err(ClientError::Timeout { what: "an event", limit: Duration::ZERO });
                }
                let visible = state.limit.unwrap_or(usize::MAX).min(state.events.len());
                state.events[..visible].get(self.position).cloned()
            };
            match next {
                Some(event) => break event,
                None => changed.await,
            }
        };
        sequencer.point(format!("the event at {} is not handed out", event.timestamp)).await;
        self.position += 1;
        sequencer.state().handed += 1;
        let topology = self.topology.observe(&event);
        Ok(ReceivedEvent { bytes: event.to_versioned_bytes(), event, topology })
    }

    fn topology(&self) -> Option<&MemberTopology> {
        Some(&self.topology)
    }

    fn forget_before(&mut self, time: CantonTimestamp) {
        self.topology.prune(time);
    }
}
