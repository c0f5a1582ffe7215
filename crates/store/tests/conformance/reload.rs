//! Random blocks: what is loaded and read afterwards is what was committed.

use std::collections::BTreeSet;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use synod_machine::{AggregationChange, BlockOutcome, Contribution, EventKind, EventRecord, FrameStamp, ResolvedGroup};
use synod_store::Store;
use synod_testkit::databases::lease;
use synod_types::{CantonTimestamp, MemberIndex, Recipient};
use synod_wire::TrafficReceipt;

use crate::Database;
use crate::model::Model;
use crate::samples::{
    aggregation_id, block, broadcast, consumed, event, genesis, hash, purchased, registration, time, topology_row,
};

/// One random thing that happens in a block.
type Step = (u8, u8, u8);

pub(crate) async fn random_blocks_come_back(database: Database) {
    let steps = proptest::collection::vec(any::<Step>(), 0..14);
    let plan = proptest::collection::vec((steps, 1..4_usize), 1..10);
    let config = Config { cases: 12, max_shrink_iters: 100, failure_persistence: None, ..Config::default() };
    // Proptest is not asynchronous: it runs each case on this thread.
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&plan, |plan| {
            let (steps, groups): (Vec<_>, Vec<_>) = plan.into_iter().unzip();
            tokio::runtime::Handle::current().block_on(check(&database.another(), &steps, &groups));
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

/// Commits the blocks in groups of the given sizes, and compares after each commit and after a restart.
async fn check(database: &Database, steps: &[Vec<Step>], groups: &[usize]) {
    let mut store = database.open().await;
    let mut held = lease(&store, "holder").await;
    let mut model = Model::new(genesis(2));
    store.initialize(&held, &model.state).await.expect("genesis");
    assert_eq!(store.load_checkpoint().await.expect("loads"), Some(model.loaded()));

    let mut writer = Writer::new(&model);
    let outcomes: Vec<BlockOutcome> = (0..).zip(steps).map(|(height, steps)| writer.block(height, steps)).collect();
    let (mut left, mut sizes) = (outcomes.as_slice(), groups.iter().cycle());
    while !left.is_empty() {
        let (now, later) = left.split_at((*sizes.next().expect("a size")).min(left.len()));
        left = later;
        let report = store.commit(&held, now).await.expect("commits");
        assert_eq!(report.blocks, now.len());
        now.iter().for_each(|outcome| model.apply(outcome));
        assert_eq!(store.load_checkpoint().await.expect("loads"), Some(model.loaded()), "steps: {steps:?}");
        // A replay of what is stored changes nothing.
        let replayed = store.commit(&held, now).await.expect("is compared");
        assert_eq!((replayed.blocks, replayed.rows), (0, 0));
    }
    store = database.reopen(store).await;
    held = lease(&store, "holder").await;
    assert_eq!(store.load_checkpoint().await.expect("loads"), Some(model.loaded()), "steps: {steps:?}");
    for member in &model.state.members {
        let stream = read_all(&store, member.index, member.registered_from).await;
        assert_eq!(stream, model.stream(member.index), "events of {:?}, steps: {steps:?}", member.index);
    }
    let pages = read_topology(&store).await;
    assert_eq!(pages, model.state.topology);
    store.release_lease(held).await.expect("is released");
    store.close().await;
}

async fn read_all(store: &Store, member: MemberIndex, since: CantonTimestamp) -> Vec<EventRecord> {
    let (mut stream, mut after, mut previous) = (Vec::new(), CantonTimestamp::MIN, None);
    loop {
        let page = store.events(member, since, after, 3, 700).await.expect("a page");
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = last.time;
        for event in &page {
            let before = store.latest_event_before(member, since, event.time).await.expect("is found");
            assert_eq!(before, previous, "before {:?}", event.time);
            previous = Some(event.time);
        }
        stream.extend(page);
    }
    stream
}

async fn read_topology(store: &Store) -> Vec<synod_topology::TopologyRow> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = store.topology_page(after, CantonTimestamp::MAX, 2).await.expect("a page");
        let Some(last) = page.last() else { return rows };
        after = Some(last.id);
        rows.extend(page);
    }
}

/// Turns steps into outcomes that a machine could give.
struct Writer {
    now: i64,
    members: u32,
    topology: u64,
    serial: u32,
    /// (aggregation, sender) that contributed.
    contributed: BTreeSet<(u8, u8)>,
    delivered: BTreeSet<u8>,
}

