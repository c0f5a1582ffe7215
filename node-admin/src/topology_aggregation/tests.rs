use std::path::Path;
use std::sync::Arc;

use synod_ordering::SystemClock;
use synod_proto::topology::admin::v30 as admin;
use synod_store::{Store, StoreConfig};
use synod_testkit::fields;
use synod_testkit::recordings::Recording;
use synod_topology::genesis::StoredTransaction;
use synod_topology::{SignedTopologyTransaction, StaticSynchronizerParameters, TopologyState};
use synod_types::ProtocolVersion;
use tempfile::TempDir;
use tonic::Code;

use super::*;
use crate::{NodeLifecycle, NodeStage, SynchronizerTopology, SynchronizerView, TopologyStoresParts};

const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// The topology of the basic run after its end, as the recorded sequencer stored it, looked at at `as_of`.
fn recorded(as_of: CantonTimestamp) -> Looked {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/recordings/pv35-basic");
    let recording = Recording::open(&folder).expect("a recording");
    let table = recording.table("sequencer1", "common_topology_transactions").expect("a table");
    let genesis = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.as_micros();
    let store_of = |row| fields::integer(row, "store_id").expect("a store");
    let synchronizer = table.iter().find(|row| fields::integer(row, "sequenced") == Ok(genesis)).map(store_of);
    let mut rows: Vec<_> = table.iter().filter(|row| Some(store_of(row)) == synchronizer).collect();
    rows.sort_by_key(|row| fields::integer(row, "id").expect("an id"));
    let time = |micros| CantonTimestamp::from_micros(micros).expect("a time");
    let mut psid = None;
    let mut stored = Vec::new();
    for (id, row) in (0..).zip(rows) {
        let signed = fields::bytes(row, "instance").expect("a transaction");
        let transaction = SignedTopologyTransaction::parse(&signed, VERSION).expect("valid");
        if let Some(synchronizer) = transaction.transaction().mapping().synchronizer() {
            psid = Some(PhysicalSynchronizerId::parse(&format!("{synchronizer}::35-0")).expect("an id"));
        }
        let transaction = StoredTransaction {
            sequenced: time(fields::integer(row, "sequenced").expect("a time")),
            valid_from: time(fields::integer(row, "valid_from").expect("a time")),
            valid_until: fields::optional_integer(row, "valid_until").expect("a time").map(time),
            rejection: fields::optional_text(row, "rejection_reason").expect("a text").map(ToOwned::to_owned),
            transaction,
        };
        stored.push(transaction.into_row(id, 0, VERSION));
    }
    stored.retain(|row: &TopologyRow| row.rejection.is_none() && !row.is_proposal);
    Looked { psid: psid.expect("a mapping of a synchronizer"), as_of, rows: stored }
}

/// When the last row of this kind became effective.
fn last(code: MappingCode) -> CantonTimestamp {
    let rows = recorded(CantonTimestamp::MAX).rows;
    rows.iter().filter(|row| row.code == code).map(|row| row.valid_from).max().expect("one")
}

fn all() -> PartyFilter {
    PartyFilter { party: None, participant: None, limit: 1_000 }
}

/// The names of parties, and of their hosts with the permission of each.
fn hosts(as_of: CantonTimestamp, filter: &PartyFilter) -> Vec<(String, Vec<(String, i32)>)> {
    let name = |uid: &str| uid.split("::").next().expect("a name").to_owned();
    let listed = parties::list(&recorded(as_of), filter).expect("lists");
    let of_party = |one: admin::list_parties_response::Result| {
        let hosts = one.participants.iter().map(|host| (name(&host.participant_uid), host.synchronizers[0].permission));
        (name(&one.party), hosts.collect())
    };
    listed.into_iter().map(of_party).collect()
}

fn hosted(party: &str, hosts: &[(&str, i32)]) -> (String, Vec<(String, i32)>) {
    (party.to_owned(), hosts.iter().map(|(host, permission)| ((*host).to_owned(), *permission)).collect())
}

