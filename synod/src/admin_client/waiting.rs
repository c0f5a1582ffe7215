//! Waiting for something at a node, for a bounded time.

use std::time::Duration;

use tokio::time::Instant;

/// First pause between two looks; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Until when a command waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// From now on for so long.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { at: Instant::now() + limit, limit }
    }

    /// How long that was in the beginning.
    pub(crate) const fn limit(&self) -> Duration {
        self.limit
    }

    /// How long that is now.
    pub(crate) fn remaining(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Looks again and again until there is something, with pauses that become longer. `None` when the time is over: the
    /// last look is after that.
    ///
    /// # Errors
    /// The first that a look ends with.
    pub(crate) async fn until<T, E>(
        &self,
        mut look: impl AsyncFnMut() -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let mut pause = FIRST_PAUSE;
        loop {
            let is_last = self.remaining().is_zero();
            let seen = look().await?;
            if seen.is_some() || is_last {
                return Ok(seen);
            }
            tokio::time::sleep(pause.min(self.remaining())).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_looks_once_more_when_the_time_is_over() {
        let limit = Duration::from_secs(3);
        let start = Instant::now();
        let mut looks = Vec::new();
        let seen = Deadline::after(limit)
            .until(async || {
                looks.push(start.elapsed());
                Ok::<_, Infallible>(None::<()>)
            })
            .await;
        assert_eq!(seen, Ok(None));
        assert_eq!((looks.first(), looks.last()), (Some(&Duration::ZERO), Some(&limit)));
        assert!(looks.len() < 15, "{looks:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_there_is_something_or_a_look_fails() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let mut count = 0;
        let mut third = async || {
            count += 1;
            if count < 3 { Ok(None) } else { Ok::<_, &str>(Some(count)) }
        };
        assert_eq!(deadline.until(&mut third).await, Ok(Some(3)));
        assert_eq!(deadline.until(async || Err::<Option<()>, _>("broken")).await, Err("broken"));
        assert!(deadline.remaining() > Duration::from_secs(59));
    }
}
