//! A synchronizer of a few participants and mediators, and what is sent on it.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use synod_crypto::{Hash, KeyUsages, protocol_message_hash};
use synod_mediator::build::{BuiltRequest, Response, TransactionRequest, ViewToConfirm, confirmation_responses};
use synod_mediator::messages::{LfParty, Quorum, RequestUuid, ViewType};
use synod_mediator::rules::{MediatorRules, Outcome, RulesSettings};
use synod_proto::protocol::{v30, v31};
use synod_testkit::requests::{Network, TestMember, key};
use synod_topology::mapping::{HostingParticipant, Mapping, ParticipantPermission, PartyToParticipant};
use synod_topology::{
    DynamicSynchronizerParameters, Operation, SignedTopologyTransaction, StaticSynchronizerParameters, TopologyState,
    TopologyTransaction, build as topology,
};
use synod_types::{
    CantonTimestamp, MediatorGroupIndex, MediatorId, MemberKind, ParticipantId, PartyId, PhysicalSynchronizerId,
    ProtocolVersion, Recipient, UniqueIdentifier,
};
use synod_wire::{Batch, Envelope, MessageKind, Recipients, SequencedEvent, SequencedEventContent};

pub(crate) const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// When the first request comes, in microseconds. The topology is an hour older.
pub(crate) const START: i64 = 1_800_000_000_000_000;
pub(crate) const HOUR: i64 = 3_600_000_000;
/// The default timeouts.
pub(crate) const DEADLINE: i64 = 30_000_000;
pub(crate) const DECISION: i64 = 60_000_000;

pub(crate) fn at(micros: i64) -> CantonTimestamp {
    CantonTimestamp::from_micros(micros).expect("a time")
}

pub(crate) fn participant(name: &str) -> TestMember {
    TestMember::new(MemberKind::Participant, name)
}

pub(crate) fn mediator(name: &str) -> TestMember {
    TestMember::new(MemberKind::Mediator, name)
}

pub(crate) fn participant_id(name: &str) -> ParticipantId {
    ParticipantId::try_from(participant(name).member().clone()).expect("a participant")
}

/// A party of this name; all are in the namespace of the first participant.
pub(crate) fn party(name: &str) -> LfParty {
    LfParty::parse(&format!("{name}::{}", participant("p1").namespace()), "party").expect("a party")
}

pub(crate) fn parties(names: &[&str]) -> Vec<LfParty> {
    names.iter().map(|name| party(name)).collect()
}

/// Who hosts a party: name, permission, whether it is not ready.
pub(crate) type Host = (&'static str, ParticipantPermission, bool);

/// The parties of all tests. `alice`, `bob` and `carol` have one participant each, `trio` and `five` are consortia.
const PARTIES: &[(&str, u32, &[Host])] = &[
    ("alice", 1, &[("p1", ParticipantPermission::Submission, false)]),
    ("bob", 1, &[("p2", ParticipantPermission::Confirmation, false)]),
    ("carol", 1, &[("p3", ParticipantPermission::Submission, false)]),
    ("watcher", 1, &[("p3", ParticipantPermission::Observation, false)]),
    ("half", 1, &[("p2", ParticipantPermission::Observation, false), ("p3", ParticipantPermission::Submission, false)]),
    ("trio1", 1, TRIO),
    ("trio2", 2, TRIO),
    ("trio3", 3, TRIO),
    ("duo", 2, &[("p4", ParticipantPermission::Submission, false), ("p2", ParticipantPermission::Submission, false)]),
    ("five", 4, FIVE),
];
const TRIO: &[Host] = &[
    ("p1", ParticipantPermission::Submission, false),
    ("p2", ParticipantPermission::Confirmation, false),
    ("p3", ParticipantPermission::Submission, false),
];
const FIVE: &[Host] = &[
    ("p1", ParticipantPermission::Submission, false),
    ("p2", ParticipantPermission::Submission, false),
    ("p3", ParticipantPermission::Submission, false),
    ("p4", ParticipantPermission::Submission, false),
    ("p5", ParticipantPermission::Submission, false),
];

/// A mediator group: number, threshold, active and passive mediators.
pub(crate) type Group = (i32, u32, &'static [&'static str], &'static [&'static str]);

