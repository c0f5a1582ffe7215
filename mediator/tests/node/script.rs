//! What is sent to the mediator, and what it has to make of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use synod_client::MemberTopology;
use synod_mediator::build::{BuiltRequest, Response, ViewToConfirm, approve};
use synod_mediator::messages::{LocalVerdictCode, RequestUuid};
use synod_mediator::rules::{MediatorRules, RulesSettings};
use synod_mediator::store::FinalizedRow;
use synod_proto::google::rpc::Status;
use synod_proto::protocol::v31::envelope_content::SomeEnvelopeContent;
use synod_topology::broadcast::TopologyTransactionsBroadcast;
use synod_types::{CantonTimestamp, MediatorId, MessageId};
use synod_wire::{Envelope, Recipients};

use crate::bed::*;
use crate::world::{Shell, World};

/// Between two events of a script, in microseconds.
pub(crate) const STEP: i64 = 100_000;

/// A request as it is sent.
pub(crate) struct Sent {
    pub(crate) at: i64,
    pub(crate) built: BuiltRequest,
    pub(crate) envelopes: Vec<(Envelope, Recipients)>,
}

/// A request with an id of its own that follows from `number`, sent at `at`.
pub(crate) fn request(bed: &Bed, (at, number): (i64, u8), views: Vec<ViewToConfirm>, informed: &[&str]) -> Sent {
    let mut draft = bed.draft(views, informed);
    draft.request.uuid = RequestUuid::parse(&format!("0-0-0-0-{number}")).expect("an id");
    draft.request.seed = [number; 32];
    let built = draft.build();
    Sent { at, envelopes: draft.envelopes(&built), built }
}

/// A request that `p1` confirms for `alice`.
pub(crate) fn simple(bed: &Bed, at: i64, number: u8) -> Sent {
    request(bed, (at, number), vec![of_all(&["alice"])], &["p1"])
}

impl Sent {
    /// The approval of a participant for these parties.
    pub(crate) fn approved(&self, bed: &Bed, by: &str, names: &[&str]) -> Vec<(Envelope, Recipients)> {
        self.answered(bed, by, approve(self.built.positions[0].clone(), parties(names)))
    }

    fn rejected(&self, bed: &Bed, by: &str, names: &[&str]) -> Vec<(Envelope, Recipients)> {
        let reason = Status { code: 9, message: "it is locked".to_owned(), details: Vec::new() };
        let approval = approve(self.built.positions[0].clone(), parties(names));
        self.answered(bed, by, Response { code: LocalVerdictCode::Reject, reason, ..approval })
    }

    fn answered(&self, bed: &Bed, by: &str, response: Response) -> Vec<(Envelope, Recipients)> {
        vec![bed.answer((self.at, &self.built.root_hash), by, &[response])]
    }
}

/// One thing that happens.
pub(crate) enum Step {
    /// An event at this time.
    Event(i64, Vec<(Envelope, Recipients)>),
    /// Events that come together, at the time of the last one.
    Burst(Vec<(i64, Vec<(Envelope, Recipients)>)>),
    /// Nothing, until this time.
    Until(i64),
}

/// Several requests at the same time: one is approved, one rejected, one decided by time, one has the id of another one, one
/// is invalid, one has participants that the root hash messages do not name. In between the mediator gets another key.
pub(crate) struct Script {
    pub(crate) steps: Vec<Step>,
    /// The times of the requests, and what they are stored as.
    pub(crate) requests: BTreeMap<i64, Bytes>,
}

impl Script {
    /// The same with events that come together, as far as nothing is between them.
    pub(crate) fn in_bursts(self) -> Self {
        let mut steps = Vec::new();
        for step in self.steps {
            match (step, steps.last_mut()) {
                (Step::Event(time, envelopes), Some(Step::Burst(events))) => events.push((time, envelopes)),
                (Step::Event(time, envelopes), _) => steps.push(Step::Burst(vec![(time, envelopes)])),
                (other, _) => steps.push(other),
            }
        }
        Self { steps, ..self }
    }
}

/// The key that the mediator gets in the script.
pub(crate) const SECOND_KEY: &str = "the second key of m1";

