//! Every decoder survives whatever it is given: 200,000 changed inputs each, the same in every run.
//!
//! What is accepted is written again where we write, and read once more: both have to say the same.

use std::path::Path;

use bytes::Bytes;
use synod_testkit::Mutator;
use synod_testkit::fields;
use synod_testkit::vectors::{Case, read_cases};
use synod_types::ProtocolVersion;
use synod_wire::{
    AcknowledgeRequest, AggregationRule, Batch, Envelope, EnvelopeContent, Recipients, SequencedEvent,
    SequencedEventContent, SetTrafficPurchased, SignedContent, SubmissionRequest, SubmissionRequestContent,
    TrafficReceipt, TrafficState, TypedMessage, gzip, versioned,
};

const ROUNDS: usize = 200_000;

/// Larger inputs take too long without finding more.
const LONGEST_INPUT: usize = 1500;

/// What decompressed parts may have.
const LIMIT: usize = 64 * 1024;

const VERSIONS: [ProtocolVersion; 2] = [ProtocolVersion::V34, ProtocolVersion::V35];

/// The bytes in one field of all cases of some kinds of a file of vectors, without duplicates.
fn corpus(file: &str, kinds: &[(&str, &str)]) -> Vec<Bytes> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(file);
    let cases: Vec<Case> =
        read_cases(&path).expect("the file of vectors").collect::<Result<_, _>>().expect("sound cases");
    let field_of = |case: &Case| kinds.iter().find(|(kind, _)| *kind == case.kind()).map(|(_, field)| *field);
    let mut inputs: Vec<Bytes> = cases
        .iter()
        .filter_map(|case| fields::optional_bytes(&case.value, field_of(case)?).ok()?)
        .filter(|bytes| bytes.len() <= LONGEST_INPUT)
        .collect();
    inputs.sort();
    inputs.dedup();
    assert!(inputs.len() >= 4, "{file} {kinds:?}: {} inputs", inputs.len());
    inputs
}

fn wire(kinds: &[(&str, &str)]) -> Vec<Bytes> {
    corpus("wire.jsonl.gz", kinds)
}

/// Runs a decoder over changed inputs. It tells whether it accepted: some have to be, or the changes are too wild.
fn fuzz(seed: u64, corpus: &[Bytes], decode: impl Fn(&mut Mutator, Bytes) -> bool) {
    let mut mutator = Mutator::new(seed);
    let mut accepted = 0;
    for _ in 0..ROUNDS {
        let input = mutator.mutate_one_of(corpus);
        accepted += usize::from(decode(&mut mutator, input.into()));
    }
    println!("{accepted} of {ROUNDS} accepted");
    assert!(accepted > ROUNDS / 1000, "{accepted} of {ROUNDS} accepted");
}

fn any_version(mutator: &mut Mutator) -> ProtocolVersion {
    *mutator.pick(&VERSIONS)
}

#[test]
fn versioned_messages() {
    fuzz(1, &wire(&[("wrapper", "bytes")]), |_, input| {
        let Ok(message) = versioned::unwrap(&input) else { return false };
        let written = versioned::wrap(message.version, &message.data);
        assert_eq!(versioned::unwrap(&written), Ok(message));
        true
    });
}

#[test]
fn signed_contents() {
    let inputs = corpus("signatures.jsonl", &[("signed_content", "bytes"), ("signed_content_parse", "bytes")]);
    fuzz(2, &inputs, |_, input| {
        let Ok(content) = SignedContent::parse(&input) else { return false };
        let written = content.to_versioned_bytes(ProtocolVersion::V35);
        assert_eq!(content.last_signature(), content.signatures().last().expect("at least one"));
        assert_eq!(SignedContent::parse(&written), Ok(content));
        true
    });
}

#[test]
fn submission_requests() {
    let kinds = [
        ("submission_request", "bytes"),
        ("submission_request_parse", "bytes"),
        ("aggregation_id", "bytes"),
        ("time_proof_submission", "bytes"),
    ];
    fuzz(3, &wire(&kinds), |mutator, input| {
        let version = any_version(mutator);
        let Ok(request) = SubmissionRequest::parse(&input, version, LIMIT) else { return false };
        assert_eq!(request.bytes, input, "received bytes are kept");
        let (kind, kinds) = (request.request_type(), request.recipient_kinds());
        let _ = request.aggregation_id(LIMIT);
        let content = SubmissionRequestContent {
            sender: request.sender,
            message_id: request.message_id,
            batch: request.batch,
            max_sequencing_time: request.max_sequencing_time,
            topology_timestamp: request.topology_timestamp,
            aggregation_rule: request.aggregation_rule,
            submission_cost: request.submission_cost,
        };
        let written = content.to_versioned_bytes(version);
        let again = SubmissionRequest::parse(&written, version, LIMIT).expect("what we write parses");
        assert_eq!((kind, kinds), (again.request_type(), again.recipient_kinds()));
        assert_eq!(
            (content.batch, content.aggregation_rule, content.sender),
            (again.batch, again.aggregation_rule, again.sender)
        );
        true
    });
}

