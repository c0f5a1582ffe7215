//! The messages of Canton's sequencer protocol as Synod works with them, read and written as Canton 3.5 does.

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
