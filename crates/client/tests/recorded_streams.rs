//! Everything that Canton's sequencers sent to their members, as our members would have taken it: the topology to start
//! from, then every event of every subscription, verified with the keys that the topology has at its time; and each event
//! once more with a changed byte, which has to be noticed.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use prost::Message;
use synod_client::{EventKeys, MemberTopology, StreamChecker};
use synod_crypto::{Hash, TopologyStateHash};
use synod_proto::sequencer::api::v30::sequencer_connect::get_synchronizer_parameters_response::Parameters;
use synod_proto::sequencer::api::v30::sequencer_connect::{
    GetSynchronizerIdResponse, GetSynchronizerParametersResponse,
};
use synod_proto::sequencer::api::v30::{
    DownloadTopologyStateForInitHashResponse, DownloadTopologyStateForInitResponse, SubscriptionRequest,
    SubscriptionResponse,
};
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_testkit::recordings::{Call, Recording};
use synod_topology::{SignedTopologyTransaction, StaticSynchronizerParameters};
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId, ProtocolVersion, SequencerId, UniqueIdentifier};
use synod_wire::{SequencedEvent, SignedContent};

/// What a sequencer told, and what its members received, in the order of the calls.
struct Served {
    psid: PhysicalSynchronizerId,
    sequencer: SequencerId,
    parameters: StaticSynchronizerParameters,
    members: BTreeMap<Member, Received>,
}

#[derive(Default)]
struct Received {
    items: Vec<Item>,
    hash: Option<Hash>,
    streams: Vec<(Option<CantonTimestamp>, Vec<Bytes>)>,
}

fn messages<M: Message + Default>(call: &Call) -> Vec<M> {
    call.responses.iter().filter_map(|message| M::decode(message.bytes.clone()?).ok()).collect()
}

fn read(calls: &[Call]) -> Option<Served> {
    let of = |name: &'static str| calls.iter().filter(move |call| call.method_name() == name);
    let id: GetSynchronizerIdResponse = of("GetSynchronizerId").flat_map(messages).next()?;
    let parameters: GetSynchronizerParametersResponse =
        of("GetSynchronizerParameters").flat_map(messages).next().unwrap();
    let Some(Parameters::ParametersV1(parameters)) = parameters.parameters else { panic!("no parameters") };
    let mut members: BTreeMap<Member, Received> = BTreeMap::new();
    for call in calls {
        let Some(member) = call.metadata_text("memberid").and_then(|text| Member::parse(text).ok()) else { continue };
        let received = members.entry(member).or_default();
        match call.method_name() {
            "DownloadTopologyStateForInitHash" => {
                let answers = messages::<DownloadTopologyStateForInitHashResponse>(call);
                let hash = answers.first().map(|answer| Hash::from_multihash(&answer.topology_state_hash).unwrap());
                received.hash = received.hash.or(hash);
            }
            "DownloadTopologyStateForInit" if received.items.is_empty() => {
                let parts = messages::<DownloadTopologyStateForInitResponse>(call);
                received.items = parts.into_iter().flat_map(|part| part.topology_transactions.unwrap().items).collect();
            }
            "Subscribe" => {
                let request = call.requests.first().and_then(|request| request.bytes.clone()).unwrap();
                let from = SubscriptionRequest::decode(request).unwrap().timestamp;
                let events = messages::<SubscriptionResponse>(call);
                let from = from.map(|micros| CantonTimestamp::from_micros(micros).unwrap());
                received.streams.push((from, events.into_iter().map(|event| event.signed_sequenced_event).collect()));
            }
            _ => {}
        }
    }
    Some(Served {
        psid: PhysicalSynchronizerId::parse(&id.physical_synchronizer_id).unwrap(),
        sequencer: SequencerId::new(UniqueIdentifier::parse(&id.sequencer_uid).unwrap()),
        parameters: StaticSynchronizerParameters::from_proto(parameters).unwrap(),
        members,
    })
}

/// The event with one bit of its content turned over.
fn with_a_changed_byte(signed: &Bytes) -> Bytes {
    let content = SignedContent::parse(signed).unwrap().content;
    let start = signed.windows(content.len()).position(|part| part == content).unwrap();
    let mut bytes = signed.to_vec();
    bytes[start + content.len() / 2] ^= 1;
    bytes.into()
}

