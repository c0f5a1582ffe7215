use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// Answers each request on one connection with the next of `bodies`, and returns the bodies of the requests.
async fn answer(listener: TcpListener, bodies: Vec<String>) -> Vec<String> {
    let (mut stream, _) = listener.accept().await.expect("connection");
    let mut requests = Vec::new();
    for body in bodies {
        requests.push(read_request(&mut stream).await);
        let answer = format!("HTTP/1.1 500 Error\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(answer.as_bytes()).await.expect("write");
    }
    requests
}

pub(in crate::comet) async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.expect("read");
        bytes.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("length");
        if body.len() == length.parse::<usize>().expect("number") {
            return String::from_utf8(bytes[bytes.len() - body.len()..].to_vec()).expect("text");
        }
    }
}

async fn with_answers<T>(bodies: &[&str], calls: impl AsyncFnOnce(RpcClient) -> T) -> (Vec<String>, T) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("free port");
    let client = RpcClient::new(listener.local_addr().expect("bound"));
    let bodies = bodies.iter().map(|body| (*body).to_owned()).collect();
    tokio::join!(answer(listener, bodies), calls(client))
}

#[tokio::test]
async fn answers_of_cometbft_are_told_apart() {
    let bodies = [
        r#"{"jsonrpc":"2.0","id":0,"result":{"code":0,"data":"","log":"","codespace":"","hash":"AA"}}"#,
        r#"{"jsonrpc":"2.0","id":0,"result":{"code":6,"data":"","log":"too late","codespace":"","hash":"AA"}}"#,
        r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32603,"message":"Internal error","data":"tx already exists in cache"}}"#,
        r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32603,"message":"Internal error","data":"mempool is full: number of txs 5 (max: 5)"}}"#,
        r#"{"jsonrpc":"2.0","id":0}"#,
        "nothing",
    ];
    let (requests, answers) = with_answers(&bodies, async |client| {
        let mut answers = Vec::new();
        for _ in 0..bodies.len() {
            answers.push(client.broadcast_tx_sync(b"frame").await);
        }
        answers
    })
    .await;
    assert!(
        requests.iter().all(|request| request.contains(r#""method":"broadcast_tx_sync","params":{"tx":"ZnJhbWU="}"#))
    );
    let [accepted, rejected, known, full, empty, garbage] = answers.try_into().expect("six");
    assert_eq!(accepted.expect("answer"), BroadcastAnswer::Accepted);
    assert_eq!(rejected.expect("answer"), BroadcastAnswer::Rejected { code: 6, log: "too late".to_owned() });
    assert_eq!(known.expect("answer"), BroadcastAnswer::Known);
    assert!(matches!(full, Err(RpcError::Refused { reason }) if reason.contains("mempool is full")));
    assert!(matches!(empty, Err(RpcError::Answer(_))));
    assert!(matches!(garbage, Err(RpcError::Answer(_))));
}

#[tokio::test]
async fn status_is_read() {
    let body = r#"{"jsonrpc":"2.0","id":0,"result":{"node_info":{"id":"ab","network":"chain"},
        "sync_info":{"latest_block_height":"17","catching_up":false},"validator_info":{}}}"#;
    let (_, status) = with_answers(&[body], async |client| client.status().await).await;
    let expected = CometStatus {
        chain_id: "chain".to_owned(),
        node_id: "ab".to_owned(),
        latest_height: 17,
        is_catching_up: false,
    };
    assert_eq!(status.expect("answer"), expected);
}

#[tokio::test]
async fn nobody_there_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("free port");
    let client = RpcClient::new(listener.local_addr().expect("bound"));
    drop(listener);
    assert!(matches!(client.broadcast_tx_sync(b"frame").await, Err(RpcError::Unreachable(_))));
}
