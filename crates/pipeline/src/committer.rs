//! Committing and publishing.

use std::sync::Arc;

use synod_machine::{Alarm, State};
use synod_store::{Lease, Store, StoreFault};
use thiserror::Error;
use tokio::sync::watch;

use crate::{EventLog, Head, HeadReceiver, StagedBlock};

/// A commit that failed, or whose fate is unknown. The process has to end: the state in memory is ahead of the disk.
#[derive(Debug, Error)]
#[error("the blocks {first} to {last} could not be committed")]
pub struct CommitFault {
    /// First height of the transaction.
    pub first: u64,
    /// Last height of the transaction.
    pub last: u64,
    /// What the store said.
    #[source]
    pub source: StoreFault,
}

/// Makes staged blocks durable and then visible.
#[derive(Debug)]
pub struct Committer {
    store: Store,
    lease: Lease,
    head: watch::Sender<Arc<Head>>,
    log: Arc<EventLog>,
}

impl Committer {
    /// A committer that continues after `height`, whose state is `state`.
    #[must_use]
    pub fn new(store: Store, lease: Lease, log: Arc<EventLog>, height: Option<u64>, state: State) -> Self {
        let (head, _) = watch::channel(Arc::new(Head { height, state }));
        Self { store, lease, head, log }
    }

    /// Follows the committed heads.
    #[must_use]
    pub fn head(&self) -> HeadReceiver {
        HeadReceiver(self.head.subscribe())
    }

    /// Commits consecutive staged blocks in one transaction, then publishes the last state and all events.
    ///
    /// # Errors
    /// [`CommitFault`]; nothing was published then.
    pub async fn commit(&mut self, staged: Vec<StagedBlock>) -> Result<(), CommitFault> {
        let (mut outcomes, mut state) = (Vec::with_capacity(staged.len()), None);
        for block in staged {
            outcomes.push(block.outcome);
            state = Some(block.state);
        }
        let (Some(state), Some(first), Some(last)) = (state, outcomes.first(), outcomes.last()) else {
            return Ok(());
        };
        let (first, last, last_time) = (first.height, last.height, last.last_time);
        self.store.commit(&self.lease, &outcomes).await.map_err(|source| CommitFault { first, last, source })?;
        outcomes.iter().for_each(|outcome| log_alarms(outcome.height, &outcome.alarms));
        let events = outcomes.into_iter().flat_map(|outcome| outcome.events).map(Arc::new).collect();
        self.head.send_replace(Arc::new(Head { height: Some(last), state }));
        self.log.publish(events, last_time);
        Ok(())
    }
}

/// One warning per alarm: which code means what stands in docs/errors/alarms.md. Logged once a block is durable, so that a
/// block that is staged again after a restart is not logged twice.
fn log_alarms(height: u64, alarms: &[Alarm]) {
    for alarm in alarms {
        tracing::warn!(
            code = alarm.kind.id(),
            height,
            time = %alarm.time,
            origin = %alarm.origin,
            detail = alarm.detail,
            "an ordered request is dropped"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use synod_machine::{Alarm, AlarmKind};
    use synod_types::{CantonTimestamp, SequencerId};

    use super::log_alarms;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("one thread").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_alarm_is_a_warning_with_its_code() {
        let alarm = |kind| Alarm {
            kind,
            time: CantonTimestamp::EPOCH,
            origin: SequencerId::parse("SEQ::s::1220").expect("an identifier"),
            detail: "what was found".to_owned(),
        };
        let alarms = [alarm(AlarmKind::InvalidLedgerEvent), alarm(AlarmKind::IncorrectEventCost)];
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).without_time().finish();
        tracing::subscriber::with_default(subscriber, || log_alarms(7, &alarms));
        let text = String::from_utf8(lines.0.lock().expect("one thread").clone()).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        for (line, code) in lines.iter().zip(["INVALID_LEDGER_EVENT", "INCORRECT_EVENT_COST"]) {
            assert!(line.contains("WARN") && line.contains(code) && line.contains("height=7"), "{line}");
            assert!(line.contains("what was found") && line.contains("SEQ::s::1220"), "{line}");
        }
    }
}
