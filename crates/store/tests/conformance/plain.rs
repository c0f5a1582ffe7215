//! The table for measurements.

use bytes::Bytes;
use synod_store::{PlainRows, StoreError, StoreFault};

use crate::Database;

pub(crate) async fn plain_rows_come_and_go(database: Database) {
    let rows = PlainRows::open(&database.config).await.expect("a new table");
    let content = Bytes::from_static(b"content");
    rows.insert([(1, &content), (2, &content)]).await.expect("inserted");
    let again = rows.insert([(3, &content), (2, &content)]).await;
    assert!(matches!(again, Err(StoreFault::Database { .. })), "{again:?}");
    rows.insert([(3, &content)]).await.expect("the failed transaction left nothing");
    rows.remove().await.expect("removed");
    let rows = PlainRows::open(&database.config).await.expect("a new table again");
    rows.insert([(1, &content)]).await.expect("it is empty");
    if !database.is_sqlite() {
        let second = PlainRows::open(&database.config).await;
        assert!(matches!(second, Err(StoreError::Fault(_))), "{second:?}");
    }
    rows.remove().await.expect("removed");
}
