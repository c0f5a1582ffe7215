//! What belongs to the node itself.

use std::path::PathBuf;

use bytes::Bytes;
use synod_machine::FrameStamp;
use synod_store::{OutboxFrame, PublicKeyRow, StoreError, StoreRefused};
use synod_testkit::databases::lease;
use synod_topology::TopologyChanges;
use synod_types::{Fingerprint, UniqueIdentifier};

use crate::Database;
use crate::samples::{block, genesis, no_topology, psid, time, topology_row};

pub(crate) async fn identity_and_synchronizer_are_set_once(database: Database) {
    let store = database.open().await;
    let identifier = |name: &str| UniqueIdentifier::parse(&format!("{name}::1220ab")).expect("an identifier");
    store.set_node_identity(&identifier("one")).await.expect("is set");
    store.set_node_identity(&identifier("one")).await.expect("is the same");
    let other = store.set_node_identity(&identifier("two")).await;
    assert!(matches!(other, Err(StoreError::Refused(StoreRefused::OtherOwner { .. }))), "{other:?}");

    let parameters = Bytes::from_static(b"parameters");
    assert_eq!(store.synchronizer_configuration().await.expect("reads"), None);
    store.set_synchronizer_configuration(&psid("a"), &parameters).await.expect("is set");
    store.set_synchronizer_configuration(&psid("a"), &parameters).await.expect("is the same");
    for (name, bytes) in [("b", b"parameters".as_slice()), ("a", b"others")] {
        let other = store.set_synchronizer_configuration(&psid(name), &Bytes::copy_from_slice(bytes)).await;
        assert!(matches!(other, Err(StoreError::Refused(StoreRefused::OtherOwner { .. }))), "{other:?}");
    }
    let store = database.reopen(store).await;
    assert_eq!(store.node_identity().await.expect("reads"), Some(identifier("one")));
    assert_eq!(store.synchronizer_configuration().await.expect("reads"), Some((psid("a"), parameters)));
}

pub(crate) async fn settings_are_kept(database: Database) {
    let store = database.open().await;
    assert_eq!(store.setting("a").await.expect("reads"), None);
    store.set_setting("a", b"1").await.expect("is set");
    store.set_setting("a", b"\0").await.expect("is replaced");
    let store = database.reopen(store).await;
    assert_eq!(store.setting("a").await.expect("reads").as_deref(), Some(b"\0".as_slice()));
    assert!(store.remove_setting("a").await.expect("is removed"));
    assert!(!store.remove_setting("a").await.expect("is gone"));
}

fn key(name: Option<&str>, number: u8) -> PublicKeyRow {
    PublicKeyRow {
        fingerprint: Fingerprint::parse(&format!("1220{number:02x}")).expect("a fingerprint"),
        name: name.map(ToOwned::to_owned),
        public_key: Bytes::from(vec![number; 44]),
        owned: false,
    }
}

/// What a private key looks like in these tests: long enough to be found in a file.
const PRIVATE: &[u8] = b"-- this is the private key, in clear, as PKCS#8 --";

pub(crate) async fn keys_are_kept(database: Database) {
    let store = database.open().await;
    let (own, foreign) = (key(Some("node-signing \0 ü"), 1), key(None, 2));
    store.put_key_pair(&own, PRIVATE).await.expect("is stored");
    store.put_key_pair(&own, PRIVATE).await.expect("is stored already");
    store.put_public_key(&foreign).await.expect("is stored");
    let store = database.reopen(store).await;
    let owned = PublicKeyRow { owned: true, ..own.clone() };
    assert_eq!(store.public_keys().await.expect("reads"), [owned, foreign.clone()]);
    let private = store.private_key(&own.fingerprint).await.expect("reads").expect("is there");
    assert_eq!(private.as_slice(), PRIVATE);
    assert!(store.private_key(&foreign.fingerprint).await.expect("reads").is_none());

    let renamed = PublicKeyRow { name: Some("new".to_owned()), ..foreign.clone() };
    store.put_public_key(&renamed).await.expect("is renamed");
    assert!(store.delete_key_pair(&own.fingerprint).await.expect("is deleted"));
    assert!(!store.delete_key_pair(&own.fingerprint).await.expect("is gone"));
    assert_eq!(store.public_keys().await.expect("reads"), [renamed]);
    assert!(store.private_keys().await.expect("reads").is_empty());
}

