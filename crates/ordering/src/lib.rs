//! Puts submissions into a total order.
//!
//! [`Orderer`] is the port: the gateway hands an entry over and learns when it is durable. [`LocalOrderer`] orders in
//! this process, for the embedded and the centralized mode.

mod clock;
mod cutter;
mod intake;
mod local;
mod orderer;

pub use clock::{Clock, SimulatedClock, SystemClock};
pub use cutter::{BlockLimits, ClockBehind};
pub use intake::IntakeLimits;
pub use local::{LocalOrderer, LocalOrdering, OrderingFault};
pub use orderer::{Entry, Orderer, SubmitError};
