//! The readers, on the data of the repository.

use std::path::{Path, PathBuf};

use prost::Message as _;
use synod_testkit::recordings::{Recording, TracedBatchedBlockOrderingRequests};
use synod_testkit::vectors::read_cases;
use synod_testkit::{Tally, fields};

fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(path)
}

#[test]
fn vectors_are_read_plain_and_compressed() {
    let count = |file| {
        let cases = read_cases(&tests("vectors").join(file)).expect("the file opens");
        cases.map(|case| case.expect("the line is sound")).filter(|case| case.kind() != "key").count()
    };
    assert_eq!(count("identifiers.jsonl"), 319);
    assert_eq!(count("sequencer_pipeline.jsonl.gz"), 40 + 6);
}

#[test]
fn a_missing_file_and_a_broken_line_are_errors() {
    assert!(read_cases(&tests("vectors/none.jsonl")).is_err());
    let file = tempfile::NamedTempFile::with_suffix(".jsonl").unwrap();
    std::fs::write(file.path(), "{\"kind\":\"a\"}\n\n{\"kind\":\n{}\n").unwrap();
    let cases: Vec<_> = read_cases(file.path()).unwrap().collect();
    assert_eq!(cases.len(), 2, "reading stops at the first error");
    assert!(cases[0].is_ok());
    assert!(cases[1].as_ref().unwrap_err().to_string().starts_with("line 3 of"));
}

#[test]
fn the_order_of_a_recording_is_decoded() {
    let recording = Recording::open(&tests("recordings/pv35-basic")).expect("the recording opens");
    assert_eq!(recording.orders(), ["ordered"]);
    assert_eq!(recording.nodes(), ["mediator1", "sequencer1"]);
    let blocks = recording.ordered("ordered").expect("the order is sound");
    assert_eq!(blocks.len(), 278);
    let requests: Vec<_> = blocks.iter().flat_map(|block| &block.requests).collect();
    assert_eq!(requests.iter().filter(|request| request.tag == "send").count(), 104);
    assert_eq!(requests.iter().filter(|request| request.tag == "acknowledge").count(), 4);
    assert!(requests.iter().all(|request| request.sequencer.starts_with("SEQ::sequencer1::")));
    assert!(blocks.windows(2).all(|pair| pair[0].base_time_us <= pair[1].base_time_us));
}

#[test]
fn a_block_is_read_to_the_last_byte() {
    let recording = Recording::open(&tests("recordings/pv35-basic")).expect("the recording opens");
    for line in recording.lines("ordered.blocks.jsonl.gz").unwrap() {
        let bytes = fields::bytes(&line, "request").unwrap();
        let block = synod_testkit::recordings::TracedBlockOrderingRequest::decode(bytes.clone()).unwrap();
        assert_eq!(block.encode_to_vec(), bytes);
        let requests = TracedBatchedBlockOrderingRequests::decode(block.body.clone()).unwrap();
        assert_eq!(requests.encode_to_vec(), block.body);
    }
}

#[test]
fn calls_are_grouped() {
    let recording = Recording::open(&tests("recordings/pv35-edges")).expect("the recording opens");
    let calls = recording.calls("participant1-sequencer1").expect("the calls are sound");
    let handshake = calls.iter().find(|call| call.method_name() == "Handshake").expect("there is a handshake");
    assert_eq!(handshake.service_name(), "SequencerConnectService");
    assert!(handshake.metadata_text("memberid").is_some_and(|member| member.starts_with("PAR::")));
    assert_eq!((handshake.requests.len(), handshake.responses.len()), (1, 1));
    assert_eq!(handshake.end.as_ref().map(|end| end.status.as_str()), Some("OK"));

    let refused = calls.iter().filter_map(|call| call.end.as_ref()).find(|end| end.status == "FAILED_PRECONDITION");
    let trailers = &refused.expect("some call was refused").trailers;
    let (key, details) = trailers.first().expect("it has a trailer");
    assert_eq!((key.as_str(), details[0]), ("grpc-status-details-bin", 0x08));
    assert!(calls.iter().flat_map(|call| &call.requests).any(|request| request.bytes.is_none()));
}

#[test]
fn files_that_nobody_read_are_known_and_lines_can_be_replaced() {
    let mut recording = Recording::open(&tests("recordings/pv35-basic")).expect("the recording opens");
    let members = recording.table("sequencer1", "sequencer_members").expect("the table is sound");
    assert_eq!(fields::integer(&members[0], "registered_ts"), Ok(-62_135_596_799_999_999));
    assert!(!recording.unread().contains(&"sequencer1.sequencer_members.jsonl.gz"));
    assert!(recording.unread().contains(&"sequencer1.sequencer_events.jsonl.gz"));
    assert!(recording.table("sequencer1", "no_such_table").expect("an empty table has no file").is_empty());
    recording.replace("sequencer1.sequencer_members.jsonl.gz", members[..1].to_vec());
    assert_eq!(recording.table("sequencer1", "sequencer_members").unwrap().len(), 1);
}

#[test]
fn every_recording_can_be_read() {
    for entry in std::fs::read_dir(tests("recordings")).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let recording = Recording::open(&folder).expect("the recording opens");
        for order in recording.orders() {
            assert!(!recording.ordered(order).expect("the order is sound").is_empty());
        }
        for connection in recording.connections() {
            assert!(!recording.calls(connection).expect("the calls are sound").is_empty());
        }
        for node in recording.nodes() {
            for table in recording.tables(node) {
                assert!(!recording.table(node, table).expect("the table is sound").is_empty());
            }
        }
    }
}

#[test]
fn a_tally_counts_by_category() {
    let mut inner = Tally::new();
    inner.case("a", "one", Ok(()));
    inner.case("a", "two", Err("differs".to_owned()));
    inner.skip("b", "protocol version 34");
    let mut total = Tally::new();
    total.merge("file", inner);
    assert_eq!((total.passed(), total.failed()), (1, 1));
    assert_eq!(total.categories()["file/b"].skipped["protocol version 34"], 1);
    assert_eq!(total.failures(), ["file/a · two: differs"]);
}

#[test]
fn a_difference_of_bytes_is_shown_at_its_place() {
    assert!(fields::same_bytes("hash", &[1, 2, 3], &[1, 2, 3]).is_ok());
    let text = fields::same_bytes("hash", &[1, 2, 3], &[1, 9]).unwrap_err();
    assert_eq!(text, "hash: byte 1 differs: expected 0203 (3 bytes), found 09 (2 bytes)");
    assert_eq!(fields::from_hex("\\x0a0b").as_deref(), Ok(&[10, 11][..]));
    assert!(fields::from_hex("0a0").is_err());
}