#[test]
fn parties_are_listed_with_their_hosts() {
    let (p1, p2, p3) = ("participant1", "participant2", "participant3");
    let before_the_lock = [
        hosted(p1, &[(p1, 1)]),
        hosted(p2, &[(p2, 1)]),
        hosted("bob", &[(p2, 1)]),
        hosted("alice", &[(p1, 1), (p2, 2)]),
    ];
    let hosted_by_both = last(MappingCode::PartyToParticipant);
    assert_eq!(hosts(hosted_by_both.immediate_successor(), &all()), before_the_lock);
    let earlier = hosts(hosted_by_both, &all());
    let alice = hosted("alice", &[(p1, 1)]);
    assert_eq!(earlier, [before_the_lock[0].clone(), before_the_lock[1].clone(), alice, before_the_lock[2].clone()]);
    // Then only who has a permission hosts.
    let after_the_lock =
        [hosted(p1, &[]), hosted(p2, &[]), hosted("bob", &[]), hosted("alice", &[]), hosted(p3, &[(p3, 1)])];
    assert_eq!(hosts(CantonTimestamp::MAX, &all()), after_the_lock);
}

#[test]
fn parties_are_filtered() {
    let now = CantonTimestamp::MAX;
    let names = |filter: &PartyFilter| hosts(now, filter).into_iter().map(|(party, _)| party).collect::<Vec<_>>();
    let party = |text: &str| PartyFilter { party: UidFilter::parse(text), ..all() };
    let participant = |text: &str| PartyFilter { participant: UidFilter::parse(text), ..all() };
    assert_eq!(names(&party("ali")), ["alice"]);
    assert_eq!(names(&party("ali::12")), [""; 0], "with a namespace the name is not the beginning of one");
    assert_eq!(names(&party("alice::12")), ["alice"]);
    assert_eq!(names(&party("alice::")), ["alice"]);
    assert_eq!(names(&party("alice::ff")), [""; 0]);
    assert_eq!(names(&participant("participant1")), ["participant1", "alice"]);
    assert_eq!(names(&participant("participant2")), ["participant2", "bob", "alice"]);
    assert_eq!(names(&PartyFilter { limit: 2, ..participant("participant2") }), ["participant2", "bob"]);
    assert_eq!(names(&PartyFilter { limit: 0, ..all() }), [""; 0]);
}

fn owners(as_of: CantonTimestamp, filter: &OwnerFilter) -> Vec<(String, usize, usize)> {
    let listed = key_owners::list(&recorded(as_of), filter).expect("lists");
    let of_owner = |one: admin::list_key_owners_response::Result| {
        let name = one.key_owner.rsplit_once("::").expect("a namespace").0.to_owned();
        (name, one.signing_keys.len(), one.encryption_keys.len())
    };
    let mut owners: Vec<_> = listed.into_iter().map(of_owner).collect();
    owners.sort();
    owners
}

#[test]
fn members_are_listed_with_their_keys() {
    let all = || OwnerFilter { kind: None, uid_prefix: String::new(), max_keys: 100 };
    let of = |name: &str, signing, encryption| (name.to_owned(), signing, encryption);
    let expected = [
        of("MED::mediator1", 2, 0),
        of("PAR::participant1", 2, 1),
        of("PAR::participant2", 2, 1),
        of("PAR::participant3", 2, 1),
        of("SEQ::sequencer1", 2, 0),
    ];
    let now = CantonTimestamp::MAX;
    assert_eq!(owners(now, &all()), expected);
    assert_eq!(owners(now, &OwnerFilter { kind: Some(MemberKind::Mediator), ..all() }), expected[..1]);
    assert_eq!(owners(now, &OwnerFilter { uid_prefix: "sequencer1::1220".to_owned(), ..all() }), expected[4..]);
    let one_each = owners(now, &OwnerFilter { max_keys: 1, ..all() });
    assert!(one_each.iter().all(|(_, signing, encryption)| signing + encryption == 1), "{one_each:?}");
    assert_eq!(one_each.len(), expected.len());
    let genesis = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME.immediate_successor();
    assert_eq!(owners(genesis, &all()).len(), 2);
}