/// The mediator `m1` with its topology.
pub(crate) struct Bed {
    pub(crate) network: Network,
    psid: PhysicalSynchronizerId,
    pub(crate) topology: TopologyState,
    pub(crate) rules: MediatorRules,
}

impl Bed {
    /// Group 0 is `m1` alone, group 1 is `m2` alone.
    pub(crate) fn new() -> Self {
        Self::with_groups(&[(0, 1, &["m1"], &[]), (1, 1, &["m2"], &[])])
    }

    pub(crate) fn with_groups(groups: &[Group]) -> Self {
        Self::of_version(VERSION, groups)
    }

    pub(crate) fn of_version(version: ProtocolVersion, groups: &[Group]) -> Self {
        let network = Network::new(TestMember::new(MemberKind::Sequencer, "s1"));
        let transactions = transactions(&network, groups);
        let psid = PhysicalSynchronizerId::new(network.psid().logical().clone(), version, 0);
        let topology = TopologyState::new(psid.clone(), &StaticSynchronizerParameters::jce_defaults(version));
        let me = MediatorId::try_from(mediator("m1").member().clone()).expect("a mediator");
        let rules = MediatorRules::new(psid.clone(), me, RulesSettings::default());
        let mut bed = Self { network, psid, topology, rules };
        bed.change(START - HOUR, transactions);
        bed
    }

    /// Changes the topology from this time on, exclusive.
    pub(crate) fn change(&mut self, time: i64, transactions: Vec<SignedTopologyTransaction>) {
        let count = transactions.len();
        let changes = self.topology.apply(at(time), at(time), transactions, true);
        let accepted = changes.validated.iter().filter(|validated| validated.rejection.is_none()).count();
        let reasons: Vec<_> = changes.validated.iter().filter_map(|validated| validated.rejection.clone()).collect();
        assert_eq!(accepted, count, "{reasons:?}");
    }

    pub(crate) const fn psid(&self) -> &PhysicalSynchronizerId {
        &self.psid
    }

    /// An event of these envelopes.
    pub(crate) fn event(&self, time: i64, envelopes: Vec<(Envelope, Recipients)>) -> SequencedEvent {
        SequencedEvent {
            previous_timestamp: None,
            timestamp: at(time),
            psid: self.psid().clone(),
            message_id: None,
            content: SequencedEventContent::Deliver { batch: Batch::new(self.psid.protocol_version(), envelopes) },
            topology_timestamp: None,
            traffic_receipt: None,
        }
    }

    pub(crate) fn deliver(&mut self, time: i64, envelopes: Vec<(Envelope, Recipients)>) -> Outcome {
        let event = self.event(time, envelopes);
        self.rules.handle(&event, &self.topology)
    }

    /// Nothing but time passes.
    pub(crate) fn tick(&mut self, time: i64) -> Outcome {
        self.deliver(time, Vec::new())
    }

    /// A request of these views by `p1`, as honest participants send it.
    pub(crate) fn draft(&self, views: Vec<ViewToConfirm>, informed: &[&str]) -> Draft {
        Draft {
            request: TransactionRequest {
                psid: self.psid().clone(),
                mediator_group: MediatorGroupIndex::new(0).expect("not negative"),
                uuid: RequestUuid::parse("11111111-2222-3333-4444-555555555555").expect("an id"),
                submitting_participant: participant_id("p1"),
                act_as: parties(&["alice"]),
                max_sequencing_time: at(START + HOUR),
                views,
                seed: [7; 32],
            },
            signer: participant("p1"),
            recipients: group_of(&["MGR::0"]),
            root_hashes: informed.iter().map(|name| RootHashDraft::new(&[name])).collect(),
            beside: Vec::new(),
        }
    }