#[test]
fn batches() {
    let inputs = wire(&[("batch", "bytes"), ("batch_parse", "bytes"), ("batch_for_member", "bytes")]);
    fuzz(4, &inputs, |mutator, input| {
        let version = any_version(mutator);
        let Ok(batch) = Batch::parse(&input, version, LIMIT) else { return false };
        let opened: Vec<_> = (0..batch.len()).map(|index| batch.open_envelope(index, LIMIT)).collect();
        let written = batch.to_compressed_proto();
        let again = Batch::parse_canonical_proto(&written, version).expect("what we write parses");
        assert_eq!(batch, again);
        assert_eq!(written, again.to_compressed_proto());
        for (index, open) in opened.into_iter().enumerate() {
            assert_eq!(open.is_ok(), again.open_envelope(index, LIMIT).is_ok());
        }
        let sender = batch.all_recipients().into_iter().find_map(|recipient| recipient.as_member().cloned());
        if let Some(member) = sender {
            let visible = batch.for_member(&member, &|_| true);
            assert!(visible.len() <= batch.len() && !visible.is_empty());
            assert_eq!(Batch::parse_canonical_proto(&visible.to_compressed_proto(), version), Ok(visible));
        }
        true
    });
}

/// Recipients inside of batches are compressed, so that changes of the batch do not reach them.
#[test]
fn batches_with_changed_recipients() {
    let inputs = wire(&[("recipients", "bytes"), ("recipients_parse", "bytes")]);
    fuzz(5, &inputs, |mutator, input| {
        let mut recipients = vec![0x0a];
        let length = if mutator.below(16) == 0 { mutator.below(300) } else { input.len() };
        synod_crypto::encoding::put_uvarint(&mut recipients, length as u64);
        recipients.extend_from_slice(&input);
        let mut proto = vec![0x12];
        synod_crypto::encoding::put_uvarint(&mut proto, recipients.len() as u64);
        proto.extend_from_slice(&recipients);
        proto.extend_from_slice(&[0x1a, 0x00]);
        let proto = Bytes::from(proto);
        let Ok(batch) = Batch::parse_compressed_proto(&proto, ProtocolVersion::V35, LIMIT) else { return false };
        assert!(batch.has_blank_envelope() && batch.open_envelope(0, LIMIT).is_err());
        true
    });
}

#[test]
fn envelopes() {
    let inputs: Vec<Bytes> = wire(&[("batch", "bytes")])
        .iter()
        .filter_map(|bytes| Batch::parse(bytes, ProtocolVersion::V35, LIMIT).ok())
        .flat_map(|batch| (0..batch.len()).map(move |index| batch.open_envelope(index, LIMIT).expect("sound")))
        .map(|envelope| envelope.encode().into())
        .filter(|bytes: &Bytes| bytes.len() <= LONGEST_INPUT)
        .collect();
    fuzz(6, &inputs, |_, input| {
        let Ok(envelope) = Envelope::parse(&input) else { return false };
        assert_eq!(Envelope::parse(&envelope.encode().into()), Ok(envelope));
        true
    });
}

#[test]
fn recipients() {
    let inputs =
        wire(&[("recipients", "bytes"), ("recipients_parse", "bytes"), ("recipients_for_member", "result_bytes")]);
    fuzz(7, &inputs, |mutator, input| {
        let Ok(recipients) = Recipients::parse(&input) else { return false };
        let written = recipients.encode();
        assert_eq!(Recipients::parse(&written), Ok(recipients.clone()));
        assert!(recipients.leaf_recipients().is_subset(&recipients.all_recipients()));
        let all: Vec<_> = recipients.iter().collect();
        if let Some(member) = mutator.pick(&all).as_member() {
            let visible = recipients.for_member(member, &|_| false).expect("it is in a node");
            assert!(visible.all_recipients().is_subset(&recipients.all_recipients()));
            assert_eq!(visible.for_member(member, &|_| false), Some(visible.clone()));
        }
        true
    });
}

