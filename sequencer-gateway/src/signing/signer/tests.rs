//! Which key signs, before and after a rotation, and when the topology in memory has forgotten the rotation.

use std::num::NonZeroUsize;
use std::time::Duration;

use synod_machine::{Machine, OrderedBlock, OrderedEvent, OrderedKind, State, genesis};
use synod_store::{Acquired, StoreConfig};
use synod_testkit::requests::{Network, Submission, TestMember, genesis_state};
use synod_topology::{DynamicSynchronizerParameters, StaticSynchronizerParameters};
use synod_types::{MemberKind, ProtocolVersion, SequencerId};
use synod_wire::TopologyBroadcast;

use super::*;

const VERSION: ProtocolVersion = ProtocolVersion::V35;

fn seconds(seconds: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(seconds * 1_000_000).expect("in range")
}

/// A synchronizer whose sequencer changed its protocol key by an event at [`ROTATED`].
struct Rotated {
    first: TestMember,
    second: TestMember,
    store: Store,
    head: Head,
    _folder: tempfile::TempDir,
}

/// Seconds since the epoch.
const ROTATED: i64 = 1_000;

impl Rotated {
    async fn new() -> Self {
        let first = TestMember::new(MemberKind::Sequencer, "sequencer1");
        let second = first.with_protocol_key("second");
        let mediator = TestMember::new(MemberKind::Mediator, "mediator1");
        let network = Network::new(first.clone());
        let topology = network.genesis(DynamicSynchronizerParameters::default(), &[&first], (1, &[&mediator]), &[]);
        let parameters = StaticSynchronizerParameters::jce_defaults(VERSION).encode();
        let checkpoint = genesis(&parameters, &genesis_state(&topology)).expect("a sound genesis");
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}", folder.path().join("node.db").display());
        let store = Store::open(&StoreConfig::new(url)).await.expect("the store opens");
        let Acquired::Lease(lease) = store.acquire_lease("test", 60_000).await.expect("the store works") else {
            panic!("a new store has no holder");
        };
        store.initialize(&lease, &checkpoint).await.expect("the genesis is stored");
        let mut state = State::restore(checkpoint).expect("a sound state");
        let transactions = vec![second.owner_to_key(2).encode(VERSION)];
        let content = TopologyBroadcast { psid: network.psid().clone(), transactions }.to_versioned_content(VERSION);
        let bytes = Submission::new(&first, "rotation").to(&["ALL::All"], &content).bytes();
        let origin = SequencerId::try_from(first.member().clone()).expect("a sequencer");
        let (time, kind) = (seconds(ROTATED), OrderedKind::Send);
        let events = vec![OrderedEvent { time, origin, kind, bytes }];
        let block = OrderedBlock { height: 0, base_time: time, tick_at: None, frames: Vec::new(), events };
        let outcome = Machine::new(NonZeroUsize::MIN).apply(&mut state, &block).expect("it follows");
        assert_eq!(outcome.topology.inserted.len(), 1, "the rotation is accepted");
        store.commit(&lease, &[outcome]).await.expect("committed");
        Self { first, second, store, head: Head { height: Some(0), state }, _folder: folder }
    }

    fn signer(&self) -> EventSigner {
        let keys = [&self.first, &self.second].map(|member| member.protocol_key().clone());
        EventSigner::new(self.first.member().clone(), PrivateKeys::new(keys))
    }

    /// The key that signs an event of `time`.
    async fn key(&self, signer: &EventSigner, head: &Head, time: CantonTimestamp) -> Option<Fingerprint> {
        match signer.sign_event(&self.store, head, time, Bytes::from_static(b"event")).await {
            Ok(bytes) => {
                let signed = SignedContent::parse(&bytes).expect("signed content");
                assert_eq!(signed.timestamp_of_signing_key, None);
                Some(signed.last_signature().signed_by().clone())
            }
            Err(SigningFault::NoKey(_)) => None,
            Err(fault) => panic!("{fault}"),
        }
    }
}

fn key_of(member: &TestMember) -> Option<Fingerprint> {
    Some(member.protocol_key().public_key().fingerprint().clone())
}

#[tokio::test]
async fn an_event_is_signed_with_the_key_of_its_time() {
    let rotated = Rotated::new().await;
    let signer = rotated.signer();
    let effective = seconds(ROTATED).saturating_add(Duration::from_millis(250));
    for (time, expected) in [
        (seconds(1), key_of(&rotated.first)),
        (effective, key_of(&rotated.first)),
        (effective.immediate_successor(), key_of(&rotated.second)),
        (CantonTimestamp::MIN, None),
    ] {
        assert_eq!(rotated.key(&signer, &rotated.head, time).await, expected, "{time}");
    }
}

#[tokio::test]
async fn a_key_that_the_topology_has_forgotten_comes_from_the_store() {
    let rotated = Rotated::new().await;
    let mut checkpoint = rotated.store.load_checkpoint().await.expect("read").expect("there is one");
    let rows = checkpoint.topology.len();
    checkpoint.topology.retain(|row| row.valid_until.is_none());
    assert_eq!(checkpoint.topology.len(), rows - 1);
    let head = Head { height: Some(0), state: State::restore(checkpoint).expect("a sound state") };
    let signer = rotated.signer();
    assert_eq!(signer.key_in_force(&head, seconds(1)).map(|key| key.public_key().fingerprint().clone()), None);
    assert_eq!(rotated.key(&signer, &head, seconds(1)).await, key_of(&rotated.first));
    assert_eq!(rotated.key(&signer, &head, seconds(ROTATED + 1)).await, key_of(&rotated.second));
    assert_eq!(rotated.key(&signer, &head, CantonTimestamp::MIN).await, None);
}

#[tokio::test]
async fn without_the_private_key_nothing_is_signed() {
    let rotated = Rotated::new().await;
    let keys = PrivateKeys::new([rotated.first.protocol_key().clone()]);
    let signer = EventSigner::new(rotated.first.member().clone(), keys.clone());
    let after = seconds(ROTATED + 1);
    assert_eq!(rotated.key(&signer, &rotated.head, after).await, None);
    keys.add(rotated.second.protocol_key().clone());
    assert_eq!(rotated.key(&signer, &rotated.head, after).await, key_of(&rotated.second));
}
