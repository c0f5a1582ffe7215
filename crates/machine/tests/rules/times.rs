//! Sequencing times (ch. 03 §3.4).

use synod_machine::AlarmKind;
use synod_testkit::requests::Submission;
use synod_types::CantonTimestamp;

use crate::bench::{Bench, at, delivered, dropped, times};

#[test]
fn times_begin_after_the_unix_epoch() {
    let mut bench = Bench::new();
    assert_eq!(bench.state.last_time(), CantonTimestamp::EPOCH);
    let proof = Submission::new(&bench.participants[0], "proof");
    let mut event = bench.send(0, &proof);
    event.time = CantonTimestamp::EPOCH.saturating_add_micros(-5);
    let outcome = bench.block(vec![event]);
    assert_eq!(delivered(&outcome).time, CantonTimestamp::EPOCH.immediate_successor());
}

#[test]
fn a_time_that_went_back_is_replaced_by_the_successor() {
    let mut bench = Bench::new();
    let proof = Submission::new(&bench.participants[0], "proof");
    assert_eq!(times(&bench.send_at(100, &proof)), [100]);
    assert_eq!(times(&bench.send_at(100, &proof)), [101]);
    assert_eq!(times(&bench.send_at(7, &proof)), [102]);
    assert_eq!(times(&bench.send_at(104, &proof)), [104]);
}

#[test]
fn the_maximum_sequencing_time_is_inclusive() {
    let mut bench = Bench::new();
    let proof = Submission::new(&bench.participants[0], "proof").until(at(100));
    delivered(&bench.send_at(100, &proof));
    dropped(&bench.send_at(101, &proof), AlarmKind::MaxSequencingTimeExceeded);
}

#[test]
fn dropped_requests_do_not_move_the_time() {
    let mut bench = Bench::new();
    let proof = Submission::new(&bench.participants[0], "proof");
    let late = Submission::new(&bench.participants[0], "late").until(at(0));
    bench.send_at(100, &proof);
    dropped(&bench.send_at(1_000, &late), AlarmKind::MaxSequencingTimeExceeded);
    assert_eq!(bench.state.last_time(), at(100));
    assert_eq!(times(&bench.send_at(500, &proof)), [500]);
}

#[test]
fn a_block_without_changes_leaves_the_hash() {
    let mut bench = Bench::new();
    let before = bench.state.app_hash();
    let outcome = bench.block_at(at(0), Vec::new());
    assert_eq!((outcome.app_hash, bench.state.app_hash()), (before, before));
    assert_eq!((bench.state.height(), bench.state.base_time()), (Some(0), at(0)));
    let late = Submission::new(&bench.participants[0], "late").until(at(0));
    bench.send_at(1, &late);
    assert_eq!(bench.state.app_hash(), before);
    let proof = Submission::new(&bench.participants[0], "proof");
    bench.send_at(2, &proof);
    assert_ne!(bench.state.app_hash(), before);
}
