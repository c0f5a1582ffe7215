//! The rate of confirmation requests of each participant: a leaky bucket (`RateLimiter`).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use synod_types::{CantonTimestamp, Member};

const MICROS_PER_SECOND: f64 = 1e6;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: f64,
    updated: CantonTimestamp,
}

/// One bucket for each participant.
#[derive(Debug)]
pub(crate) struct RateLimits {
    buckets: Mutex<BTreeMap<Member, Bucket>>,
    burst_seconds: f64,
}

impl RateLimits {
    /// Buckets that hold what may come in `burst_seconds`.
    pub(crate) const fn new(burst_seconds: f64) -> Self {
        Self { buckets: Mutex::new(BTreeMap::new()), burst_seconds }
    }

    /// Whether one more request of `sender` is within `rate` requests a second; it counts if so.
    pub(crate) fn admit(&self, sender: &Member, rate: u32, now: CantonTimestamp) -> bool {
        let rate = f64::from(rate);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(sender) {
            buckets.insert(sender.clone(), Bucket { level: 0.0, updated: now });
        }
        let Some(bucket) = buckets.get_mut(sender) else { return true };
        #[allow(clippy::cast_precision_loss, reason = "an interval of a minute has 26 bits")]
        let elapsed = now.micros_since(bucket.updated).max(0) as f64 / MICROS_PER_SECOND;
        let level = (bucket.level - rate * elapsed).max(0.0);
        let is_admitted = level < rate * self.burst_seconds;
        *bucket = Bucket { level: if is_admitted { level + 1.0 } else { level }, updated: now.max(bucket.updated) };
        is_admitted
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let limits = RateLimits::new(0.5);
        let member = Member::parse("PAR::a::1220").expect("member");
        let start = CantonTimestamp::EPOCH;
        let admitted = (0..10).filter(|_| limits.admit(&member, 10, start)).count();
        assert_eq!(admitted, 5);
        let later = start.saturating_add(Duration::from_millis(100));
        let admitted = (0..10).filter(|_| limits.admit(&member, 10, later)).count();
        assert_eq!(admitted, 1);
        let other = Member::parse("PAR::b::1220").expect("member");
        assert!(limits.admit(&other, 10, later));
        assert!(!limits.admit(&other, 0, later));
    }
}
