//! Outcomes in, one transaction for as many as there are, then the sends (chapter 04 §5.2: what is sent is stored first).

use std::collections::BTreeMap;
use std::sync::Arc;

use synod_client::MemberSigner;
use synod_ordering::Clock;
use synod_runtime::Chain;
use synod_store::Lease;
use synod_topology::Snapshot;
use synod_types::{CantonTimestamp, MessageId};
use tokio::sync::{mpsc, watch};

use super::fault::MediatorFault;
use super::head::MediatorHead;
use super::metrics::MediatorMetrics;
use super::processor::{Processed, Receipt};
use super::sender::Sending;
use super::settings::MediatorSettings;
use super::signer;
use crate::messages::Verdict;
use crate::rules::{AlarmKind, FinalizedRequest, Outcome, SendDecision, Severity, VerdictSubmission};
use crate::store::{DeduplicationRow, FinalizedRow, MediatorCommit, MediatorStore, SubmissionRow};

/// Most events of one transaction.
const MAX_EVENTS: usize = 512;

/// The task that stores.
pub(super) struct Committer {
    pub(super) store: MediatorStore,
    pub(super) lease: Lease,
    pub(super) signer: MemberSigner,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: MediatorSettings,
    pub(super) head: watch::Sender<MediatorHead>,
    pub(super) clean: watch::Sender<Option<CantonTimestamp>>,
    pub(super) sending: mpsc::Sender<Sending>,
    pub(super) metrics: MediatorMetrics,
}

impl Committer {
    /// Until there are no more outcomes.
    pub(super) async fn run(self, mut outcomes: mpsc::Receiver<Processed>) -> Result<(), MediatorFault> {
        let mut group = Vec::with_capacity(MAX_EVENTS);
        while outcomes.recv_many(&mut group, MAX_EVENTS).await > 0 {
            self.commit(std::mem::take(&mut group)).await?;
        }
        Ok(())
    }

    async fn commit(&self, group: Vec<Processed>) -> Result<(), MediatorFault> {
        let Some(last) = group.last() else { return Ok(()) };
        let head = MediatorHead {
            topology: last.topology.clone(),
            // After a restart events come again: what was stored stays so.
            processed: self.head.borrow().processed.max(Some(last.time)),
            clean: last.clean,
            pending: last.pending,
        };
        let mut commit = MediatorCommit::new(last.time, last.clean);
        let mut receipts = Vec::new();
        for processed in group {
            self.tell(&processed.outcome);
            commit.topology.append(processed.changes);
            receipts.extend(processed.receipt);
            // By what is in force at the event: later changes are not effective yet.
            let now = processed.topology.snapshot(processed.time.immediate_successor());
            self.add(processed.outcome, &now, &mut commit);
        }
        commit.receipts = receipts.iter().map(|receipt| receipt.message_id.clone()).collect();
        let report = self.store.commit(&self.lease, &commit).await?;
        self.metrics.outstanding.set(i64::try_from(head.pending).unwrap_or(i64::MAX));
        self.clean.send_if_modified(|clean| std::mem::replace(clean, head.clean) != head.clean);
        self.head.send_replace(head);
        // Of what was stored before, the copy that is stored counts: it has the bytes that may have been sent already.
        let new = commit.submissions.into_iter().filter(|row| report.new_submissions.contains(&row.message_id));
        let sending = Sending { rows: new.collect(), receipts };
        if !sending.is_empty() && self.sending.send(sending).await.is_err() {
            tracing::debug!("nothing is sent any more");
        }
        Ok(())
    }

    fn add(&self, outcome: Outcome, now: &Snapshot, commit: &mut MediatorCommit) {
        let Outcome { deduplicated, finalized, submissions, .. } = outcome;
        commit.deduplication.extend(deduplicated.into_iter().map(|entry| DeduplicationRow {
            uuid: entry.uuid,
            request_time: entry.request_time,
            expire_after: entry.expire_after,
        }));
        commit.finalized.extend(finalized.into_iter().map(|request| FinalizedRow {
            request_id: request.request_id,
            request: request.request,
            finalization_time: request.finalization_time,
            verdict: request.verdict.to_versioned_bytes(),
        }));
        let mut numbers: BTreeMap<CantonTimestamp, usize> = BTreeMap::new();
        for verdict in &submissions {
            let number = numbers.entry(verdict.request_id).or_default();
            commit.submissions.extend(self.submission(verdict, *number, now));
            *number += 1;
        }
    }

