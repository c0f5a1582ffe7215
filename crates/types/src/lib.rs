//! Identifiers and times of a Canton synchronizer, and nothing else.
//!
//! Every type is a newtype with a fallible constructor that accepts and refuses exactly the texts
//! and numbers that Canton's own parsers do (chapter 01 §5 and §7 of the protocol notes).

mod error;
mod identifier;
mod member;
mod message_id;
mod number;
mod recipient;
mod synchronizer;
mod time;

pub use error::{InvalidIdentifier, TimestampOutOfRange};
pub use identifier::{Fingerprint, Namespace, PartyId, UniqueIdentifier};
pub use member::{MediatorId, Member, MemberIndex, MemberKind, ParticipantId, SequencerId};
pub use message_id::MessageId;
pub use recipient::{MediatorGroupIndex, Recipient};
pub use synchronizer::{PhysicalSynchronizerId, ProtocolVersion, SynchronizerId};
pub use time::CantonTimestamp;
