//! The participants of a run, and what all its tasks share.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use synod_client::{ClientError, ConnectOptions, MemberIdentity, OnboardingLimits, SequencerConnection, Session};
use synod_crypto::SigningPrivateKey;
use synod_types::{CantonTimestamp, Recipient};
use synod_wire::{Batch, Recipients};

use super::ConfirmPlan;
use super::tally::Tally;
use crate::bench::load;
use crate::transactions::{Informee, Place, unsigned};

/// Different views for the same informees.
const VARIETY: usize = 20;

/// A participant, registered.
#[derive(Debug)]
pub(super) struct Participant {
    pub(super) identity: Arc<MemberIdentity>,
    pub(super) session: Session,
    pub(super) informee: Informee,
    pub(super) key: SigningPrivateKey,
}

impl Participant {
    /// A fresh one with a connection of its own.
    pub(super) async fn register(
        connection: &SequencerConnection,
        url: &str,
        index: usize,
    ) -> Result<Self, ClientError> {
        let (identity, session) = register(connection, url, &format!("confirm{index}")).await?;
        let informee = Informee::new(session.member())?;
        let key = session.signer().first_protocol_key()?;
        Ok(Self { identity, session, informee, key })
    }
}

/// A fresh participant of this name with a connection of its own.
pub(super) async fn register(
    connection: &SequencerConnection,
    url: &str,
    name: &str,
) -> Result<(Arc<MemberIdentity>, Session), ClientError> {
    let identity = Arc::new(MemberIdentity::fresh_participant(name)?);
    connection.onboard(&identity, OnboardingLimits::default()).await?;
    let own = SequencerConnection::open(url, &ConnectOptions::default()).await?;
    Ok((Arc::clone(&identity), Session::new(own, identity)))
}

/// What all tasks of a run share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) plan: ConfirmPlan,
    pub(super) place: Place,
    pub(super) participants: Vec<Participant>,
    pub(super) tally: Arc<Tally>,
    /// Microseconds of the last event that anybody saw.
    latest: AtomicI64,
    /// Of each submitter the views of its requests, made when they are first needed: a generator that compressed each of
    /// them would be busier than the sequencer.
    views: Vec<[OnceLock<Batch>; VARIETY]>,
}

impl Shared {
    pub(super) fn new(plan: ConfirmPlan, place: Place, participants: Vec<Participant>, tally: Arc<Tally>) -> Self {
        let views = participants.iter().map(|_| [const { OnceLock::new() }; VARIETY]).collect();
        Self { plan, place, participants, tally, latest: AtomicI64::new(0), views }
    }

    /// Who takes part in the request of this number; the first one submits it.
    pub(super) fn informees(&self, number: u64) -> impl Iterator<Item = usize> + use<> {
        let count = self.participants.len();
        let first = usize::try_from(number % count as u64).unwrap_or(0);
        (0..self.plan.informees.min(count)).map(move |step| (first + step) % count)
    }

    /// Bytes of this size for the informees of a request: what they see of the transaction, as if encrypted.
    pub(super) fn views(&self, number: u64) -> Option<Batch> {
        let submitter = self.informees(number).next()?;
        let slot = self.views.get(submitter)?.get(usize::try_from(number % VARIETY as u64).ok()?)?;
        if let Some(made) = slot.get() {
            return Some(made.clone());
        }
        let informees = self.informees(number).filter_map(|index| self.participants.get(index));
        let recipients = informees.map(|one| Recipient::Member(one.session.member().clone()));
        let content = load::content(self.plan.load.payload.bytes(number), number);
        let envelope = (unsigned(content), Recipients::group(recipients)?);
        let made = Batch::new(self.place.psid.protocol_version(), vec![envelope]);
        Some(slot.get_or_init(|| made).clone())
    }

    pub(super) fn observe(&self, time: CantonTimestamp) {
        self.latest.fetch_max(time.as_micros(), Ordering::Relaxed);
    }

    /// The last time that anybody saw.
    pub(super) fn latest(&self) -> CantonTimestamp {
        CantonTimestamp::from_micros(self.latest.load(Ordering::Relaxed)).unwrap_or(CantonTimestamp::EPOCH)
    }
}