    /// The signed submission; `None` when this mediator does not send it.
    fn submission(&self, verdict: &VerdictSubmission, number: usize, now: &Snapshot) -> Option<SubmissionRow> {
        let request_id = verdict.request_id;
        let send_at = self.send_at(verdict)?;
        let message_id = message_id(request_id, number);
        match signer::sign(&self.signer, verdict, message_id.clone(), now) {
            Ok(signed) => {
                let decision_time = verdict.max_sequencing_time;
                Some(SubmissionRow { message_id, request_id, signed, send_at, decision_time })
            }
            Err(error) => {
                tracing::error!(request = %request_id, error = %Chain(&error), "a verdict is not sent");
                self.metrics.submissions.with_label_values(&["not_signed"]).inc();
                None
            }
        }
    }

    /// A spare mediator waits, unless the decision time is near by the clock of this machine.
    fn send_at(&self, verdict: &VerdictSubmission) -> Option<CantonTimestamp> {
        let now = self.clock.now();
        match verdict.send {
            SendDecision::Now => Some(now),
            SendDecision::After(delay) => {
                let later = now.saturating_add(delay);
                let is_late =
                    later.saturating_add(self.settings.immediate_before_deadline) > verdict.max_sequencing_time;
                Some(if is_late { now } else { later })
            }
            SendDecision::Never => None,
        }
    }

    fn tell(&self, outcome: &Outcome) {
        for alarm in &outcome.alarms {
            self.metrics.alarms.with_label_values(&[alarm.kind.name()]).inc();
            let (kind, cause) = (alarm.kind.name(), &alarm.cause);
            match alarm.kind.severity() {
                Severity::Info => tracing::info!(kind, %cause, "a message was not used"),
                Severity::Warning => tracing::warn!(kind, %cause, "a message was not used"),
                Severity::Alarm => tracing::error!(kind, %cause, "alarm"),
            }
        }
        let duplicates = outcome.alarms.iter().filter(|alarm| alarm.kind == AlarmKind::Duplicate).count();
        self.metrics.requests.with_label_values(&["true"]).inc_by(duplicates as u64);
        self.metrics.requests.with_label_values(&["false"]).inc_by(outcome.opened as u64);
        for (party, participant) in &outcome.unresponsive {
            let labels = [party.as_str(), &participant.uid().to_string()];
            self.metrics.unresponsive.with_label_values(&labels).inc();
        }
        for FinalizedRequest { request_id, verdict, .. } in &outcome.finalized {
            let name = match verdict {
                Verdict::Approve => "approve",
                Verdict::ParticipantReject { .. } => "participant_reject",
                Verdict::MediatorReject { .. } => "mediator_reject",
            };
            self.metrics.decided.with_label_values(&[name]).inc();
            if *verdict == Verdict::Approve {
                self.metrics.approved.inc();
            }
            tracing::debug!(request = %request_id, verdict = name, "decided");
        }
    }
}

/// The name of a submission follows from its request, so that it has the same one when it is made again.
fn message_id(request_id: CantonTimestamp, number: usize) -> MessageId {
    MessageId::parse(&format!("verdict-{}-{number}", request_id.as_micros())).expect("it is shorter than the limit")
}

impl Sending {
    fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.receipts.is_empty()
    }
}

/// Of an own submission.
pub(super) fn log_refusal(receipt: &Receipt) {
    let Some(status) = &receipt.refused else { return };
    let id = synod_client::error_id(status).unwrap_or_else(|| "an unknown error".to_owned());
    let message_id = receipt.message_id.as_str();
    if id.starts_with("SEQUENCER_AGGREGATE_SUBMISSION_ALREADY_SENT") {
        tracing::info!(message_id, "other mediators were faster");
    } else {
        tracing::warn!(message_id, error = id, "a submission was refused after it was sequenced");
    }
}