/// The script.
pub(crate) fn interleaved(bed: &Bed) -> Script {
    let two = || vec![of_all(&["alice", "bob"])];
    let time = |step: i64| START + step * STEP;
    let approve = request(bed, (time(0), 1), two(), &["p1", "p2"]);
    let reject = request(bed, (time(1), 2), two(), &["p1", "p2"]);
    let silent = request(bed, (time(2), 3), two(), &["p1", "p2"]);
    let invalid = request(bed, (time(4), 4), two(), &["p1"]);
    let duplicate = request(bed, (time(6), 1), two(), &["p1", "p2"]);
    let late = request(bed, (time(12), 6), vec![of_all(&["alice"])], &["p1"]);
    let last = time(0) + DEADLINE + 10_000_000;
    let after = simple(bed, last, 7);
    let event = |step, envelopes| Step::Event(time(step), envelopes);
    let steps = vec![
        event(0, approve.envelopes.clone()),
        event(1, reject.envelopes.clone()),
        event(2, silent.envelopes.clone()),
        event(3, approve.approved(bed, "p1", &["alice"])),
        event(4, invalid.envelopes.clone()),
        event(5, reject.rejected(bed, "p2", &["bob"])),
        event(6, duplicate.envelopes.clone()),
        event(7, vec![another_key(bed)]),
        event(8, silent.approved(bed, "p1", &["alice"])),
        // It was decided without this one.
        event(9, reject.approved(bed, "p1", &["alice"])),
        event(11, approve.approved(bed, "p2", &["bob"])),
        event(12, late.envelopes.clone()),
        event(13, late.approved(bed, "p1", &["alice"])),
        Step::Until(time(2) + DEADLINE + 2_000_000),
        Step::Event(last, after.envelopes.clone()),
        Step::Event(last + STEP, after.approved(bed, "p1", &["alice"])),
        Step::Until(last + 2 * STEP),
    ];
    let sent = [approve, reject, silent, invalid, duplicate, late, after];
    Script { steps, requests: sent.into_iter().map(|sent| (sent.at, sent.built.content)).collect() }
}

fn another_key(bed: &Bed) -> (Envelope, Recipients) {
    let keys = mediator("m1").with_protocol_key(SECOND_KEY).owner_to_key(2);
    let message =
        TopologyTransactionsBroadcast { psid: bed.psid().clone(), transactions: vec![keys] }.to_proto(VERSION);
    let content = SomeEnvelopeContent::TopologyTransactionsBroadcast(message);
    (unsigned(&envelope_content(content, VERSION)), group_of(&["ALL::All"]))
}

impl World {
    /// Does one step, as far as the mediator comes.
    pub(crate) async fn step(&self, shell: &Shell, step: &Step) {
        match step {
            Step::Until(time) => self.until(shell, *time).await,
            Step::Event(time, envelopes) => {
                self.until(shell, *time).await;
                self.sequence_once(*time, envelopes);
            }
            Step::Burst(events) => {
                if let Some((last, _)) = events.last() {
                    self.until(shell, *last).await;
                }
                events.iter().for_each(|(time, envelopes)| self.sequence_once(*time, envelopes));
            }
        }
        self.rest(shell).await;
    }

    /// The process may have ended in this step before.
    fn sequence_once(&self, time: i64, envelopes: &[(Envelope, Recipients)]) {
        if self.sequencer.events().iter().all(|event| event.timestamp != at(time)) {
            self.sequencer.sequence(at(time), envelopes.to_vec());
        }
    }
}

/// What the rules say to all events that were sequenced: requests with their verdicts, and the contents that are sent.
pub(crate) fn by_the_rules(world: &World) -> (Vec<FinalizedRow>, BTreeMap<MessageId, Bytes>) {
    let member = mediator("m1").member().clone();
    let id = MediatorId::try_from(member.clone()).expect("a mediator");
    let mut rules = MediatorRules::new(world.bed.psid().clone(), id, RulesSettings::default());
    let before = Some(at(START - HOUR));
    let mut topology = MemberTopology::resume(world.bed.topology.clone(), &member, before).expect("a topology");
    let (mut finalized, mut sent) = (Vec::new(), BTreeMap::new());
    for event in world.sequencer.events() {
        topology.observe(&event);
        let outcome = rules.handle(&event, topology.state());
        finalized.extend(outcome.finalized.into_iter().map(|decided| FinalizedRow {
            request_id: decided.request_id,
            request: decided.request,
            finalization_time: decided.finalization_time,
            verdict: decided.verdict.to_versioned_bytes(),
        }));
        let mut numbers: BTreeMap<CantonTimestamp, usize> = BTreeMap::new();
        for submission in outcome.submissions {
            let number = numbers.entry(submission.request_id).or_default();
            let name = format!("verdict-{}-{number}", submission.request_id.as_micros());
            sent.insert(MessageId::parse(&name).expect("a name"), submission.result.to_typed_content(VERSION));
            *number += 1;
        }
    }
    finalized.sort_by_key(|row| row.request_id);
    (finalized, sent)
}
