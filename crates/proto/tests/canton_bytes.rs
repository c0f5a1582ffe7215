//! Decodes messages made by Canton 3.5 and encodes them again to the same bytes.

use bytes::Bytes;
use prost::{Message, Name};
use synod_proto::google::rpc::ErrorInfo;
use synod_proto::protocol::v30::topology_mapping::Mapping;
use synod_proto::protocol::v30::typed_signed_protocol_message_content::SomeSignedProtocolMessage;
use synod_proto::protocol::v30::{self, Recipients, RecipientsTree};
use synod_proto::protocol::v31;
use synod_proto::version::v1::{UntypedVersionedMessage, untyped_versioned_message::Wrapper};

/// `submission_request`: 35/empty/topoTs/sequencerGroup/cost0
const SUBMISSION_35: &str = "\
    0a98010a544d45443a3a6d65646961746f72313a3a3132323064346561663131336131616366336530626661613962343561\
    33363330343731323234326465373337663031313739376437626232393365636466633930663512096d73672d656d707479\
    2218080112141f8b08000000000000ff030000000000000000002880cebb9fdaf38d033080c0ed82daf38d033a070a05534f\
    443a3a4200101f";

/// `deliver`: 34/empty/prev/msg/topo/receipt
const EVENT_34: &str = "\
    0a950110c0c4aa83daf38d031a4e64613a3a3132323064346561663131336131616366336530626661613962343561333633\
    3034373132323432646537333766303131373937643762623239336563646663393066353a3a33342d3022056d73672d312a\
    18080112141f8b08000000000000ff030000000000000000003880c0ed82daf38d0342070801101618cd024880c0ed82daf3\
    8d03101e";

/// `deliver_error`: 35/SubmissionRequestRefused/prev/receipt
const EVENT_35: &str = "\
    0aeb020880c0ed82daf38d0310c0c4aa83daf38d031a4e64613a3a3132323064346561663131336131616366336530626661\
    6139623435613336333034373132323432646537333766303131373937643762623239336563646663393066353a3a33352d\
    3022056d73672d3132f6010809123753455155454e4345525f5355424d495353494f4e5f524551554553545f524546555345\
    4428392c30293a20736f6d65206d6573736167651ab8010a28747970652e676f6f676c65617069732e636f6d2f676f6f676c\
    652e7270632e4572726f72496e666f128b010a2453455155454e4345525f5355424d495353494f4e5f524551554553545f52\
    4546555345441a180a086d65737361676531120c736f6d65206d6573736167651a210a056f7574657212185375626d697373\
    696f6e52657175657374526566757365641a170a0f646566696e6974655f616e737765721204747275651a0d0a0863617465\
    676f727912013942070801101618cd02101f";

/// `transaction`: 35/scs/add
const MAPPING_SCS: &str = "\
    0acb01080110011ac4019201c0010a4f5345513a3a736571313a3a3132323037623262376634633331646266636164633737\
    396139646530313236323535663733383935643831326633636366666365373865313035653139363162303230124e64613a\
    3a31323230313530613238383865316435653135623864376566353931376436373333616637346463623261313133346632\
    326561346363666233383236313162646161623a3a33352d311a1d0a1b687474703a2f2f7365712e6578616d706c652e636f\
    6d3a35303031101e";

/// `signed_transaction`: 35/nsd root/multi
const SIGNED_TRANSACTION: &str = "\
    0aea020a8d010a8801080110011a81010a7f0a44313232303762326237663463333164626663616463373739613964653031\
    3236323535663733383935643831326633636366666365373865313035653139363162303230123510041a2c302a30050603\
    2b65700321007f579feb648710f2132fc3bcfee7dda48d454fc32c6b9c333942fe547ac6d5b32a010130012200101e22d701\
    0a221220389d40ca9120a80ebef5ade3aec5c6245389df0134db8868c661d077ce4f0f130a22122090204f96c5ec401c536d\
    134d4e944284b95301de0b0a314d8a5aca7402280301128c01080312403b9b016eef0fd36081172930797893c4544991c3fc\
    775c2e38025f8b0423f1171cbb20a6f24f9c5ab2e8066e81c3a55c1054028a06b7002a7ccfffea52973b041a443132323037\
    6232623766346333316462666361646337373961396465303132363235356637333839356438313266336363666663653738\
    653130356531393631623032302001101e";

/// `static_parameters`: 34/default
const STATIC_PARAMETERS: &str = "\
    0a2f0a0b0a0301020312040102030412080a020102120201021a01012201012a0303040532020203382252051080e59a7710\
    1e";

