//! Databases that are not ours.

use synod_store::{StoreError, StoreRefused};

use crate::Database;

pub(crate) async fn a_newer_schema_is_refused(database: Database) {
    database.open().await.close().await;
    database.sql("INSERT INTO synod_schema (version, checksum) SELECT 7, checksum FROM synod_schema").await;
    let refused = database.try_open().await;
    let Err(StoreError::Refused(error @ StoreRefused::NewerSchema { found: 7, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert!(error.to_string().contains("upgrade the program"), "{error}");
}

pub(crate) async fn foreign_tables_are_refused(database: Database) {
    database.open().await.close().await;
    database.sql("UPDATE synod_schema SET checksum = substr(checksum, 2)").await;
    let refused = database.try_open().await;
    assert!(
        matches!(refused, Err(StoreError::Refused(StoreRefused::ForeignSchema { tables: "synod", version: 1 }))),
        "{refused:?}"
    );
}
