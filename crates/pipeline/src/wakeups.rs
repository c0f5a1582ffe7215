//! Wakes the readers of addressed members. A wake-up carries no data and may be spurious; none is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use synod_machine::{EventRecipients, EventRecord};
use synod_types::MemberIndex;
use tokio::sync::Notify;

/// The readers that wait, by member.
#[derive(Debug, Default)]
pub(crate) struct Wakeups {
    waiting: Mutex<BTreeMap<MemberIndex, Vec<Arc<Notify>>>>,
}

impl Wakeups {
    /// Registers a reader of `member`; it has to be given back by [`Self::unregister`].
    pub(crate) fn register(&self, member: MemberIndex) -> Arc<Notify> {
        let notify = Arc::new(Notify::new());
        self.lock().entry(member).or_default().push(Arc::clone(&notify));
        notify
    }

    /// Forgets a reader.
    pub(crate) fn unregister(&self, member: MemberIndex, notify: &Arc<Notify>) {
        let mut waiting = self.lock();
        if let Some(readers) = waiting.get_mut(&member) {
            readers.retain(|reader| !Arc::ptr_eq(reader, notify));
            if readers.is_empty() {
                waiting.remove(&member);
            }
        }
    }

    /// Wakes everybody whom one of `events` addresses. Each reader keeps at most one wake-up.
    pub(crate) fn wake(&self, events: &[Arc<EventRecord>]) {
        let waiting = self.lock();
        if events.iter().any(|event| matches!(event.recipients, EventRecipients::All)) {
            waiting.values().flatten().for_each(|reader| reader.notify_one());
            return;
        }
        for event in events {
            let EventRecipients::Members(members) = &event.recipients else { continue };
            for reader in members.iter().filter_map(|member| waiting.get(member)).flatten() {
                reader.notify_one();
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<MemberIndex, Vec<Arc<Notify>>>> {
        // Nothing between lock and unlock leaves the map half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
