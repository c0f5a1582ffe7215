//! The events of a member out of the streams of several sequencers (`SequencerSubscriptionPool`).

use std::collections::BTreeMap;
use std::task::{Context, Poll};
use std::time::Duration;

use synod_crypto::SigningPublicKey;
use synod_proto::sequencer::api::v30::SubscriptionResponse;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, SequencerId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::SequencerPool;
use super::merge::{Decided, Merge};
use super::state::{LinkId, PoolState};
use crate::error::causes;
use crate::event::CheckedKeys;
use crate::stream::Responses;
use crate::subscription::{Loss, classify};
use crate::{ClientError, EventError, MemberTopology, ReceivedEvent, StreamChecker};

/// A doubled delay of zero would stay zero.
const SHORTEST_DELAY: Duration = Duration::from_millis(1);

/// By which keys events have to be signed.
#[derive(Debug, Clone)]
pub struct PoolKeys(CheckedKeys);

impl PoolKeys {
    /// By any: signatures are not checked. Only for a member that has no use for the topology.
    pub const UNKNOWN: Self = Self(CheckedKeys::Unknown);
}

impl From<MemberTopology> for PoolKeys {
    /// By those that each sequencer has at the time of the event. The topology follows the events.
    fn from(topology: MemberTopology) -> Self {
        Self(CheckedKeys::Topology { topology: Box::new(topology), sequencer: None })
    }
}

impl From<Vec<SigningPublicKey>> for PoolKeys {
    /// By one of these; none mean that they are unknown.
    fn from(keys: Vec<SigningPublicKey>) -> Self {
        if keys.is_empty() { Self::UNKNOWN } else { Self(CheckedKeys::Fixed(keys)) }
    }
}

/// The events of a member, each once, in order, and delivered alike by as many sequencers as have to agree.
///
/// It is subscribed to at as many sequencers as have to agree and the liveness margin more; where an event waits longer
/// than the delay for requests, at all. Nothing is read while nobody waits for the next event.
#[derive(Debug)]
pub struct PoolSubscription {
    pool: SequencerPool,
    changes: watch::Receiver<u64>,
    merge: Merge,
    streams: Vec<Stream>,
    /// Sequencers whose streams ended without an event since they were opened.
    lost: BTreeMap<SequencerId, Lost>,
    /// Since an event has waited for further sequencers.
    waiting_since: Option<Instant>,
    is_stalled: bool,
    /// The streams have to be compared with the connections.
    is_unsettled: bool,
    /// Why the last sequencer dropped out.
    failure: Option<ClientError>,
    turn: usize,
}

#[derive(Debug)]
struct Stream {
    sequencer: SequencerId,
    link: LinkId,
    responses: Responses,
}

#[derive(Debug)]
struct Lost {
    again_at: Instant,
    delay: Duration,
    /// The sequencer does not take the member.
    is_refusing: bool,
}

type Next = Result<Option<SubscriptionResponse>, ClientError>;

impl PoolSubscription {
    pub(super) fn new(
        pool: SequencerPool,
        psid: PhysicalSynchronizerId,
        resume_at: Option<CantonTimestamp>,
        keys: PoolKeys,
    ) -> Self {
        let (changes, threshold) = (pool.shared().changes(), pool.threshold());
        let merge = Merge::new(StreamChecker::of_keys(psid, keys.0, resume_at), threshold);
        let subscription = Self {
            pool,
            changes,
            merge,
            streams: Vec::new(),
            lost: BTreeMap::new(),
            waiting_since: None,
            is_stalled: false,
            is_unsettled: true,
            failure: None,
            turn: 0,
        };
        subscription.publish_active();
        subscription
    }

    /// The next event. Waits as long as it takes, through losses of connections; the caller sets a limit when it has one. No
    /// event is lost when the future is dropped.
    ///
    /// # Errors
    /// [`ClientError::TooFewSequencers`] when so many sequencers refuse the member or have delivered wrong events that the
    /// rest is too few: it makes no sense to go on unless the connections are changed. [`ClientError::Closed`]. Losses are
    /// none.
    pub async fn next(&mut self) -> Result<ReceivedEvent, ClientError> {
        loop {
            self.settle()?;
            if let Some(decided) = self.merge.decide() {
                return Ok(self.hand_on(decided));
            }
            let wake_at = self.wake_at();
            let Self { changes, merge, streams, turn, .. } = self;
            let next = tokio::select! {
                biased;
                next = std::future::poll_fn(|context| poll_streams(streams, merge, turn, context)) => Some(next),
                _ = changes.changed() => None,
                () = sleep_until(wake_at) => None,
            };
            match next {
                Some((index, next)) => self.take(index, next),
                None => self.is_unsettled = true,
            }
        }
    }

