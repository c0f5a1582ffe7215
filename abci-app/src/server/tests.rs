use std::io::Read;
use std::sync::mpsc;

use prost::Message;
use tempfile::TempDir;
use tendermint_proto::v0_38::abci::{
    RequestCheckTx, RequestCommit, RequestEcho, RequestFlush, ResponseCheckTx, ResponseCommit,
};

use super::*;

/// Answers CheckTx with the length of the transaction; cannot commit.
#[derive(Clone)]
struct TestApp {
    halted: Arc<AtomicBool>,
    faults: mpsc::Sender<String>,
}

impl Application for TestApp {
    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        ResponseCheckTx { code: request.tx.len() as u32, ..ResponseCheckTx::default() }
    }

    fn commit(&self) -> ResponseCommit {
        self.halted.store(true, Ordering::SeqCst);
        ResponseCommit::default()
    }
}

impl Halting for TestApp {
    fn is_halted(&self) -> bool {
        self.halted.load(Ordering::SeqCst)
    }

    fn halt(&self, fault: ServerFault) {
        self.halted.store(true, Ordering::SeqCst);
        // The test may be over.
        let _ = self.faults.send(fault.to_string());
    }
}

struct Bench {
    _folder: TempDir,
    path: PathBuf,
    serving: Serving,
    faults: mpsc::Receiver<String>,
}

fn bench() -> Bench {
    let folder = TempDir::new().expect("temporary folder");
    let path = folder.path().join("app.sock");
    let (sender, faults) = mpsc::channel();
    let app = TestApp { halted: Arc::default(), faults: sender };
    let serving = Server::bind(&path).and_then(|server| server.serve(app)).expect("free path");
    Bench { _folder: folder, path, serving, faults }
}

fn request(value: Value) -> Vec<u8> {
    Request { value: Some(value) }.encode_length_delimited_to_vec()
}

fn check_tx(bytes: usize) -> Vec<u8> {
    request(Value::CheckTx(RequestCheckTx { tx: vec![0; bytes].into(), r#type: 0 }))
}

/// Reads responses until there are `count`, then makes sure that there are no more.
fn read_responses(stream: &mut UnixStream, count: usize) -> Vec<response::Value> {
    let (mut bytes, mut responses) = (Vec::new(), Vec::new());
    while responses.len() < count {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).expect("answer");
        assert_ne!(read, 0, "the connection ended after {} of {count} responses", responses.len());
        bytes.extend_from_slice(&chunk[..read]);
        let mut rest = bytes.as_slice();
        responses.clear();
        while let Ok(response) = Response::decode_length_delimited(&mut rest) {
            responses.push(response.value.expect("content"));
        }
    }
    assert_eq!(responses.len(), count);
    responses
}

#[test]
fn answers_come_in_order_on_several_connections() {
    let bench = bench();
    let mut streams: Vec<UnixStream> = (0..4).map(|_| UnixStream::connect(&bench.path).expect("connect")).collect();
    for (index, stream) in streams.iter_mut().enumerate() {
        let mut bytes: Vec<u8> = (0..500).flat_map(|size| check_tx(size + index)).collect();
        bytes.extend(request(Value::Flush(RequestFlush {})));
        stream.write_all(&bytes).expect("write");
    }
    for (index, stream) in streams.iter_mut().enumerate() {
        let responses = read_responses(stream, 501);
        for (size, response) in responses[..500].iter().enumerate() {
            let response::Value::CheckTx(check) = response else { panic!("{response:?}") };
            assert_eq!(check.code as usize, size + index);
        }
        assert!(matches!(responses[500], response::Value::Flush(_)));
    }
    bench.serving.stop();
    assert!(bench.faults.try_recv().is_err(), "a stop is no fault");
}

#[test]
fn a_large_transaction_is_answered() {
    let bench = bench();
    let mut stream = UnixStream::connect(&bench.path).expect("connect");
    let mut bytes = check_tx(12_000_000);
    bytes.extend(request(Value::Flush(RequestFlush {})));
    stream.write_all(&bytes).expect("write");
    assert!(matches!(&read_responses(&mut stream, 2)[0], response::Value::CheckTx(check) if check.code == 12_000_000));
    bench.serving.stop();
}

#[test]
fn nothing_is_answered_after_a_fault() {
    let bench = bench();
    let mut stream = UnixStream::connect(&bench.path).expect("connect");
    let mut bytes = request(Value::Echo(RequestEcho { message: "a".to_owned() }));
    bytes.extend(request(Value::Commit(RequestCommit {})));
    bytes.extend(check_tx(1));
    bytes.extend(request(Value::Flush(RequestFlush {})));
    stream.write_all(&bytes).expect("write");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("closed");
    assert!(answer.is_empty(), "{answer:?}");
    bench.serving.stop();
}

#[test]
fn malformed_input_is_refused_and_reported() {
    for (bytes, expected) in [
        (vec![0xff; 10], "an ABCI connection is broken"),
        (vec![3, 0x0a, 0x05, 0x01], "an ABCI connection is broken"),
        (vec![0], "an ABCI request has no content that is known"),
    ] {
        let bench = bench();
        let mut stream = UnixStream::connect(&bench.path).expect("connect");
        stream.write_all(&bytes).expect("write");
        let responses = read_responses(&mut stream, 1);
        assert!(matches!(&responses[0], response::Value::Exception(exception) if exception.error == expected));
        assert_eq!(bench.faults.recv().expect("reported"), expected);
        bench.serving.stop();
    }
}

#[test]
fn a_closed_connection_is_a_fault_unless_it_is_expected() {
    let unexpected = bench();
    drop(UnixStream::connect(&unexpected.path).expect("connect"));
    assert_eq!(unexpected.faults.recv().expect("reported"), "CometBFT closed an ABCI connection");
    unexpected.serving.stop();

    let expected = bench();
    let mut stream = UnixStream::connect(&expected.path).expect("connect");
    stream.write_all(&request(Value::Flush(RequestFlush {}))).expect("write");
    read_responses(&mut stream, 1);
    expected.serving.expect_end();
    drop(stream);
    expected.serving.stop();
    assert!(expected.faults.try_recv().is_err());
}

#[test]
fn a_socket_that_was_left_behind_is_replaced() {
    let folder = TempDir::new().expect("temporary folder");
    let path = folder.path().join("app.sock");
    drop(UnixListener::bind(&path).expect("free path"));
    let server = Server::bind(&path).expect("replaced");
    drop(UnixStream::connect(&path).expect("somebody listens"));
    drop(server);
    let missing = folder.path().join("no/app.sock");
    assert!(matches!(Server::bind(&missing), Err(ServerFault::Listen { path, .. }) if path == missing));
}
