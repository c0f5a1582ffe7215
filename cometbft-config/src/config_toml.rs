//! `config.toml` of one operator's node.

use std::fmt::Write;
use std::path::PathBuf;

use crate::Network;

/// What is this operator's own business.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// Which operator of the network this is.
    pub index: usize,
    /// Unix socket of our application.
    pub app_socket: PathBuf,
    /// Loopback port of CometBFT's RPC.
    pub rpc_port: u16,
    /// Where the node listens for its peers: `host:port`.
    pub p2p_listen: String,
    /// Loopback port of CometBFT's Prometheus exporter; none when absent.
    pub metrics_port: Option<u16>,
}

/// Renders the file. Peers are private: everybody dials the others by name, and nobody else is let in.
pub(crate) fn config_toml(network: &Network, settings: &LocalSettings) -> String {
    let others: Vec<_> = network
        .operators
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != settings.index)
        .map(|(_, one)| one)
        .collect();
    let peers: Vec<String> = others.iter().map(|other| format!("{}@{}", other.node_id, other.p2p_address)).collect();
    let ids: Vec<&str> = others.iter().map(|other| other.node_id.as_str()).collect();
    let name = network.operators.get(settings.index).map_or("", |operator| operator.name.as_str());
    let mut file = String::new();
    let mut line = |text: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(file, "{text}");
    };
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    line("# CometBFT 0.38, written by synod. Changes are overwritten when the node starts.");
    line(&format!("proxy_app = {}", quoted(&format!("unix://{}", settings.app_socket.display()))));
    line(&format!("moniker = {}", quoted(name)));
    line("abci = \"socket\"\nlog_level = \"error\"\nlog_format = \"json\"");
    line("\n# Only our own process calls it. A frame travels in base64.");
    line(&format!("[rpc]\nladdr = \"tcp://127.0.0.1:{}\"\nmax_body_bytes = 25000000", settings.rpc_port));
    line("\n[p2p]");
    line(&format!("laddr = {}", quoted(&format!("tcp://{}", settings.p2p_listen))));
    line(&format!("persistent_peers = {}", quoted(&peers.join(","))));
    line(&format!("unconditional_peer_ids = {}", quoted(&ids.join(","))));
    line(&format!("private_peer_ids = {}", quoted(&ids.join(","))));
    line("pex = false\naddr_book_strict = false\nflush_throttle_timeout = \"1ms\"");
    line("send_rate = 104857600\nrecv_rate = 104857600\nmax_packet_msg_payload_size = 65000");
    line(&format!("allow_duplicate_ip = {}", network.shares_hosts()));
    line("\n# A frame holds one request of at most 10 MiB, or many small ones.");
    line(
        "[mempool]\nrecheck = false\nsize = 5000\nmax_tx_bytes = 12582912\nmax_txs_bytes = 268435456\ncache_size = 20000",
    );
    line("\n# The next block follows at once when something waits, and after a second when nothing does.");
    line("[consensus]\ntimeout_propose = \"1s\"\ntimeout_propose_delta = \"200ms\"");
    line("timeout_prevote = \"300ms\"\ntimeout_prevote_delta = \"200ms\"");
    line("timeout_precommit = \"300ms\"\ntimeout_precommit_delta = \"200ms\"");
    line("timeout_commit = \"0s\"\nskip_timeout_commit = true");
    line("create_empty_blocks = true\ncreate_empty_blocks_interval = \"1s\"");
    line("peer_gossip_sleep_duration = \"2ms\"\ndouble_sign_check_height = 0");
    line("\n[storage]\ndiscard_abci_responses = true");
    line("\n[tx_index]\nindexer = \"null\"");
    line("\n[instrumentation]");
    line(&format!("prometheus = {}", settings.metrics_port.is_some()));
    if let Some(port) = settings.metrics_port {
        line(&format!("prometheus_listen_addr = \"127.0.0.1:{port}\""));
    }
    file
}
