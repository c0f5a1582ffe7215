//! How a member talks to a sequencer: Canton's or ours.
//!
//! | what | for |
//! |---|---|
//! | [`SequencerConnection`] | a checked connection; registers participants |
//! | [`MemberIdentity`] | who the member is: its keys, and the transactions that prove them |
//! | [`Session`] | the member logged in at one sequencer: sends, acknowledges, asks, subscribes |
//! | [`EventStream`], [`Subscription`] | the member's events, each checked; the second goes on when a stream is lost |
//! | [`MemberTopology`] | the topology as the member knows it, and with it the keys that events are signed by |
//!
//! A member of several sequencers holds a session for each; what it believes of their answers is decided above.

mod call;
mod connection;
mod error;
mod event;
mod identity;
mod onboarding;
mod request;
mod session;
mod stream;
mod subscription;
mod token;
mod topology;

pub use connection::{ConnectOptions, SequencerConnection};
pub use error::{ClientError, Retry};
pub use event::{EventError, EventKeys, ReceivedEvent, StreamChecker};
pub use identity::{IdentityFault, MemberIdentity, MemberKeys};
pub use onboarding::OnboardingLimits;
pub use request::{Submission, max_sequencing_time, sign_acknowledgement};
pub use session::Session;
pub use stream::EventStream;
pub use subscription::{ResumePolicy, Subscription};
pub use topology::{MemberTopology, TopologyError};