#[test]
fn sequenced_events() {
    let kinds = [("deliver", "bytes"), ("deliver_error", "bytes"), ("sequenced_event_parse", "bytes")];
    fuzz(8, &wire(&kinds), |mutator, input| {
        let version = any_version(mutator);
        let Ok(event) = SequencedEvent::parse(&input, version, LIMIT) else { return false };
        // An event of the other version may have been read: then its batch is written as that one.
        let is_foreign_batch = match &event.content {
            SequencedEventContent::Deliver { batch } => {
                Batch::parse_canonical_proto(&batch.to_compressed_proto(), version).as_ref() != Ok(batch)
            }
            SequencedEventContent::Error { .. } => false,
        };
        if !is_foreign_batch {
            assert_eq!(SequencedEvent::parse(&event.to_versioned_bytes(), version, LIMIT), Ok(event));
        }
        true
    });
}

#[test]
fn acknowledgements() {
    fuzz(9, &wire(&[("acknowledge_request", "bytes")]), |mutator, input| {
        let version = any_version(mutator);
        let Ok(request) = AcknowledgeRequest::parse(&input, version) else { return false };
        let again = AcknowledgeRequest::new(request.member.clone(), request.timestamp, version);
        assert_eq!(AcknowledgeRequest::parse(&again.bytes, version), Ok(again));
        true
    });
}

#[test]
fn envelope_contents() {
    let mut inputs = corpus("topology_mappings.jsonl.gz", &[("broadcast", "bytes")]);
    inputs.extend(wire(&[("wrapper_version_parse", "bytes")]));
    fuzz(10, &inputs, |mutator, input| {
        let version = any_version(mutator);
        let Ok(content) = EnvelopeContent::parse(&input, version) else { return false };
        if let EnvelopeContent::TopologyBroadcast(broadcast) = &content {
            assert_eq!(EnvelopeContent::parse(&broadcast.to_versioned_content(version), version), Ok(content));
        }
        true
    });
}

#[test]
fn purchases() {
    let inputs = wire(&[("set_traffic_purchased", "typed_content_bytes")]);
    fuzz(11, &inputs, |_, input| {
        let Ok(content) = TypedMessage::parse(&input) else { return false };
        if let TypedMessage::SetTrafficPurchased(message) = &content {
            let written = TypedMessage::set_traffic_purchased(message, ProtocolVersion::V35);
            assert_eq!(TypedMessage::parse(&written), Ok(content));
        }
        true
    });
    fuzz(12, &wire(&[("set_traffic_purchased", "bytes")]), |_, input| {
        let Ok(message) = SetTrafficPurchased::parse(&input) else { return false };
        let written = message.to_versioned_bytes(ProtocolVersion::V35);
        assert_eq!(SetTrafficPurchased::parse(&written), Ok(message));
        true
    });
}

#[test]
fn rules_receipts_and_states() {
    fuzz(13, &wire(&[("aggregation_rule_parse", "bytes")]), |mutator, input| {
        let version = any_version(mutator);
        let Ok(rule) = AggregationRule::parse(&input, version) else { return false };
        assert_eq!(AggregationRule::parse(&rule.encode(), version), Ok(rule));
        true
    });
    let inputs = wire(&[("traffic_state", "bytes"), ("deliver", "traffic_receipt")]);
    fuzz(14, &inputs, |_, input| {
        if let Ok(state) = TrafficState::parse_proto(&input) {
            assert_eq!(TrafficState::parse_proto(&state.to_proto_bytes()), Ok(state));
        }
        let Ok(receipt) = TrafficReceipt::parse_proto(&input) else { return false };
        assert_eq!(TrafficReceipt::parse_proto(&receipt.to_proto_bytes()), Ok(receipt));
        true
    });
}

#[test]
fn compressed_bytes() {
    let inputs = wire(&[("gzip", "bytes"), ("gunzip", "bytes")]);
    fuzz(15, &inputs, |mutator, input| {
        let limit = mutator.below(2000);
        let Ok(output) = gzip::decompress(&input, limit) else { return false };
        assert!(output.len() <= limit);
        assert_eq!(gzip::decompress(&gzip::compress(&output), output.len()), Ok(output));
        true
    });
}