    /// Sends a request that has to be accepted.
    pub(crate) fn open(&mut self, time: i64, draft: &Draft) -> BuiltRequest {
        let built = draft.build();
        let outcome = self.deliver(time, draft.envelopes(&built));
        assert_eq!((outcome.opened, outcome.alarms), (1, Vec::new()));
        assert!(outcome.submissions.is_empty() && outcome.finalized.is_empty());
        built
    }

    /// What a participant answers to the request of `request_id`, signed, to group 0.
    pub(crate) fn answer(
        &self,
        (request_id, root_hash): (i64, &Hash),
        sender: &str,
        responses: &[Response],
    ) -> (Envelope, Recipients) {
        let content =
            confirmation_responses(self.psid(), at(request_id), root_hash, &participant_id(sender), responses);
        (signed(&content, &[&participant(sender)]), group_of(&["MGR::0"]))
    }
}

/// The topology of a synchronizer with these mediators, five participants and all parties.
pub(crate) fn transactions(network: &Network, groups: &[Group]) -> Vec<SignedTopologyTransaction> {
    let names = groups.iter().flat_map(|(_, _, active, passive)| active.iter().chain(*passive));
    let names: BTreeSet<&str> = names.copied().chain(["m1"]).collect();
    let sequencer = &network.owner;
    let mut transactions: Vec<SignedTopologyTransaction> = Vec::new();
    for member in names.into_iter().map(mediator).chain([sequencer.clone()]) {
        transactions.extend([member.root(), member.owner_to_key(1)]);
    }
    transactions.push(network.namespace());
    transactions.push(network.parameters(1, DynamicSynchronizerParameters::default()));
    transactions.push(network.sequencers(1, 1, &[sequencer], &[]));
    for (index, threshold, active, passive) in groups {
        transactions.push(group(network, 1, (*index, *threshold, active, passive)));
    }
    for name in ["p1", "p2", "p3", "p4", "p5"] {
        transactions.extend(network.participant(&participant(name)));
    }
    transactions.extend(PARTIES.iter().map(|(name, threshold, hosts)| hosting(name, 1, *threshold, hosts)));
    transactions
}

/// The transaction of a mediator group.
pub(crate) fn group(
    network: &Network,
    serial: u32,
    (index, threshold, active, passive): Group,
) -> SignedTopologyTransaction {
    let members = |names: &[&str]| names.iter().map(|name| mediator(name)).collect::<Vec<_>>();
    let (active, passive) = (members(active), members(passive));
    network.mediators(serial, index, threshold, &active.iter().collect::<Vec<_>>(), &passive.iter().collect::<Vec<_>>())
}

/// The transaction of a party, signed by all who have to.
pub(crate) fn hosting(name: &str, serial: u32, threshold: u32, hosts: &[Host]) -> SignedTopologyTransaction {
    let namespace_key = |name: &str| key(&format!("PAR {name} namespace"), KeyUsages::NAMESPACE);
    let id = UniqueIdentifier::parse(party(name).as_str()).expect("an identifier");
    let participants = hosts.iter().map(|(name, permission, onboarding)| HostingParticipant {
        onboarding: *onboarding,
        ..HostingParticipant::new(participant_id(name), *permission)
    });
    let mapping =
        PartyToParticipant::new(PartyId::new(id), threshold, participants.collect(), None).expect("a hosting");
    let mapping = Mapping::PartyToParticipant(mapping);
    let transaction = TopologyTransaction::new(Operation::Replace, serial, mapping, VERSION).expect("a transaction");
    let names: BTreeSet<&str> = hosts.iter().map(|(name, ..)| *name).chain(["p1"]).collect();
    let keys: Vec<_> = names.into_iter().map(namespace_key).collect();
    topology::sign(transaction, &keys, false).expect("keys of namespaces")
}