    /// What the member knows of the topology, if the keys come from it.
    #[must_use]
    pub const fn topology(&self) -> Option<&MemberTopology> {
        self.merge.checker().topology()
    }

    /// The same, to forget old parts of it.
    pub const fn topology_mut(&mut self) -> Option<&mut MemberTopology> {
        self.merge.checker_mut().topology_mut()
    }

    /// The sequencers that are subscribed to now.
    pub fn sequencers(&self) -> impl Iterator<Item = &SequencerId> {
        self.streams.iter().map(|stream| &stream.sequencer)
    }

    fn hand_on(&mut self, decided: Decided) -> ReceivedEvent {
        for (sequencer, error) in decided.others {
            self.exclude(&sequencer, error);
        }
        self.is_unsettled |= self.is_stalled;
        (self.waiting_since, self.is_stalled) = (None, false);
        let received = decided.event;
        let event = &received.event;
        self.pool.shared().receipts.observe(event.timestamp, event.message_id.as_ref());
        if !received.topology.inserted.is_empty() {
            self.publish_active();
        }
        for sequencer in self.merge.too_slow() {
            tracing::info!(%sequencer, "a sequencer is far behind the others; subscribing again at the end");
            self.drop_stream(&sequencer);
        }
        received
    }

    /// Submissions go to the sequencers that the topology lists (`HasAcceptableSequencers`).
    fn publish_active(&self) {
        let Some(topology) = self.topology() else { return };
        let group = topology.head_snapshot().sequencer_group();
        let active = group.map(|group| group.active.into_iter().collect());
        self.pool.shared().choose(|state| state.set_active(active));
    }

    /// Compares the streams with the connections when something may have changed: ends those that may not be used any more
    /// or are too many, opens those that are missing.
    fn settle(&mut self) -> Result<(), ClientError> {
        if !self.is_unsettled && !self.changes.has_changed().unwrap_or(true) {
            return Ok(());
        }
        self.changes.borrow_and_update();
        self.is_unsettled = false;
        let pool = self.pool.clone();
        pool.shared().choose(|state| {
            if state.is_closed() {
                self.streams.clear();
                return Err(ClientError::Closed);
            }
            let now = Instant::now();
            self.merge.set_threshold(state.config().threshold());
            self.end_gone(state);
            let is_late = self.stalls_at(state.config().delays().subscription_request).is_some_and(|at| at <= now);
            self.is_stalled |= is_late;
            let all = self.is_stalled || self.merge.is_disputed();
            let wanted = if all { usize::MAX } else { state.config().subscriptions() };
            self.end_surplus(wanted);
            self.open_missing(state, wanted, now);
            self.check_reachable(state, now)
        })
    }

    fn end_gone(&mut self, state: &PoolState) {
        let merge = &mut self.merge;
        self.streams.retain(|stream| {
            let stays = state.may_be_used(stream.link);
            if !stays {
                merge.forget(&stream.sequencer);
            }
            stays
        });
        merge.keep_only(|sequencer| state.is_trusted(sequencer));
        self.lost.retain(|sequencer, _| state.is_trusted(sequencer));
    }

    /// The slowest go.
    fn end_surplus(&mut self, wanted: usize) {
        while self.streams.len() > wanted {
            let place = |(_, stream): &(usize, &Stream)| self.merge.place(&stream.sequencer);
            let Some((index, _)) = self.streams.iter().enumerate().min_by_key(place) else { return };
            let stream = self.streams.swap_remove(index);
            self.merge.close(&stream.sequencer);
        }
    }

    /// Those that were not lost come first.
    fn open_missing(&mut self, state: &mut PoolState, wanted: usize, now: Instant) {
        if self.streams.len() >= wanted {
            return;
        }
        let mut all = state.one_each();
        all.sort_by_key(|(sequencer, ..)| self.lost.contains_key(sequencer));
        for (sequencer, link, session) in all {
            let is_open = self.streams.iter().any(|stream| stream.sequencer == sequencer);
            let has_to_wait = self.lost.get(&sequencer).is_some_and(|lost| lost.again_at > now);
            if self.streams.len() < wanted && !is_open && !has_to_wait {
                let responses = Responses::open(session, self.merge.open(sequencer.clone()));
                self.streams.push(Stream { sequencer, link, responses });
            }
        }
    }

