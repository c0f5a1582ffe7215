//! How a member talks to a sequencer: Canton's or ours.
//!
//! | what | for |
//! |---|---|
//! | [`SequencerConnection`] | a checked connection; registers participants |
//! | [`MemberIdentity`] | who the member is: its keys, and the transactions that prove them |
//! | [`Session`] | the member logged in at one sequencer: sends, acknowledges, asks, subscribes |
//! | [`EventStream`], [`Subscription`] | the member's events, each checked; the second goes on when a stream is lost |
//! | [`SequencerPool`], [`PoolConfig`] | several sequencers, of which a threshold is believed: connects, sends, asks |
//! | [`PoolSubscription`] | the member's events, each delivered alike by a threshold of sequencers |
//! | [`MemberSigner`], [`KeyRing`] | the member's keys, which may change while it runs |
//! | [`MemberTopology`] | the topology as the member knows it, and with it the keys that events are signed by |
//!
//! Whoever trusts one sequencer uses a [`Session`]; whoever does not, and whoever has to go on when one is lost, a
//! [`SequencerPool`].

mod call;
mod client_identity;
mod connection;
mod error;
mod event;
mod identity;
mod keys;
mod onboarding;
mod pool;
mod request;
mod session;
mod stream;
mod subscription;
mod token;
mod topology;

pub use client_identity::{ClientIdentity, InvalidClientIdentity};
pub use connection::{ConnectOptions, SequencerConnection};
pub use error::{ClientError, Retry, error_id};
pub use event::{EventError, EventKeys, ReceivedEvent, StreamChecker};
pub use identity::{IdentityFault, MemberIdentity, MemberKeys};
pub use keys::{KeyRing, MemberSigner};
pub use onboarding::OnboardingLimits;
pub use pool::{
    Amplification, ConnectionConfig, ConnectionHealth, ConnectionState, ConnectionValidation, InvalidPoolConfig,
    PoolConfig, PoolDelays, PoolHealth, PoolKeys, PoolSubscription, PreparedConfig, SequencerPool, SetConfigError,
};
pub use request::{SignedSubmission, Submission, max_sequencing_time, sign_acknowledgement};
pub use session::Session;
pub use stream::EventStream;
pub use subscription::{ResumePolicy, Subscription};
pub use topology::{MemberTopology, TopologyError};
