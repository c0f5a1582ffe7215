//! What a submission does after those before it (ch. 03 §3.8): aggregation, traffic, and the event.

use bytes::Bytes;
use synod_types::MemberIndex;
use synod_wire::{Batch, Envelope, SubmissionRequestType, TrafficReceipt};

use crate::aggregate::{self, Change, Step};
use crate::draft::Draft;
use crate::restore::plain_part;
use crate::traffic::{Settled, settle};
use crate::validation::{Prepared, Timed, Validated, Verdict};
use crate::{AggregationChange, Alarm, AlarmKind, EventKind, EventRecipients, EventRecord};

/// What becomes of a submission.
enum Outcome {
    Deliver(Delivery),
    Receipt(Change),
    Reject(Bytes),
}

struct Delivery {
    prepared: Prepared,
    /// The envelopes with all signatures, if it completed an aggregation.
    aggregated: Option<(Change, Vec<Envelope>)>,
}

impl Draft<'_> {
    /// Processes a submission that was checked by itself.
    pub(crate) fn submission(&mut self, timed: Timed<'_>, validated: Validated) {
        let Validated { sender, sizes, verdict } = validated;
        let outcome = match verdict {
            Verdict::Discard(alarm) => Err(alarm),
            Verdict::Reject(status) => Ok(Outcome::Reject(status)),
            Verdict::Pass(prepared) => self.aggregate(timed, sender, prepared),
        };
        let (outcome, sender, sizes) = match (outcome, sender, sizes) {
            (Ok(outcome), Some(sender), Some(sizes)) => (outcome, sender, sizes),
            (Err(alarm), _, _) => return self.alarm(alarm),
            // A request whose envelopes cannot be opened is rejected for something else, and its cost is unknown.
            (Ok(_), _, _) => {
                let alarm = timed.alarm(AlarmKind::InvalidEnvelopeSignature, "its cost cannot be computed");
                return self.alarm(alarm);
            }
        };
        let (settled, consumed) = settle(&self.state, timed.submission, sender, &sizes, timed.time);
        if let Some(row) = consumed {
            self.state.traffic.consume(row);
            self.hash.traffic_consumed(&row);
            self.outcome.traffic_consumed.push(row);
        }
        match settled {
            Settled::Paid(receipt) => self.record(timed, sender, outcome, receipt),
            Settled::Rejected(status, receipt) => self.record(timed, sender, Outcome::Reject(status), receipt),
            Settled::Incorrect(detail) => {
                let alarm = timed.alarm(AlarmKind::IncorrectEventCost, &detail);
                self.alarm(alarm);
            }
        }
    }

    fn aggregate(&self, timed: Timed<'_>, sender: Option<MemberIndex>, prepared: Prepared) -> Result<Outcome, Alarm> {
        let (Some(id), Some(sender)) = (prepared.aggregation, sender) else {
            return Ok(Outcome::Deliver(Delivery { prepared, aggregated: None }));
        };
        match aggregate::contribute(&self.state, timed, sender, &id) {
            Step::Waits(change) => Ok(Outcome::Receipt(change)),
            Step::Rejected(status) => Ok(Outcome::Reject(status)),
            Step::Discarded(kind, detail) => Err(timed.alarm(kind, &detail)),
            Step::Delivers(change, envelopes) => {
                Ok(Outcome::Deliver(Delivery { prepared, aggregated: Some((change, envelopes)) }))
            }
        }
    }

    fn record(&mut self, timed: Timed<'_>, sender: MemberIndex, outcome: Outcome, receipt: Option<TrafficReceipt>) {
        let mut event = EventRecord {
            time: timed.time,
            kind: EventKind::Error,
            sender: Some(sender),
            message_id: timed.submission.request.message_id.clone(),
            recipients: EventRecipients::Members(vec![sender]),
            groups: Vec::new(),
            batch: None,
            status: None,
            topology_timestamp: None,
            receipt,
        };
        let request = timed.submission.request.bytes.clone();
        match outcome {
            Outcome::Reject(status) => {
                event.status = Some(status);
                self.event(event, &request);
            }
            Outcome::Receipt(change) => {
                self.take_over(change);
                event.kind = EventKind::Receipt;
                event.topology_timestamp = timed.submission.request.topology_timestamp;
                self.event(event, &request);
            }
            Outcome::Deliver(delivery) => {
                event.kind = EventKind::Deliver;
                event.topology_timestamp = timed.submission.request.topology_timestamp;
                self.deliver(timed, event, delivery);
            }
        }
    }

    fn deliver(&mut self, timed: Timed<'_>, mut event: EventRecord, delivery: Delivery) {
        let submission = timed.submission;
        let Delivery { prepared, aggregated } = delivery;
        // As many envelopes as the request has: they are its own.
        let aggregated = aggregated.and_then(|(change, envelopes)| {
            self.take_over(change);
            submission.request.batch.with_envelopes(envelopes)
        });
        let batch: &Batch = aggregated.as_ref().unwrap_or(&submission.request.batch);
        event.batch = Some(prepared.batch.unwrap_or_else(|| batch.to_compressed_proto()));
        event.groups = prepared.groups;
        if submission.addressed.everybody {
            event.recipients = EventRecipients::All;
        } else {
            event.recipients = EventRecipients::Members(prepared.recipients.into_iter().collect());
        }
        self.event(event, &submission.request.bytes);
        if submission.addressed.sequencers() {
            self.state.latest_sequencer_event = Some(timed.time);
            self.apply_to_synchronizer(timed, batch);
        }
        if submission.request.request_type() == SubmissionRequestType::TopologyTransaction {
            self.state.latest_pending_topology = Some(timed.time);
        }
    }

    fn take_over(&mut self, change: Change) {
        let Change { id, after, part } = change;
        self.aggregation(AggregationChange::Contributed {
            id,
            max_sequencing_time: after.max_sequencing_time,
            rule: after.rule.encode(),
            contribution: plain_part(&part),
            delivered_at: after.delivered_at,
        });
        self.state.aggregations.insert(id, after);
    }
}