    /// Fails, once for each sequencer that drops out, when those that are left are too few.
    fn check_reachable(&mut self, state: &PoolState, now: Instant) -> Result<(), ClientError> {
        if self.failure.is_none() {
            return Ok(());
        }
        let refuses = |sequencer: &SequencerId| {
            self.lost.get(sequencer).is_some_and(|lost| lost.is_refusing && lost.again_at > now)
        };
        let (left, threshold) = (state.possible(refuses), state.config().threshold());
        match self.failure.take().filter(|_| left < threshold) {
            Some(failure) => Err(ClientError::TooFewSequencers { left, threshold, source: Box::new(failure) }),
            None => Ok(()),
        }
    }

    fn stalls_at(&self, delay: Duration) -> Option<Instant> {
        self.waiting_since.filter(|_| !self.is_stalled && self.merge.is_waiting()).map(|since| since + delay)
    }

    /// When the streams have to be looked at again although nothing happened.
    fn wake_at(&self) -> Option<Instant> {
        let now = Instant::now();
        let lost = self.lost.values().map(|lost| lost.again_at).filter(|at| *at > now).min();
        let stalled = self.waiting_since.and_then(|_| {
            self.stalls_at(self.pool.shared().read(|state| state.config().delays().subscription_request))
        });
        lost.into_iter().chain(stalled).min()
    }

    fn take(&mut self, index: usize, next: Next) {
        let sequencer = self.streams[index].sequencer.clone();
        let error = match next {
            Ok(Some(response)) => {
                self.lost.remove(&sequencer);
                if let Err(error) = self.merge.receive(&sequencer, &response.signed_sequenced_event) {
                    self.exclude(&sequencer, error);
                } else if self.merge.is_waiting() {
                    self.waiting_since.get_or_insert_with(Instant::now);
                }
                self.is_unsettled |= self.merge.is_disputed();
                return;
            }
            Ok(None) => None,
            Err(error) => Some(error),
        };
        let stream = self.streams.swap_remove(index);
        self.merge.close(&sequencer);
        self.is_unsettled = true;
        match classify(error.as_ref()) {
            Loss::LoginEnded => tracing::debug!(%sequencer, "the login ended; subscribing again"),
            Loss::Resumable => self.lose(&stream, error, false),
            Loss::Refused => self.lose(&stream, error, true),
        }
    }

    fn lose(&mut self, stream: &Stream, error: Option<ClientError>, is_refusing: bool) {
        let delays = self.pool.shared().read(|state| state.config().delays());
        let doubled = self.lost.get(&stream.sequencer).map_or(delays.min_restart, |lost| lost.delay.saturating_mul(2));
        let delay = if is_refusing { delays.max_restart } else { doubled.min(delays.max_restart) };
        let delay = delay.max(SHORTEST_DELAY);
        let why = error.as_ref().map_or_else(|| "the sequencer ended it".to_owned(), |error| causes(error));
        let (sequencer, delay_ms) = (&stream.sequencer, delay.as_millis());
        tracing::info!(%sequencer, why, delay_ms, "subscription lost; subscribing again");
        self.lost.insert(sequencer.clone(), Lost { again_at: Instant::now() + delay, delay, is_refusing });
        if let Some(error) = error {
            self.pool.shared().doubt(stream.link, &error);
            if is_refusing {
                self.failure = Some(error);
            }
        }
    }

    fn exclude(&mut self, sequencer: &SequencerId, error: EventError) {
        let error = ClientError::Event(Box::new(error));
        self.pool.exclude(sequencer, &error);
        self.failure = Some(error);
        self.merge.forget(sequencer);
        self.drop_stream(sequencer);
    }

    fn drop_stream(&mut self, sequencer: &SequencerId) {
        self.streams.retain(|stream| stream.sequencer != *sequencer);
        self.merge.close(sequencer);
        self.is_unsettled = true;
    }
}

/// The next thing that one of the streams says, beginning with another one each time.
fn poll_streams(
    streams: &mut [Stream],
    merge: &Merge,
    turn: &mut usize,
    context: &mut Context<'_>,
) -> Poll<(usize, Next)> {
    let count = streams.len();
    for offset in 0..count {
        let index = turn.wrapping_add(offset) % count;
        let stream = &mut streams[index];
        if merge.wants(&stream.sequencer)
            && let Poll::Ready(next) = stream.responses.poll_next(context)
        {
            *turn = index + 1;
            return Poll::Ready((index, next));
        }
    }
    Poll::Pending
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
