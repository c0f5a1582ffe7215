//! Subscriptions: who may read from when, and the stream of signed events (ch. 03 §4).

mod pool;
mod start;
mod stream;

pub(crate) use pool::{CloseReason, PoolClosed, Slot, SubscriptionPool};
pub(crate) use start::{Start, StartError};
pub(crate) use stream::{EventStream, Subscription};