impl Writer {
    fn new(model: &Model) -> Self {
        Self {
            now: 1_000,
            members: u32::try_from(model.state.members.len()).expect("few members"),
            topology: model.state.topology.len() as u64,
            serial: 0,
            contributed: BTreeSet::new(),
            delivered: BTreeSet::new(),
        }
    }

    fn block(&mut self, height: u64, steps: &[Step]) -> BlockOutcome {
        let mut outcome = block(height, self.now);
        for step in steps {
            self.now += 10;
            self.step(&mut outcome, *step);
        }
        outcome.last_time = time(self.now);
        outcome.base_time = time(self.now + 1);
        outcome.latest_sequencer_event = height.is_multiple_of(2).then(|| time(self.now));
        outcome.latest_pending_topology = height.is_multiple_of(3).then(|| time(self.now));
        outcome
    }

    fn step(&mut self, outcome: &mut BlockOutcome, (kind, a, b): Step) {
        let index = u32::from(a) % self.members;
        match kind % 10 {
            0 | 1 => outcome.events.push(self.event(a, b)),
            2 => outcome.events.push(broadcast(self.now)),
            3 => {
                // Some are registered in the future, at an event's time, and in the past.
                outcome.registrations.push(registration(self.members, self.now + (i64::from(b) % 5 - 2) * 10));
                self.members += 1;
            }
            4 => {
                outcome.topology.inserted.push(topology_row(self.topology, self.now, self.now + i64::from(b)));
                self.topology += 1;
            }
            5 => outcome.topology.closed.push((u64::from(a) % self.topology, time(self.now))),
            6 => outcome.traffic_consumed.push(consumed(index, self.now, i64::from(b))),
            7 => {
                self.serial += 1;
                // Two purchases of one member at one time: the later one holds.
                outcome.traffic_purchased.push(purchased(
                    u32::from(a) % 3,
                    self.now - i64::from(b) % 2 * 10,
                    self.serial,
                ));
            }
            8 => self.aggregate(outcome, a, b),
            _ => {
                outcome.acknowledgements.push((MemberIndex(index), time(self.now - i64::from(b) * 10)));
                let id = *hash(&format!("frame {}", self.now)).as_digest();
                outcome.frames.push(FrameStamp { id, valid_until: time(self.now + i64::from(a)) });
            }
        }
    }

    fn event(&self, a: u8, b: u8) -> EventRecord {
        let chosen: Vec<u32> = (0..self.members).filter(|index| (a >> (index % 8)) & 1 == 1).collect();
        let mut event = event(self.now, if chosen.is_empty() { &[0] } else { &chosen });
        match b % 4 {
            0 => {}
            1 => {
                event.kind = EventKind::Error;
                event.batch = None;
                event.status = Some(Bytes::from(vec![b; 30]));
                event.topology_timestamp = Some(time(self.now - 5));
            }
            2 => {
                event.kind = EventKind::Receipt;
                event.batch = None;
                event.receipt = Some(TrafficReceipt {
                    consumed_cost: i64::from(a),
                    extra_traffic_consumed: i64::MAX,
                    base_traffic_remainder: 0,
                });
            }
            _ => {
                event.batch = Some(Bytes::from(vec![a; usize::from(b) * 40]));
                event.groups = vec![ResolvedGroup {
                    recipient: Recipient::parse("MGR::0").expect("a group"),
                    members: vec![MemberIndex(0), MemberIndex(1)],
                }];
            }
        }
        event
    }

    fn aggregate(&mut self, outcome: &mut BlockOutcome, a: u8, b: u8) {
        let (number, sender) = (a % 4, b % 3);
        let id = aggregation_id(&format!("aggregation {number}"));
        if b > 200 || (self.delivered.contains(&number) && b > 100) {
            outcome.aggregations.push(AggregationChange::Expired { id });
            self.contributed.retain(|(contributed, _)| *contributed != number);
            self.delivered.remove(&number);
        } else if !self.delivered.contains(&number) && self.contributed.insert((number, sender)) {
            let delivers = b.is_multiple_of(2);
            if delivers {
                self.delivered.insert(number);
            }
            outcome.aggregations.push(AggregationChange::Contributed {
                id,
                max_sequencing_time: time(1_000_000 + i64::from(number)),
                rule: Bytes::from(vec![number; 3]),
                contribution: Contribution {
                    sender: MemberIndex(u32::from(sender)),
                    time: time(self.now),
                    signatures: vec![vec![Bytes::from(vec![b; 2])], Vec::new()],
                },
                delivered_at: delivers.then(|| time(self.now)),
            });
        }
    }
}
