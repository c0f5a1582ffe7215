//! Members that subscribe and do not read. A process of its own: its memory is measured.

#[path = "../gateway/client.rs"]
#[allow(dead_code, reason = "made for more than this")]
mod client;
#[path = "../gateway/node.rs"]
#[allow(dead_code, reason = "made for more than this")]
mod node;

use synod_sequencer_gateway::GatewaySettings;

use tonic::transport::{Channel, Endpoint};

use crate::client::{Client, submission, within};
use crate::node::{Node, Start, alice, bob};

const READERS: usize = 500;
const EVENTS: u64 = 150;
const EVENT_BYTES: usize = 10_000;
const WINDOW_BYTES: u32 = 65_535;
const MIB: usize = 1024 * 1024;

/// Bytes that do not compress.
fn content(number: u64) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    next.flatten().take(EVENT_BYTES).collect()
}

/// A connection that takes little beyond what is read from it: its own buffers are in this process too.
async fn narrow_channel(node: &Node) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{}", node.address)).expect("an address");
    let endpoint = endpoint.initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    within("the connection", endpoint.connect()).await.expect("the gateway listens")
}

/// A line of `/proc/self/status`: `VmRSS:` is what the process holds, `VmHWM:` the most that it held.
fn memory_bytes(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a Linux system");
    let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of that name");
    let kib: usize = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stall_hold_little_of_what_waits_for_them() {
    let settings = GatewaySettings { max_subscriptions_per_member: READERS, ..GatewaySettings::default() };
    let node = Node::start_with(Start { settings, ..Start::default() }).await;
    let sender = Client::log_in(&node, &alice()).await;
    let reader = Client::log_in(&node, &bob()).await;
    let recipient = reader.member.member().to_string();
    for number in 0..EVENTS {
        let id = number.to_string();
        sender.send(&submission(&sender.member, &id).to(&[&recipient], &content(number))).await.expect("accepted");
    }
    sender.subscribe(None).await.until(&(EVENTS - 1).to_string()).await;

    let before = memory_bytes("VmRSS:");
    let mut stalled = Vec::new();
    for _ in 0..READERS - 1 {
        let mut connection = reader.clone();
        connection.channel = narrow_channel(&node).await;
        let mut events = connection.subscribe(None).await;
        // It has been read for this one, as far ahead as is allowed.
        events.next().await;
        stalled.push(events);
    }
    let held = memory_bytes("VmHWM:") - before;
    let waiting = usize::try_from(EVENTS).expect("few") * EVENT_BYTES;
    assert!(READERS * waiting.min(MIB) > 400 * MIB, "the test would not notice pages that are held");
    assert!(held < 200 * MIB, "{READERS} stalled readers of {waiting} bytes hold {} MiB", held / MIB);

    // Who reads is served as ever.
    let mut last = reader.subscribe(None).await;
    for _ in 0..EVENTS {
        last.next().await;
    }
    drop(stalled);
    node.stop().await;
}
