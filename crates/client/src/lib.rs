//! How a member talks to a sequencer: Canton's or ours.
//!
//! [`SequencerConnection`] is a checked connection, [`MemberIdentity`] is who the member is, [`Session`] is the member
//! logged in at one sequencer. A member of several sequencers holds a session for each.

mod connection;
mod error;
mod event;
mod identity;
mod onboarding;
mod request;
mod session;
mod token;

pub use connection::{ConnectOptions, SequencerConnection};
pub use error::{ClientError, Retry};
pub use event::{EventError, ReceivedEvent, StreamChecker};
pub use identity::{IdentityFault, MemberIdentity, MemberKeys, sign_mapping};
pub use onboarding::OnboardingLimits;
pub use request::{Submission, sign_acknowledgement};
pub use session::{EventStream, Session};
