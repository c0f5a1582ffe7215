//! The same submissions in plain batches into a table: what the database takes from this load generator.

use std::sync::Arc;

use bytes::Bytes;
use synod_store::{PlainRows, StoreConfig, StoreError, StoreFault};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::tally::Tally;

/// Most rows of one transaction: as many as a sequencer puts into one block.
const MOST_ROWS: usize = 1_000;

/// The entrance to the table. Clones lead to the same one.
#[derive(Debug, Clone)]
pub(super) struct PlainTable(mpsc::Sender<(u64, Bytes)>);

/// What writes behind it.
pub(super) struct Writer {
    rows: PlainRows,
    running: JoinHandle<Result<(), StoreFault>>,
}

impl PlainTable {
    /// Makes a table, which is removed at the end.
    pub(super) async fn open(url: &str, tally: &Arc<Tally>) -> Result<(Self, Writer), StoreError> {
        let rows = PlainRows::open(&StoreConfig::new(url)).await?;
        let (entrance, queue) = mpsc::channel(MOST_ROWS);
        let running = tokio::spawn(write_all(rows.clone(), queue, Arc::clone(tally)));
        Ok((Self(entrance), Writer { rows, running }))
    }

    /// Hands a submission over; it counts as accepted and delivered when it is durable.
    pub(super) async fn insert(&self, number: u64, signed: Bytes) {
        // The writer ends before this only by a fault, which it reports.
        let _ = self.0.send((number, signed)).await;
    }
}

impl Writer {
    /// Waits until everything is written, and removes the table.
    pub(super) async fn close(self) -> Result<(), StoreFault> {
        match self.running.await {
            Ok(written) => written?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
        self.rows.remove().await
    }
}

/// Writes whatever waits in one transaction, as a sequencer does.
async fn write_all(
    rows: PlainRows,
    mut queue: mpsc::Receiver<(u64, Bytes)>,
    tally: Arc<Tally>,
) -> Result<(), StoreFault> {
    let mut waiting = Vec::with_capacity(MOST_ROWS);
    while queue.recv_many(&mut waiting, MOST_ROWS).await > 0 {
        let batch = waiting.iter().map(|(number, bytes)| (i64::try_from(*number).unwrap_or(i64::MAX), bytes));
        rows.insert(batch).await?;
        for (number, _) in waiting.drain(..) {
            tally.accepted(number);
            tally.delivered(number);
        }
    }
    Ok(())
}