pub(crate) async fn keys_are_encrypted_under_the_key_file(mut database: Database) {
    let file = |database: &Database, name: &str, content: &str| -> PathBuf {
        let path = database.folder.path().join(name);
        std::fs::write(&path, content).expect("the file is written");
        path
    };
    // Stored in clear first, encrypted as soon as there is a key file.
    let store = database.open().await;
    store.put_key_pair(&key(None, 1), PRIVATE).await.expect("is stored");
    assert!(!stored_keys(&database).await.iter().any(|(sealed, _)| *sealed));
    store.close().await;
    drop(store);

    database.config.key_file = Some(file(&database, "secret", &format!("{}\n", "5a".repeat(32))));
    let store = database.open().await;
    store.put_key_pair(&key(None, 2), PRIVATE).await.expect("is stored");
    let stored = stored_keys(&database).await;
    assert_eq!(stored.len(), 2);
    for (sealed, bytes) in &stored {
        assert!(*sealed && !bytes.windows(8).any(|window| PRIVATE.starts_with(window)), "not in clear");
    }
    assert_ne!(stored[0].1, stored[1].1, "equal keys do not look equal");
    let store = database.reopen(store).await;
    let private = store.private_keys().await.expect("reads");
    assert!(private.len() == 2 && private.iter().all(|(_, private)| private.as_slice() == PRIVATE));
    store.close().await;
    drop(store);

    database.config.key_file = Some(file(&database, "other", &"77".repeat(32)));
    let wrong = database.try_open().await;
    assert!(matches!(wrong, Err(StoreError::Refused(StoreRefused::WrongKeyFile))), "{wrong:?}");
    database.config.key_file = Some(file(&database, "short", "1234"));
    let short = database.try_open().await;
    assert!(matches!(short, Err(StoreError::Refused(StoreRefused::KeyFile { .. }))), "{short:?}");
    database.config.key_file = Some(database.folder.path().join("missing"));
    let missing = database.try_open().await;
    assert!(matches!(missing, Err(StoreError::Refused(StoreRefused::KeyFile { .. }))), "{missing:?}");
    database.config.key_file = None;
    let none = database.try_open().await;
    assert!(matches!(none, Err(StoreError::Refused(StoreRefused::KeyFileMissing))), "{none:?}");
}

/// The private keys as they are in the database.
async fn stored_keys(database: &Database) -> Vec<(bool, Vec<u8>)> {
    let (sql, url) = ("SELECT sealed, private_key FROM private_keys ORDER BY fingerprint", &database.config.url);
    let rows: Vec<(i64, Vec<u8>)> = if database.is_sqlite() {
        let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(url).await.expect("connects");
        sqlx::query_as(sql).fetch_all(&mut connection).await.expect("reads")
    } else {
        let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(url).await.expect("connects");
        let schema = database.config.schema.as_deref().expect("a schema");
        let path = sqlx::query("SELECT set_config('search_path', $1, false)").bind(schema);
        path.execute(&mut connection).await.expect("is set");
        sqlx::query_as(sql).fetch_all(&mut connection).await.expect("reads")
    };
    rows.into_iter().map(|(sealed, bytes)| (sealed == 1, bytes)).collect()
}

pub(crate) async fn the_outbox_keeps_order_until_a_block_has_the_frame(database: Database) {
    let store = database.open().await;
    let held = lease(&store, "holder").await;
    store.initialize(&held, &genesis(1)).await.expect("genesis");
    let frame = |number: u8| OutboxFrame {
        id: [number; 32],
        frame: Bytes::from(vec![number; 10]),
        valid_until: time(1_000 + i64::from(number)),
    };
    store.put_outbox(&[frame(9), frame(3)]).await.expect("is stored");
    store.put_outbox(&[frame(5), frame(9)]).await.expect("one is new");
    assert_eq!(store.outbox().await.expect("reads"), [frame(9), frame(3), frame(5)]);

    let mut outcome = block(0, 10);
    outcome.frames =
        vec![FrameStamp { id: [3; 32], valid_until: time(1_003) }, FrameStamp { id: [77; 32], valid_until: time(50) }];
    store.commit(&held, &[outcome]).await.expect("commits");
    let store = database.reopen(store).await;
    assert_eq!(store.outbox().await.expect("reads"), [frame(9), frame(5)]);
    store.replace_outbox(&[[9; 32]], &[frame(1)]).await.expect("is replaced");
    assert_eq!(store.outbox().await.expect("reads"), [frame(5), frame(1)]);
}

pub(crate) async fn the_authorized_store_is_kept(database: Database) {
    let store = database.open().await;
    let mut rows = vec![topology_row(0, 10, 10), topology_row(1, 10, 10), topology_row(2, 20, 20)];
    let first = TopologyChanges { inserted: rows[..2].to_vec(), ..no_topology() };
    store.change_authorized(&first).await.expect("is stored");
    // A row may be inserted and closed by one change, and closed again.
    let closed = vec![(0, time(15)), (2, time(30)), (0, time(20))];
    let second = TopologyChanges { inserted: rows[2..].to_vec(), closed, ..no_topology() };
    store.change_authorized(&second).await.expect("is stored");
    (rows[0].valid_until, rows[2].valid_until) = (Some(time(20)), Some(time(30)));
    let store = database.reopen(store).await;
    assert_eq!(store.authorized_rows().await.expect("reads"), rows);

    let unknown = TopologyChanges { closed: vec![(9, time(1))], ..no_topology() };
    store.change_authorized(&unknown).await.expect_err("there is no such row");
}
