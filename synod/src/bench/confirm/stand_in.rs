//! A member in place of the mediators: approves a request with its last answer. It verifies and stores nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use synod_client::{ClientError, SequencerConnection, Session, Submission, max_sequencing_time};
use synod_crypto::{KeyUsages, protocol_message_hash};
use synod_mediator::messages::{ConfirmationResult, MediatorMessage, Verdict, ViewType};
use synod_types::{CantonTimestamp, Member, MessageId, Recipient};
use synod_wire::{Batch, Envelope, Recipients, SequencedEvent, SequencedEventContent};
use tokio::task::JoinHandle;

use super::answers::{open, read};
use super::participants::{Shared, register};
use super::wrong;
use crate::bench::load::{self, MAX_SEQUENCING_DELAY};

/// The member.
#[derive(Debug)]
pub(super) struct StandIn(Session);

impl StandIn {
    pub(super) async fn register(connection: &SequencerConnection, url: &str) -> Result<Self, ClientError> {
        register(connection, url, "decider").await.map(|(_, session)| Self(session))
    }

    pub(super) fn member(&self) -> &Member {
        self.0.member()
    }

    /// Decides until the subscription ends.
    pub(super) async fn start(self, shared: &Arc<Shared>) -> Result<JoinHandle<()>, ClientError> {
        let events = self.0.subscribe(None, Vec::new()).await?;
        let (shared, session) = (Arc::clone(shared), self.0);
        Ok(tokio::spawn(async move {
            let mut answers: BTreeMap<CantonTimestamp, usize> = BTreeMap::new();
            let take = |event: &SequencedEvent| {
                for request_id in answered(event) {
                    let count = answers.entry(request_id).or_default();
                    *count += 1;
                    if *count == shared.plan.informees {
                        answers.remove(&request_id);
                        tokio::spawn(approve(Arc::clone(&shared), session.clone(), request_id));
                    }
                }
            };
            let reason = read(events, take).await;
            shared.tally.subscription_ended(reason);
        }))
    }
}

/// The requests that the event has answers to.
fn answered(event: &SequencedEvent) -> Vec<CantonTimestamp> {
    let SequencedEventContent::Deliver { batch } = &event.content else { return Vec::new() };
    let answers = open(batch, |_| true).filter(|envelope| !envelope.signatures.is_empty()).filter_map(|envelope| {
        match MediatorMessage::parse(&envelope.content) {
            Ok(MediatorMessage::ConfirmationResponses(responses)) => Some(responses.request_id),
            _ => None,
        }
    });
    answers.collect()
}

async fn approve(shared: Arc<Shared>, session: Session, request_id: CantonTimestamp) {
    let sent = match made(&shared, &session, request_id) {
        Ok(submission) => session.send(submission).await,
        Err(error) => Err(error),
    };
    if let Err(error) = sent {
        shared.tally.not_made(&load::name_of(&error));
    }
}

fn made(shared: &Shared, session: &Session, request_id: CantonTimestamp) -> Result<Submission, ClientError> {
    let (number, root_hash) = shared.tally.request(request_id).ok_or_else(|| wrong("an unknown request"))?;
    let psid = shared.place.psid.clone();
    let version = psid.protocol_version();
    let (view_type, verdict) = (ViewType::Transaction, Verdict::Approve);
    let content = ConfirmationResult { psid, view_type, request_id, root_hash, verdict }.to_typed_content(version);
    let key = session.signer().first_protocol_key()?;
    let signature = key.sign(&protocol_message_hash(&content), KeyUsages::PROTOCOL).map_err(ClientError::Sign)?;
    let informees = shared.informees(number).filter_map(|index| shared.participants.get(index));
    let trees = informees.map(|one| (0, [Recipient::Member(one.session.member().clone())].into_iter().collect()));
    let recipients = Recipients::from_preorder(trees).ok_or_else(|| wrong("nobody takes part"))?;
    let batch = Batch::new(version, vec![(Envelope { content, signatures: vec![signature] }, recipients)]);
    let message_id = MessageId::parse(&format!("verdict-{number}")).map_err(wrong)?;
    Ok(Submission::new(message_id, batch, max_sequencing_time(MAX_SEQUENCING_DELAY)))
}