/// A node of the recorded synchronizer that has seen nothing of it, or of none.
#[derive(Debug)]
struct Nothing(Option<PhysicalSynchronizerId>);

impl SynchronizerTopology for Nothing {
    fn current(&self) -> Option<SynchronizerView> {
        let psid = self.0.clone()?;
        let first = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        let topology = TopologyState::new(psid, &StaticSynchronizerParameters::jce_defaults(VERSION));
        Some(SynchronizerView { topology, as_of: first.immediate_successor(), sequenced_up_to: first })
    }
}

async fn service(stage: NodeStage, psid: Option<PhysicalSynchronizerId>) -> (TempDir, TopologyAggregationAdmin) {
    let folder = TempDir::new().expect("a folder");
    let url = format!("sqlite://{}", folder.path().join("node.db").display());
    let store = Store::open(&StoreConfig::new(url)).await.expect("opens");
    let (lifecycle, stage) = NodeLifecycle::new(MemberKind::Sequencer, stage);
    let stores = TopologyStores::open(TopologyStoresParts {
        vault: crate::Vault::new(store.clone()),
        store,
        clock: Arc::new(SystemClock),
        lifecycle,
        stage: stage.clone(),
        synchronizer: Arc::new(Nothing(psid)),
        outbox: crate::TopologyOutbox::default(),
        stop: crate::StopNode::never(),
    });
    (folder, TopologyAggregationAdmin::new(stage, stores.await.expect("opens")))
}

#[tokio::test]
async fn only_the_synchronizer_of_the_node_is_asked() {
    let psid = recorded(CantonTimestamp::MAX).psid;
    let uid = synod_types::UniqueIdentifier::new("node", &psid.logical().uid().namespace()).expect("an identifier");
    let (_folder, without_id) = service(NodeStage::NoIdentity, None).await;
    let early = without_id.list_parties(Request::new(admin::ListPartiesRequest::default())).await;
    assert_eq!(early.expect_err("no service yet").code(), Code::Unimplemented);

    let (_folder, outside) = service(NodeStage::NoSynchronizer { uid: uid.clone() }, None).await;
    let nothing = outside.list_parties(Request::new(admin::ListPartiesRequest::default())).await.expect("answers");
    assert!(nothing.into_inner().results.is_empty());
    let (own, other) = (psid.logical().to_string(), format!("other::{}", psid.logical().uid().namespace().as_str()));
    let of = |id: &String| admin::ListKeyOwnersRequest { synchronizer_ids: vec![id.clone()], ..Default::default() };
    let code = |result: Result<Response<admin::ListKeyOwnersResponse>, Status>| result.map_err(|status| status.code());
    let unknown = code(outside.list_key_owners(Request::new(of(&own))).await);
    assert_eq!(unknown.expect_err("it is on none"), Code::NotFound);

    let (_folder, member) = service(NodeStage::Running { uid }, Some(psid)).await;
    assert!(code(member.list_key_owners(Request::new(of(&own))).await).is_ok());
    assert_eq!(code(member.list_key_owners(Request::new(of(&other))).await).expect_err("another"), Code::NotFound);
    for request in [
        of(&"no id".to_owned()),
        admin::ListKeyOwnersRequest { filter_key_owner_type: "par".to_owned(), ..Default::default() },
        admin::ListKeyOwnersRequest {
            as_of: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
            ..Default::default()
        },
    ] {
        let refused = code(member.list_key_owners(Request::new(request)).await).expect_err("malformed");
        assert_eq!(refused, Code::InvalidArgument);
    }
}