fn event_of(signed: &Bytes) -> SequencedEvent {
    let content = SignedContent::parse(signed).unwrap().content;
    SequencedEvent::parse(&content, ProtocolVersion::V35, usize::MAX).unwrap()
}

fn hash_of(items: &[Item], psid: &PhysicalSynchronizerId) -> Hash {
    let parse = |item: &Item| SignedTopologyTransaction::parse(&item.transaction, psid.protocol_version()).unwrap();
    let hash = items
        .iter()
        .fold(TopologyStateHash::new(), |hash, item| hash.add_transaction(parse(item).transaction().hash()));
    hash.finish()
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    members: usize,
    hashes: usize,
    streams: usize,
    events: usize,
    /// Events that come again after the member resumed.
    again: usize,
    /// Streams that begin at an event that the member had from another sequencer.
    elsewhere: usize,
    /// Events of the hand-made client of the edges, which downloads no topology.
    without_topology: usize,
}

/// What a member learned over all its connections to a synchronizer.
#[derive(Default)]
struct Learned {
    items: Vec<Item>,
    events: BTreeMap<CantonTimestamp, SequencedEvent>,
}

impl Learned {
    /// The topology as the member knew it before the event at `time`.
    fn topology(&self, served: &Served, member: &Member, time: CantonTimestamp) -> EventKeys {
        let mut topology =
            MemberTopology::start(served.psid.clone(), &served.parameters, member, self.items.clone()).unwrap();
        for (_, event) in self.events.range(..time) {
            topology.observe(event);
        }
        EventKeys::Topology { topology: Box::new(topology), sequencer: served.sequencer.clone() }
    }
}

/// Feeds the streams of a member, one after the other, to one checker; to another one when the member had gone on with
/// another sequencer in between.
fn follow(served: &Served, member: &Member, learned: &Learned, received: &Received, counts: &mut Counts, place: &str) {
    let checker = |from: Option<CantonTimestamp>| {
        let keys = learned.topology(served, member, from.unwrap_or(CantonTimestamp::MIN));
        StreamChecker::new(served.psid.clone(), keys, from)
    };
    let mut current = checker(None);
    counts.members += 1;
    for (from, events) in received.streams.iter().filter(|(_, events)| !events.is_empty()) {
        if current.resume() != *from {
            current = checker(*from);
            counts.elsewhere += 1;
        }
        counts.streams += 1;
        for event in events {
            let broken = current.clone().check(&with_a_changed_byte(event));
            assert!(broken.is_err(), "{place}: a changed byte is not noticed");
            counts.again += usize::from(current.is_repeating());
            current.check(event).unwrap_or_else(|error| panic!("{place}: {error:?}"));
            counts.events += 1;
        }
    }
}

#[test]
fn every_recorded_event_is_taken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings");
    let mut counts = Counts::default();
    let mut folders: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let recording = Recording::open(folder).unwrap();
        let served: Vec<(&str, Served)> = recording
            .connections()
            .into_iter()
            .filter_map(|connection| Some((connection, read(&recording.calls(connection).unwrap())?)))
            .collect();
        let mut learned: BTreeMap<(&PhysicalSynchronizerId, &Member), Learned> = BTreeMap::new();
        for (_, served) in &served {
            for (member, received) in &served.members {
                let learned = learned.entry((&served.psid, member)).or_default();
                // A member of several sequencers downloads from one of them.
                learned.items.extend(received.items.iter().cloned());
                for signed in received.streams.iter().flat_map(|(_, events)| events) {
                    let event = event_of(signed);
                    learned.events.insert(event.timestamp, event);
                }
            }
        }
        for (connection, served) in &served {
            for (member, received) in &served.members {
                let place = format!("{} {connection} {member}", recording.name());
                let learned = &learned[&(&served.psid, member)];
                if learned.items.is_empty() {
                    counts.without_topology += learned.events.len();
                    continue;
                }
                if let Some(hash) = received.hash {
                    assert_eq!(hash_of(&learned.items, &served.psid), hash, "{place}");
                    counts.hashes += 1;
                }
                follow(served, member, learned, received, &mut counts, &place);
            }
        }
    }
    let all =
        Counts { members: 35, hashes: 35, streams: 35, events: 2181, again: 1, elsewhere: 1, without_topology: 69 };
    assert_eq!(counts, all);
}
