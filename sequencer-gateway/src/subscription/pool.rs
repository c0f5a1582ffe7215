//! The open subscriptions by member (`SubscriptionPool`).

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use prometheus::IntGauge;
use synod_types::Member;
use tokio::sync::oneshot;

/// Why the gateway ends a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The member opened too many others.
    TooMany,
    /// The member was logged out, or the gateway stops.
    Ended,
}

/// The gateway stops: it takes no more subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PoolClosed;

#[derive(Debug, Default)]
struct Inner {
    is_closed: bool,
    next: u64,
    /// Oldest first.
    by_member: BTreeMap<Member, VecDeque<(u64, oneshot::Sender<CloseReason>)>>,
}

/// The open subscriptions. A member has a bounded number of them: a new one ends the oldest.
#[derive(Debug)]
pub(crate) struct SubscriptionPool {
    inner: Mutex<Inner>,
    most_per_member: usize,
    subscribers: IntGauge,
}

impl SubscriptionPool {
    /// An empty pool; `subscribers` shows how many members have a subscription.
    pub(crate) fn new(most_per_member: usize, subscribers: IntGauge) -> Self {
        Self { inner: Mutex::default(), most_per_member: most_per_member.max(1), subscribers }
    }

    /// Takes a place for a subscription of `member`.
    pub(crate) fn enter(self: &Arc<Self>, member: &Member) -> Result<Slot, PoolClosed> {
        let (closing, closed) = oneshot::channel();
        let mut inner = self.lock();
        if inner.is_closed {
            return Err(PoolClosed);
        }
        let id = inner.next;
        inner.next += 1;
        let open = inner.by_member.entry(member.clone()).or_default();
        while open.len() >= self.most_per_member {
            if let Some((_, oldest)) = open.pop_front() {
                // It may have ended by itself.
                let _ = oldest.send(CloseReason::TooMany);
            }
        }
        open.push_back((id, closing));
        self.show(&inner);
        Ok(Slot { pool: Arc::clone(self), member: member.clone(), id, closed })
    }

    /// Ends all subscriptions of a member.
    pub(crate) fn close(&self, member: &Member) {
        let mut inner = self.lock();
        let open = inner.by_member.remove(member).unwrap_or_default();
        self.show(&inner);
        drop(inner);
        end(open);
    }

    /// Ends all subscriptions and takes no more.
    pub(crate) fn close_all(&self) {
        let mut inner = self.lock();
        inner.is_closed = true;
        let open = std::mem::take(&mut inner.by_member);
        self.show(&inner);
        drop(inner);
        open.into_values().for_each(end);
    }

    /// The members with a subscription.
    pub(crate) fn members(&self) -> Vec<Member> {
        self.lock().by_member.keys().cloned().collect()
    }

    fn leave(&self, member: &Member, id: u64) {
        let mut inner = self.lock();
        let Some(open) = inner.by_member.get_mut(member) else { return };
        open.retain(|(open, _)| *open != id);
        if open.is_empty() {
            inner.by_member.remove(member);
        }
        self.show(&inner);
    }

    fn show(&self, inner: &Inner) {
        self.subscribers.set(i64::try_from(inner.by_member.len()).unwrap_or(i64::MAX));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing between lock and unlock leaves the map half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(open: VecDeque<(u64, oneshot::Sender<CloseReason>)>) {
    for (_, closing) in open {
        // It may have ended by itself.
        let _ = closing.send(CloseReason::Ended);
    }
}

/// The place of an open subscription, which it gives back when it is dropped. As a future, it is done when the gateway
/// ends the subscription.
#[derive(Debug)]
pub(crate) struct Slot {
    pool: Arc<SubscriptionPool>,
    member: Member,
    id: u64,
    closed: oneshot::Receiver<CloseReason>,
}

impl Slot {
    /// Why the subscription has to end, if it has to.
    pub(crate) fn closed(&mut self) -> Option<CloseReason> {
        match self.closed.try_recv() {
            Ok(reason) => Some(reason),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(CloseReason::Ended),
        }
    }
}

impl Future for Slot {
    type Output = CloseReason;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<CloseReason> {
        Pin::new(&mut self.closed).poll(context).map(|reason| reason.unwrap_or(CloseReason::Ended))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.leave(&self.member, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(most: usize) -> (Arc<SubscriptionPool>, IntGauge) {
        let gauge = IntGauge::new("subscribers", "help").expect("a gauge");
        (Arc::new(SubscriptionPool::new(most, gauge.clone())), gauge)
    }

    fn member(name: &str) -> Member {
        Member::parse(&format!("PAR::{name}::1220")).expect("member")
    }

    #[test]
    fn the_oldest_gives_way() {
        let (pool, gauge) = pool(2);
        let mut slots: Vec<Slot> = (0..3).map(|_| pool.enter(&member("a")).expect("open")).collect();
        let mut other = pool.enter(&member("b")).expect("open");
        let closed: Vec<_> = slots.iter_mut().map(Slot::closed).collect();
        assert_eq!(closed, [Some(CloseReason::TooMany), None, None]);
        assert_eq!(other.closed(), None);
        assert_eq!(gauge.get(), 2);
        drop(slots);
        assert_eq!(pool.members(), [member("b")]);
    }

    #[tokio::test]
    async fn a_member_that_is_logged_out_loses_all() {
        let (pool, gauge) = pool(2);
        let (first, second) = (pool.enter(&member("a")).expect("open"), pool.enter(&member("a")).expect("open"));
        pool.close(&member("a"));
        assert_eq!((first.await, second.await), (CloseReason::Ended, CloseReason::Ended));
        assert_eq!(gauge.get(), 0);
        assert!(pool.enter(&member("a")).is_ok());
    }

    #[tokio::test]
    async fn a_closed_pool_takes_nobody() {
        let (pool, _) = pool(2);
        let slot = pool.enter(&member("a")).expect("open");
        pool.close_all();
        assert_eq!(slot.await, CloseReason::Ended);
        assert_eq!(pool.enter(&member("a")).expect_err("closed"), PoolClosed);
    }
}