/// A root hash message: who gets it, and what it says.
#[derive(Debug, Clone)]
pub(crate) struct RootHashDraft {
    pub(crate) recipients: Recipients,
    pub(crate) root_hash: Option<Hash>,
    pub(crate) view_type: ViewType,
    pub(crate) topology_time: i64,
    pub(crate) payload: &'static [u8],
    pub(crate) psid: Option<PhysicalSynchronizerId>,
}

impl RootHashDraft {
    /// For these participants, each in a tree with the mediators.
    pub(crate) fn new(names: &[&str]) -> Self {
        let trees = names.iter().map(|name| {
            let participant = Recipient::Member(participant(name).member().clone());
            (0, BTreeSet::from([participant, Recipient::parse("MGR::0").expect("a group")]))
        });
        Self {
            recipients: Recipients::from_preorder(trees).expect("trees"),
            root_hash: None,
            view_type: ViewType::Transaction,
            topology_time: START - 1_000,
            payload: b"",
            psid: None,
        }
    }
}

/// A request that is being made.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) request: TransactionRequest,
    pub(crate) signer: TestMember,
    pub(crate) recipients: Recipients,
    pub(crate) root_hashes: Vec<RootHashDraft>,
    /// Other envelopes of the batch.
    pub(crate) beside: Vec<(Envelope, Recipients)>,
}

impl Draft {
    fn version(&self) -> ProtocolVersion {
        self.request.psid.protocol_version()
    }

    pub(crate) fn build(&self) -> BuiltRequest {
        self.request.build(self.signer.protocol_key(), self.version()).expect("a request that can be read")
    }

    pub(crate) fn envelopes(&self, built: &BuiltRequest) -> Vec<(Envelope, Recipients)> {
        let mut envelopes = vec![(unsigned(&built.content), self.recipients.clone())];
        for draft in &self.root_hashes {
            let message = v30::RootHashMessage {
                root_hash: Bytes::copy_from_slice(&draft.root_hash.unwrap_or(built.root_hash).multihash()),
                physical_synchronizer_id: draft.psid.as_ref().unwrap_or(&self.request.psid).to_string(),
                view_type: draft.view_type.number(),
                submission_topology_time: draft.topology_time,
                payload: Bytes::from_static(draft.payload),
            };
            let content = v31::envelope_content::SomeEnvelopeContent::RootHashMessage(message);
            envelopes.push((unsigned(&envelope_content(content, self.version())), draft.recipients.clone()));
        }
        envelopes.extend(self.beside.iter().cloned());
        envelopes
    }
}

pub(crate) fn envelope_content(content: v31::envelope_content::SomeEnvelopeContent, version: ProtocolVersion) -> Bytes {
    let content = v31::EnvelopeContent { some_envelope_content: Some(content) };
    MessageKind::EnvelopeContent.wrap(version, &content.encode_to_vec())
}

pub(crate) fn unsigned(content: &Bytes) -> Envelope {
    Envelope { content: content.clone(), signatures: Vec::new() }
}

pub(crate) fn signed(content: &Bytes, signers: &[&TestMember]) -> Envelope {
    let hash = protocol_message_hash(content);
    Envelope { content: content.clone(), signatures: signers.iter().map(|signer| signer.sign(&hash)).collect() }
}

/// One tree with these recipients.
pub(crate) fn group_of(recipients: &[&str]) -> Recipients {
    let recipients = recipients.iter().map(|text| Recipient::parse(text).expect("a recipient"));
    Recipients::group(recipients).expect("somebody")
}

/// A view with quorums of parties by weight.
pub(crate) fn view(informees: &[&str], quorums: &[(&[(&str, u32)], u32)]) -> ViewToConfirm {
    let quorums = quorums.iter().map(|(confirmers, threshold)| Quorum {
        confirmers: confirmers.iter().map(|(name, weight)| (party(name), *weight)).collect(),
        threshold: *threshold,
    });
    ViewToConfirm { informees: parties(informees), quorums: quorums.collect(), subviews: Vec::new() }
}

/// A view that all of these confirm.
pub(crate) fn of_all(names: &[&str]) -> ViewToConfirm {
    ViewToConfirm::of_all(parties(names))
}
