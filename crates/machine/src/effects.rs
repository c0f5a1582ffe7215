//! What a delivered event does to the synchronizer itself: topology, registrations, purchases. It addresses the sequencers or
//! everybody, so it is the last of its chunk, and the next chunk sees what it did.

use synod_topology::SignedTopologyTransaction;
use synod_topology::broadcast::parse_transactions;
use synod_types::{CantonTimestamp, Recipient};
use synod_wire::{Batch, Envelope, EnvelopeContent};

use crate::draft::Draft;
use crate::ordered::MAX_BYTES_TO_DECOMPRESS;
use crate::parallel;
use crate::traffic::purchases;
use crate::validation::Timed;

impl Draft<'_> {
    /// Applies the envelopes of a delivered event that are for the sequencers.
    pub(crate) fn apply_to_synchronizer(&mut self, timed: Timed<'_>, batch: &Batch) {
        let mut transactions = Vec::new();
        let mut limits = Vec::new();
        for (index, recipients) in batch.recipients().iter().enumerate() {
            let recipients: Vec<Recipient> = recipients.all_recipients().into_iter().collect();
            let everybody = recipients.contains(&Recipient::AllMembersOfSynchronizer);
            let sequencers = recipients.contains(&Recipient::SequencersOfSynchronizer);
            if !everybody && !sequencers {
                continue;
            }
            let Ok(envelope) = batch.open_envelope(index, MAX_BYTES_TO_DECOMPRESS) else { continue };
            if everybody && timed.submission.request.topology_timestamp.is_none() {
                transactions.extend(self.broadcast(&envelope));
            }
            // The topology that a purchase needs must be that of the event.
            if timed.submission.request.topology_timestamp.is_none_or(|asked| asked == timed.time) {
                limits.extend(purchases(&self.state, timed.time, [(&envelope, recipients)]));
            }
        }
        if !transactions.is_empty() {
            self.topology(timed, transactions);
        }
        for row in limits {
            if self.state.traffic.purchase(row.clone()) {
                self.hash.traffic_purchased(&row);
                self.outcome.traffic_purchased.push(row);
            }
        }
    }

    /// The transactions of a topology broadcast to everybody (ch. 02 §3.2). An envelope that does not parse is left out as a whole.
    fn broadcast(&self, envelope: &Envelope) -> Vec<SignedTopologyTransaction> {
        if !envelope.signatures.is_empty() {
            return Vec::new();
        }
        let version = self.state.protocol_version();
        let Ok(EnvelopeContent::TopologyBroadcast(broadcast)) = EnvelopeContent::parse(&envelope.content, version)
        else {
            return Vec::new();
        };
        if broadcast.psid != *self.state.psid() {
            return Vec::new();
        }
        parse_transactions(&broadcast.transactions, version).unwrap_or_default()
    }

    fn topology(&mut self, timed: Timed<'_>, transactions: Vec<SignedTopologyTransaction>) {
        let effective = self.state.synchronizer.effective(timed.time);
        self.verify_in_advance(effective, &transactions);
        let changes = self.state.topology.apply(timed.time, effective, transactions, false);
        self.hash.topology(&changes);
        for (member, registered_from) in &changes.registrations {
            if let Some(registration) = self.state.members.register(member.clone(), *registered_from) {
                self.hash.registration(&registration);
                self.outcome.registrations.push(registration);
            }
        }
        self.outcome.topology.append(changes);
    }
    /// Verifies the signatures of the transactions in parallel; applying them then finds those that are valid.
    fn verify_in_advance(&mut self, effective: CantonTimestamp, transactions: &[SignedTopologyTransaction]) {
        let tasks = self.state.topology.signature_tasks(effective, transactions, false);
        let restrictions = self.state.topology.crypto_restrictions();
        let verified = parallel::map(self.machine.threads, &tasks, |task| task.verify(restrictions));
        let valid: Vec<_> =
            tasks.into_iter().zip(verified).filter(|(_, verified)| verified.is_ok()).map(|(task, _)| task).collect();
        self.state.topology.remember_valid(&valid);
    }
}
