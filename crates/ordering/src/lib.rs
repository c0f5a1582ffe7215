//! Puts submissions into a total order.
//!
//! [`Orderer`] is the port: the gateway hands an entry over and learns when it is durable. [`LocalOrderer`] orders in
//! this process, for the embedded and the centralized mode. [`comet`] orders by CometBFT, for the decentralized mode, in
//! [`frame`]s.

mod clock;
pub mod comet;
mod cutter;
pub mod frame;
mod intake;
mod local;
mod orderer;

pub use clock::{Clock, SimulatedClock, SystemClock};
pub use cutter::{BlockLimits, ClockBehind};
pub use intake::IntakeLimits;
pub use local::{LocalOrderer, LocalOrdering, OrderingFault};
pub use orderer::{Entry, Orderer, SubmitError};
