//! Which submissions of the member were seen sequenced.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use synod_types::{CantonTimestamp, MessageId};
use tokio::sync::watch;

/// Submissions that wait for their receipt.
#[derive(Debug, Default)]
pub(super) struct Receipts(Arc<Mutex<Awaited>>);

#[derive(Debug, Default)]
struct Awaited {
    by_id: BTreeMap<MessageId, (CantonTimestamp, watch::Sender<bool>)>,
    by_time: BTreeMap<(CantonTimestamp, MessageId), ()>,
}

impl Receipts {
    /// Waits for the receipt of a submission that can be sequenced until `until`. Before it is sent.
    pub(super) fn await_one(&self, id: &MessageId, until: CantonTimestamp) -> AwaitedReceipt {
        let mut awaited = lock(&self.0);
        let waiting = awaited.by_id.get(id).map(|(_, sender)| sender.subscribe());
        let seen = waiting.unwrap_or_else(|| {
            let (sender, seen) = watch::channel(false);
            awaited.by_id.insert(id.clone(), (until, sender));
            awaited.by_time.insert((until, id.clone()), ());
            seen
        });
        AwaitedReceipt { awaited: Arc::clone(&self.0), id: id.clone(), seen }
    }

    /// An event of the member: of its submission if it has an id, and a sign that what should be earlier does not come.
    pub(super) fn observe(&self, time: CantonTimestamp, id: Option<&MessageId>) {
        let mut awaited = lock(&self.0);
        if let Some(id) = id {
            awaited.finish(id);
        }
        while let Some((until, late)) = awaited.by_time.keys().next().cloned() {
            if until >= time {
                break;
            }
            awaited.finish(&late);
        }
    }
}

impl Awaited {
    fn finish(&mut self, id: &MessageId) {
        if let Some((until, sender)) = self.by_id.remove(id) {
            sender.send_replace(true);
            self.by_time.remove(&(until, id.clone()));
        }
    }
}

fn lock(awaited: &Mutex<Awaited>) -> MutexGuard<'_, Awaited> {
    awaited.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The receipt of one submission.
#[derive(Debug)]
pub(super) struct AwaitedReceipt {
    awaited: Arc<Mutex<Awaited>>,
    id: MessageId,
    seen: watch::Receiver<bool>,
}

impl AwaitedReceipt {
    /// Until the receipt was seen or cannot come any more.
    pub(super) async fn seen(&mut self) {
        // Nobody is left who could send when it was seen.
        let _ = self.seen.wait_for(|seen| *seen).await;
    }
}

impl Drop for AwaitedReceipt {
    /// The last one who waits takes the submission with it.
    fn drop(&mut self) {
        let mut awaited = lock(&self.awaited);
        if awaited.by_id.get(&self.id).is_some_and(|(_, sender)| sender.receiver_count() <= 1) {
            awaited.finish(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(micros: i64) -> CantonTimestamp {
        CantonTimestamp::from_micros(micros).expect("a time")
    }

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).expect("an id")
    }

    #[test]
    fn what_came_or_is_too_late_is_not_awaited() {
        let receipts = Receipts::default();
        let [first, second, third] =
            [("a", 10), ("b", 20), ("c", 30)].map(|(name, until)| receipts.await_one(&id(name), time(until)));
        let seen = |receipt: &AwaitedReceipt| *receipt.seen.borrow();
        receipts.observe(time(5), None);
        receipts.observe(time(10), Some(&id("other")));
        assert_eq!([&first, &second, &third].map(seen), [false; 3]);
        receipts.observe(time(11), Some(&id("c")));
        assert_eq!([&first, &second, &third].map(seen), [true, false, true]);
        drop(second);
        assert!(lock(&receipts.0).by_time.is_empty());
    }
}
