//! A measurement: `cargo test --release -p synod-mediator --test store -- --ignored --nocapture --test-threads 1`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use synod_mediator::store::MediatorCommit;
use synod_testkit::databases::run;

use crate::TestDatabase;
use crate::samples::{Node, commit, deduplication, finalized, message_id, submission};

const COMMITS: i64 = 300;
const REQUESTS: i64 = 100;

/// Each commit has 100 new requests, 100 decided ones with their verdicts, and the receipts of those before.
async fn hundred_requests_per_commit(database: TestDatabase) {
    let node = Node::initialized(&database).await;
    let payload =
        |bytes: u32| Bytes::from((0..bytes).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect::<Vec<_>>());
    let (request, signed) = (payload(4_000), payload(1_500));
    let (started, mut syncs) = (Instant::now(), Duration::ZERO);
    for number in 1..=COMMITS {
        // 100 ms of event time for each group.
        let ids = |number: i64| (0..REQUESTS).map(move |at| number * 100_000 + at);
        let head = number * 100_000 + 99_999;
        let group = MediatorCommit {
            deduplication: ids(number).map(|at| deduplication(at, 5_000_000)).collect(),
            finalized: ids(number)
                .map(|at| synod_mediator::store::FinalizedRow { request: request.clone(), ..finalized(at, head) })
                .collect(),
            submissions: ids(number)
                .map(|at| synod_mediator::store::SubmissionRow { signed: signed.clone(), ..submission(at, 0) })
                .collect(),
            receipts: ids(number - 1).map(|at| message_id(at, 0)).collect(),
            ..commit(head, head)
        };
        let report = node.commit(&group).await;
        assert_eq!(report.new_submissions.len(), 100);
        syncs += report.sync;
    }
    let total = started.elapsed();
    let count = u32::try_from(COMMITS).expect("small");
    println!(
        "{}: {:.0} commits/s of {REQUESTS} requests: {:.2?} each, of which sync {:.2?}",
        node.store.kind(),
        f64::from(count) / total.as_secs_f64(),
        total / count,
        syncs / count
    );
}

#[test]
#[ignore = "2026-11-24: a measurement"]
fn hundred_requests_on_sqlite() {
    run(TestDatabase::sqlite(), hundred_requests_per_commit);
}

#[test]
#[ignore = "2026-11-24: a measurement"]
fn hundred_requests_on_postgres() {
    run(TestDatabase::postgres("hundred_requests"), hundred_requests_per_commit);
}