/// `set_traffic_purchased`: 34/p1
const TRAFFIC_PURCHASED: &str = "\
    0ab6012ab3010aae010a575041523a3a7061727469636970616e74313a3a3132323064346561663131336131616366336530\
    6266616139623435613336333034373132323432646537333766303131373937643762623239336563646663393066351001\
    20e8072a4e64613a3a3132323064346561663131336131616366336530626661613962343561333633303437313232343264\
    6537333766303131373937643762623239336563646663393066353a3a33342d301001101e";

/// `recipients`: nested2
const RECIPIENTS: &str = "\
    0ab4010a575041523a3a7061727469636970616e74313a3a3132323064346561663131336131616366336530626661613962\
    34356133363330343731323234326465373337663031313739376437626232393365636466633930663512590a575041523a\
    3a7061727469636970616e74323a3a3132323064346561663131336131616366336530626661613962343561333633303437\
    313232343264653733376630313137393764376262323933656364666339306635";

const PARTICIPANT_1: &str = "PAR::participant1::1220d4eaf113a1acf3e0bfaa9b45a36304712242de737f011797d7bb293ecdfc90f5";
const PARTICIPANT_2: &str = "PAR::participant2::1220d4eaf113a1acf3e0bfaa9b45a36304712242de737f011797d7bb293ecdfc90f5";

/// Decodes `bytes`, checks that encoding gives the same bytes.
fn exact<M: Message + Default>(bytes: Bytes) -> M {
    let message = M::decode(bytes.clone()).expect("made by Canton");
    assert_eq!(hex::encode(message.encode_to_vec()), hex::encode(&bytes));
    message
}

fn unhex(text: &str) -> Bytes {
    hex::decode(text).expect("hex").into()
}

/// The same below a version wrapper, which must say `version`.
fn exact_versioned<M: Message + Default>(bytes: Bytes, version: i32) -> M {
    let wrapper: UntypedVersionedMessage = exact(bytes);
    assert_eq!(wrapper.version, version);
    let Some(Wrapper::Data(data)) = wrapper.wrapper else { panic!("the wrapper holds data") };
    exact(data)
}

#[test]
fn wrapper_keeps_empty_data() {
    let wrapper: UntypedVersionedMessage = exact(unhex("0a00101e"));
    assert_eq!(wrapper.wrapper, Some(Wrapper::Data(Bytes::new())));
    assert_eq!(wrapper.version, 30);
}

#[test]
fn submission_request_tells_zero_cost_from_no_cost() {
    let request: v31::SubmissionRequest = exact_versioned(unhex(SUBMISSION_35), 31);
    assert_eq!(request.message_id, "msg-empty");
    assert_eq!(request.max_sequencing_time, 1_750_000_060_000_000);
    assert_eq!(request.topology_timestamp, Some(1_750_000_000_000_000));
    let rule = request.aggregation_rule.expect("rule");
    assert_eq!(rule.eligible_members, ["SOD::"]);
    assert_eq!(rule.threshold, 0);
    assert_eq!(request.submission_cost, Some(v30::SequencingSubmissionCost { cost: 0 }));
    let batch = request.batch.expect("batch");
    assert_eq!(batch.algorithm(), v30::compressed_batch::CompressionAlgorithm::Gzip);
    assert!(batch.compressed_envelopes.is_empty());
}

#[test]
fn event_of_version_34_has_its_previous_time_last() {
    let event: v30::SequencedEvent = exact_versioned(unhex(EVENT_34), 30);
    assert_eq!(event.previous_timestamp, Some(1_750_000_000_000_000));
    assert_eq!(event.timestamp, 1_750_000_001_000_000);
    assert_eq!(event.message_id.as_deref(), Some("msg-1"));
    let receipt = event.traffic_receipt.expect("receipt");
    assert_eq!((receipt.consumed_cost, receipt.extra_traffic_consumed, receipt.base_traffic_remainder), (1, 22, 333));
    let last = v30::SequencedEvent { previous_timestamp: event.previous_timestamp, ..Default::default() };
    assert!(event.encode_to_vec().ends_with(&last.encode_to_vec()));
}

