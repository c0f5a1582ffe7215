//! The checks of a submission before it is ordered (ch. 03 §2.1 to §2.3).
//!
//! They run against the last committed head and hold no lock. None may be assumed later: they protect the sender from waiting
//! for an event that will not come; the machine protects the synchronizer.

mod acknowledgement;
pub(crate) mod checks;
pub(crate) mod own;
pub(crate) mod purchase;
mod rate;
mod refused;

pub(crate) use acknowledgement::acknowledge_forever;
pub(crate) use checks::check;
pub use own::BroadcastError;
pub use purchase::PurchaseError;
pub(crate) use rate::RateLimits;
pub(crate) use refused::Refused;
