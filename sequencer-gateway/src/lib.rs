//! The public API of a sequencer, as unmodified Canton 3.5 nodes call it.
//!
//! [`Gateway::new`] takes the parts of a running node, [`Gateway::serve`] serves members on a listener until it is told to
//! stop. Nothing here decides about the state: calls are checked against the last committed head and handed to ordering,
//! events are read from the log and signed. Two gateways fit into one process.
//!
//! | folder | what |
//! |---|---|
//! | `auth` | who is calling: handshake, challenge, token, revocation |
//! | `connect_service`, `registration`, `api_info` | what a client does before it logs in |
//! | `sequencer_service` | what members do |
//! | `submission` | the checks before a request is ordered |
//! | `subscription`, `signing` | from stored events to signed ones |
//! | `errors`, `texts` | Canton's statuses, trailers and texts |
//! | `transport` | HTTP/2, TLS, health, reflection |

mod api_info;
mod auth;
mod connect_service;
mod core;
mod disabled;
mod errors;
mod gateway;
mod limits;
mod metrics;
mod parts;
mod registration;
mod sequencer_service;
mod settings;
mod signing;
mod submission;
mod subscription;
mod texts;
mod transport;

pub use gateway::{Gateway, GatewayFault, GatewayHandle};
pub use metrics::GatewayMetrics;
pub use parts::GatewayParts;
pub use settings::{GatewaySettings, SequencingTimeSource};
pub use signing::PrivateKeys;
pub use submission::{BroadcastError, PurchaseError};
