//! Connections on which nothing happens: pinged, kept while the pings are answered, closed when they are not.

use std::time::Duration;

use synod_sequencer_gateway::GatewaySettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::within;
use crate::node::{Node, Start};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PING: u8 = 6;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;

/// A connection that speaks no more of HTTP/2 than its frames.
struct RawConnection(TcpStream);

/// Type, flags and payload of a frame.
type Frame = (u8, u8, Vec<u8>);

impl RawConnection {
    async fn open(node: &Node) -> Self {
        let mut stream = TcpStream::connect(node.address).await.expect("the gateway listens");
        stream.write_all(PREFACE).await.expect("sent");
        let mut connection = Self(stream);
        connection.send(SETTINGS, 0, &[]).await;
        connection
    }

    /// A frame of the connection as a whole.
    async fn send(&mut self, kind: u8, flags: u8, payload: &[u8]) {
        let length = u8::try_from(payload.len()).expect("a short frame");
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).await.expect("sent");
    }

    /// The next frame; none when the connection is closed.
    async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], head[4], payload))
    }

    /// The payload of the next ping; none when the connection is closed.
    async fn ping(&mut self) -> Option<Vec<u8>> {
        loop {
            let (kind, flags, payload) = within("a ping or the end", self.frame()).await?;
            if kind == PING && flags & ACK == 0 {
                return Some(payload);
            }
        }
    }
}

async fn impatient_node() -> Node {
    let settings = GatewaySettings {
        keep_alive_interval: Duration::from_millis(50),
        keep_alive_timeout: Duration::from_millis(500),
        ..GatewaySettings::default()
    };
    Node::start_with(Start { settings, ..Start::default() }).await
}

#[tokio::test]
async fn a_connection_that_does_not_answer_pings_is_closed() {
    let node = impatient_node().await;
    let mut connection = RawConnection::open(&node).await;
    assert!(connection.ping().await.is_some(), "an idle connection is pinged");
    assert_eq!(connection.ping().await, None, "no second ping is sent before the first is answered");
    node.stop().await;
}

#[tokio::test]
async fn a_connection_that_answers_pings_stays() {
    let node = impatient_node().await;
    let mut connection = RawConnection::open(&node).await;
    // Longer than the time after which the other one is closed.
    for _ in 0..20 {
        let payload = connection.ping().await.expect("still open");
        connection.send(PING, ACK, &payload).await;
    }
    node.stop().await;
}
