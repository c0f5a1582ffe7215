//! Files.

use std::fs;

use synod_store::{Store, StoreConfig, StoreError, StoreRefused};
use synod_testkit::databases::runtime;

use crate::Database;

fn refused(config: &StoreConfig) -> StoreRefused {
    match runtime().block_on(Store::open(config)) {
        Err(StoreError::Refused(refused)) => refused,
        other => panic!("{other:?}"),
    }
}

fn config(path: &std::path::Path) -> StoreConfig {
    StoreConfig::new(format!("sqlite://{}", path.display()))
}

#[test]
fn a_file_is_opened_once() {
    let database = Database::sqlite();
    runtime().block_on(async {
        let store = database.open().await;
        let second = database.try_open().await;
        assert!(matches!(second, Err(StoreError::Refused(StoreRefused::InUse { .. }))), "{second:?}");
        store.close().await;
        drop(store);
        database.open().await.close().await;
    });
}

/// The lock on the file proves that the last holder is dead: a new one need not wait for the end of its lease.
#[test]
fn a_lease_ends_with_its_process() {
    let database = Database::sqlite();
    runtime().block_on(async {
        let store = database.open().await;
        synod_testkit::databases::lease(&store, "one").await;
        let store = database.reopen(store).await;
        synod_testkit::databases::lease(&store, "two").await;
    });
}

#[test]
fn odd_places_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = refused(&config(folder.path()));
    assert!(directory.to_string().contains("not a regular file"), "{directory}");
    let nowhere = refused(&config(&folder.path().join("missing").join("a.db")));
    assert!(matches!(nowhere, StoreRefused::Path { .. }), "{nowhere}");
    let text = folder.path().join("text");
    fs::write(&text, "This is a letter, and certainly no database at all.".repeat(100)).expect("is written");
    let letter = refused(&config(&text));
    assert!(matches!(letter, StoreRefused::Path { .. }), "{letter}");
    assert!(fs::read_to_string(&text).expect("reads").starts_with("This is a letter"), "it is left alone");
    let mut schema = config(&folder.path().join("a.db"));
    schema.schema = Some("x".to_owned());
    assert!(matches!(refused(&schema), StoreRefused::Url { .. }));
}

#[test]
fn a_name_with_odd_characters_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ä b%c?.db");
    let url = format!("sqlite://{}/%C3%A4%20b%25c%3f.db", folder.path().display());
    runtime().block_on(async { Store::open(&StoreConfig::new(url)).await.expect("opens").close().await });
    assert!(path.exists());
}
