//! Who may write.

use synod_store::{Acquired, StoreFault};
use synod_testkit::databases::{lease, lease_for};

use crate::Database;
use crate::samples::{block, genesis};

pub(crate) async fn the_second_holder_waits(database: Database) {
    let first = database.open().await;
    let second = database.other_process(&first).await;
    let held = lease(&first, "first").await;
    let answer = second.acquire_lease("second", 60_000).await.expect("can be asked for");
    let Acquired::Held { by, expires_in_ms } = answer else { panic!("two holders") };
    assert_eq!(by, "first");
    assert!((1..=60_000).contains(&expires_in_ms), "{expires_in_ms}");
    first.renew_lease(&held).await.expect("is renewed");

    first.release_lease(held.clone()).await.expect("is released");
    let next = lease(&second, "second").await;
    assert!(next.epoch() > held.epoch());
    let renewed = first.renew_lease(&held).await;
    assert!(matches!(renewed, Err(StoreFault::LeaseLost { .. })), "{renewed:?}");
    // Giving back what was lost does not hurt the new holder.
    first.release_lease(held).await.expect("is a no-op");
    second.renew_lease(&next).await.expect("is renewed");
}

pub(crate) async fn a_lost_lease_cannot_write(database: Database) {
    let first = database.open().await;
    let second = database.other_process(&first).await;
    let old = lease_for(&first, "first", 0).await;
    first.initialize(&old, &genesis(1)).await.expect("nobody took over yet");
    first.commit(&old, &[block(0, 10)]).await.expect("nobody took over yet");

    let new = lease(&second, "second").await;
    let late = first.commit(&old, &[block(1, 20)]).await;
    assert!(matches!(late, Err(StoreFault::LeaseLost { ref holder, .. }) if holder == "first"), "{late:?}");
    let replay = first.commit(&old, &[block(0, 10)]).await;
    assert!(matches!(replay, Err(StoreFault::LeaseLost { .. })), "{replay:?}");
    assert_eq!(second.head().await.expect("reads").expect("a head").height, Some(0));
    second.commit(&new, &[block(1, 21)]).await.expect("commits");

    // The same holder again: a process that was restarted in place need not wait.
    let restarted = lease(&second, "second").await;
    let before = second.commit(&new, &[block(2, 30)]).await;
    assert!(matches!(before, Err(StoreFault::LeaseLost { .. })), "{before:?}");
    second.commit(&restarted, &[block(2, 30)]).await.expect("commits");
}

/// One node commits as fast as it can while another takes over: each height is written by one of them, and what the
/// first one was told is committed stays.
pub(crate) async fn a_take_over_between_commits_loses_nothing(database: Database) {
    let first = database.open().await;
    let second = database.other_process(&first).await;
    let old = lease_for(&first, "first", 0).await;
    first.initialize(&old, &genesis(1)).await.expect("genesis");
    let (progress, mut reached) = tokio::sync::watch::channel(0);
    let writer = tokio::spawn(async move {
        for height in 0..10_000_u64 {
            let last_time = i64::try_from(height).expect("small") + 1;
            match first.commit(&old, &[block(height, last_time)]).await {
                Ok(_) => progress.send_replace(height),
                Err(StoreFault::LeaseLost { .. }) => return height,
                Err(other) => panic!("{other:?}"),
            };
        }
        panic!("the lease is never lost")
    });
    reached.wait_for(|height| *height >= 20).await.expect("the writer runs");
    let new = lease(&second, "second").await;
    let head = second.head().await.expect("reads").expect("a head").height.expect("a block");
    second.commit(&new, &[block(head + 1, 1_000_000)]).await.expect("follows what is there");
    assert_eq!(writer.await.expect("the writer ends"), head + 1, "the first node's last commit is the head");
}
