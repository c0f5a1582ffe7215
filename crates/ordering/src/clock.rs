//! Where time comes from. Only the orderer and the gateway look at a clock; what they read is in the block.

use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use synod_types::CantonTimestamp;

/// A source of wall-clock time.
pub trait Clock: Debug + Send + Sync {
    /// The time now. May jump, backwards too.
    fn now(&self) -> CantonTimestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> CantonTimestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        CantonTimestamp::EPOCH.saturating_add(since_epoch)
    }
}

/// A clock that stands still until it is set: for tests and for serving recorded times.
#[derive(Debug)]
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    /// A clock that shows `time`.
    #[must_use]
    pub const fn new(time: CantonTimestamp) -> Self {
        Self(AtomicI64::new(time.as_micros()))
    }

    /// Sets the clock.
    pub fn set(&self, time: CantonTimestamp) {
        self.0.store(time.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> CantonTimestamp {
        CantonTimestamp::EPOCH.saturating_add_micros(self.0.load(Ordering::SeqCst))
    }
}
