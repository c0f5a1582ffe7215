//! What can be set about a gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use synod_runtime::tls::ServerTls;
use synod_types::MemberKind;

/// What time the gateway expects a request to be sequenced at, and answers `GetTime` with (ch. 03 §8.1 and §8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequencingTimeSource {
    /// The clock of this node, which also stamps the blocks: local ordering.
    LocalClock,
    /// The base time of the last committed block: ordering by consensus, whose clock is not this node's.
    LastBlock,
}

/// What can be set about a gateway. The defaults are Canton's where it has the notion.
#[derive(Debug, Clone)]
pub struct GatewaySettings {
    /// Name of the node, in errors.
    pub node_name: String,
    /// TLS; plain text when absent. Members authenticate by token; a certificate that the server may ask for only lets them
    /// reach it.
    pub tls: Option<ServerTls>,
    /// How long a challenge can be answered.
    pub nonce_expiration: Duration,
    /// How long a token is good.
    pub token_expiration: Duration,
    /// Most tokens, and most open challenges, of one member; the oldest give way.
    pub max_tokens_per_member: usize,
    /// Most open subscriptions of one member; the oldest give way.
    pub max_subscriptions_per_member: usize,
    /// Largest request in bytes, instead of the dynamic parameter of the synchronizer.
    pub override_max_request_size: Option<usize>,
    /// Whether a client of protocol version 35 has to say its release.
    pub check_client_release: bool,
    /// Whether a refused registration hides reasons that tell who is a member.
    pub sanitize_public_error_messages: bool,
    /// What time a request is expected to be sequenced at.
    pub sequencing_time: SequencingTimeSource,
    /// After an acknowledgement, further ones of the same member are ignored for so long; `None` takes all.
    pub acknowledgement_conflation: Option<Duration>,
    /// Longest wait until an acknowledgement comes back in a block.
    pub acknowledgement_limit: Duration,
    /// How often this sequencer acknowledges the events itself.
    pub own_acknowledgement_interval: Duration,
    /// Confirmation requests that a participant may send at once, in seconds of the allowed rate.
    pub confirmation_request_burst_seconds: f64,
    /// From whom a part of an aggregation that was delivered already is refused before it is ordered (protocol version
    /// 35).
    pub reject_delivered_aggregations_of: BTreeSet<MemberKind>,
    /// Most calls of a method that are served at once, by full name (`package.Service/Method`).
    pub max_active_calls: BTreeMap<String, usize>,
    /// Most calls that one connection may have open.
    pub max_calls_per_connection: u32,
    /// A connection on which nothing happened for so long is pinged.
    pub keep_alive_interval: Duration,
    /// A ping that is not answered for so long closes the connection.
    pub keep_alive_timeout: Duration,
    /// How long open calls may take to end when the gateway stops.
    pub shutdown_grace: Duration,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            node_name: "sequencer".to_owned(),
            tls: None,
            nonce_expiration: Duration::from_secs(60),
            token_expiration: Duration::from_secs(3600),
            max_tokens_per_member: 25,
            max_subscriptions_per_member: 5,
            override_max_request_size: None,
            check_client_release: true,
            sanitize_public_error_messages: true,
            sequencing_time: SequencingTimeSource::LocalClock,
            acknowledgement_conflation: Some(Duration::from_secs(45)),
            acknowledgement_limit: Duration::from_secs(60),
            own_acknowledgement_interval: Duration::from_mins(1),
            confirmation_request_burst_seconds: 0.5,
            reject_delivered_aggregations_of: BTreeSet::from([MemberKind::Mediator]),
            max_active_calls: BTreeMap::new(),
            max_calls_per_connection: 100_000,
            keep_alive_interval: Duration::from_secs(40),
            keep_alive_timeout: Duration::from_secs(20),
            shutdown_grace: Duration::from_secs(3),
        }
    }
}
