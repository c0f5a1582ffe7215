//! The messages of Canton's sequencer protocol as Synod works with them, read and written as Canton 3.5 does.
//!
//! - [`SignedContent`], [`SubmissionRequest`], [`AcknowledgeRequest`]: what members send.
//! - [`Batch`], [`Envelope`], [`Recipients`]: what is sent to whom, and which part of it a member may see.
//! - [`AggregationRule`], [`AggregationId`]: submissions that count together.
//! - [`SequencedEvent`], [`status`], [`TrafficReceipt`], [`TrafficState`]: what members receive.
//! - [`EnvelopeContent`], [`TypedMessage`]: topology and purchases of traffic inside of envelopes.
//! - [`versioned`], [`MessageKind`], [`gzip`], [`reader`]: the encodings below.
//!
//! Whether bytes are accepted is always Canton's decision; the golden vectors are the measure.

mod acknowledge;
mod aggregation;
mod batch;
mod envelope_content;
mod error;
pub mod gzip;
pub mod reader;
mod recipients;
mod request_type;
mod schema;
mod sequenced_event;
mod signature;
mod signed_content;
pub mod status;
mod submission_request;
mod traffic;
pub mod versioned;
mod writer;

pub use acknowledge::AcknowledgeRequest;
pub use aggregation::{AggregationId, AggregationRule};
pub use batch::{Batch, Envelope};
pub use envelope_content::{EnvelopeContent, TopologyBroadcast, TypedMessage};
pub use error::{GzipFault, ParseError, ProtoFault};
pub use recipients::{Recipients, RecipientsTree};
pub use request_type::{RecipientKinds, SubmissionRequestType};
pub use sequenced_event::{SequencedEvent, SequencedEventContent};
pub use signed_content::SignedContent;
pub use submission_request::{SubmissionRequest, SubmissionRequestContent};
pub use traffic::{SetTrafficPurchased, TrafficReceipt, TrafficState};
pub use versioned::MessageKind;