#[test]
fn error_info_keeps_the_order_of_its_metadata() {
    let event: v31::SequencedEvent = exact_versioned(unhex(EVENT_35), 31);
    assert!(event.batch.is_none());
    let status = event.deliver_error_reason.expect("status");
    assert_eq!(status.code, 9);
    let [detail] = &status.details[..] else { panic!("one detail") };
    assert_eq!(detail.type_url, ErrorInfo::type_url());
    let info: ErrorInfo = exact(detail.value.clone().into());
    assert_eq!(info.reason, "SEQUENCER_SUBMISSION_REQUEST_REFUSED");
    let keys: Vec<_> = info.metadata.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys, ["message1", "outer", "definite_answer", "category"]);
}

#[test]
fn mapping_number_is_not_the_mapping_code() {
    let transaction: v30::TopologyTransaction = exact_versioned(unhex(MAPPING_SCS), 30);
    assert_eq!(transaction.serial, 1);
    let Some(Mapping::SequencerConnectionSuccessor(successor)) = transaction.mapping.and_then(|m| m.mapping) else {
        panic!("connection successor")
    };
    assert_eq!(successor.connection.expect("connection").endpoints, ["http://seq.example.com:5001"]);
    assert_eq!(v30::enums::TopologyMappingCode::SequencerConnectionSuccessor as i32, 20);
}

#[test]
fn signed_transaction_with_signatures_over_several() {
    let signed: v30::SignedTopologyTransaction = exact_versioned(unhex(SIGNED_TRANSACTION), 30);
    assert!(!signed.proposal);
    assert!(signed.signatures.is_empty());
    let [multi] = &signed.multi_transaction_signatures[..] else { panic!("one group of signatures") };
    assert_eq!(multi.transaction_hashes.len(), 2);
    assert!(multi.transaction_hashes.iter().all(|hash| hash.len() == 34 && hash.starts_with(&[0x12, 0x20])));
    let transaction: v30::TopologyTransaction = exact_versioned(signed.transaction, 30);
    let Some(Mapping::NamespaceDelegation(delegation)) = transaction.mapping.and_then(|m| m.mapping) else {
        panic!("namespace delegation")
    };
    assert!(delegation.namespace.starts_with("12207b2b"));
}

#[test]
fn static_parameters_pack_their_enumerations() {
    let parameters: v30::StaticSynchronizerParameters = exact_versioned(unhex(STATIC_PARAMETERS), 30);
    assert_eq!(parameters.protocol_version, 34);
    assert_eq!(parameters.required_crypto_key_formats, [3, 4, 5]);
    let delay = parameters.topology_change_delay.expect("delay");
    assert_eq!((delay.seconds, delay.nanos), (0, 250_000_000));
}

#[test]
fn traffic_purchase_is_versioned_twice() {
    let typed: v30::TypedSignedProtocolMessageContent = exact_versioned(unhex(TRAFFIC_PURCHASED), 30);
    let Some(SomeSignedProtocolMessage::SetTrafficPurchased(content)) = typed.some_signed_protocol_message else {
        panic!("traffic purchase")
    };
    let message: v30::SetTrafficPurchasedMessage = exact_versioned(content, 1);
    assert_eq!(message.member, PARTICIPANT_1);
    assert_eq!((message.serial, message.total_traffic_purchased), (1, 1000));
}

#[test]
fn recipients_nest() {
    let recipients: Recipients = exact(unhex(RECIPIENTS));
    let leaf = RecipientsTree { recipients: vec![PARTICIPANT_2.into()], children: vec![] };
    let root = RecipientsTree { recipients: vec![PARTICIPANT_1.into()], children: vec![leaf] };
    assert_eq!(recipients, Recipients { recipients_tree: vec![root] });
}

/// The limit that makes `synod-wire` decode recipients by hand.
#[test]
fn decoding_stops_at_a_hundred_levels() {
    let nested = |depth: usize| {
        let leaf = RecipientsTree { recipients: vec!["ALL::All".into()], children: vec![] };
        let tree = (1..depth).fold(leaf, |child, _| RecipientsTree { children: vec![child], ..Default::default() });
        Recipients { recipients_tree: vec![tree] }.encode_to_vec()
    };
    assert!(Recipients::decode(&nested(99)[..]).is_ok());
    assert!(Recipients::decode(&nested(102)[..]).is_err());
}

/// Bytes of a message share the memory of what it was decoded from.
#[test]
fn bytes_are_not_copied() {
    let input = unhex(SUBMISSION_35);
    let wrapper = UntypedVersionedMessage::decode(input.clone()).expect("made by Canton");
    let Some(Wrapper::Data(data)) = wrapper.wrapper else { panic!("the wrapper holds data") };
    let range = input.as_ptr_range();
    assert!(range.contains(&data.as_ptr()));
}
