//! Reads that nobody has to poll.

use std::future::{Future, pending};
use std::panic::resume_unwind;

/// Runs `work` in a task of its own and waits for its result; what it began it ends, polled or not.
///
/// For reads inside of a stream to a client: a stream whose client takes nothing is not polled, and a read that has begun
/// would hold its connection to the database for as long. As many such clients as there are connections would stop all
/// readers.
///
/// # Panics
/// When `work` does.
pub async fn to_its_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime ends, and this future with it.
            Err(_) => pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_was_begun_ends_without_being_polled() {
        let (ended, end) = oneshot::channel();
        let mut work = pin!(to_its_end(async move {
            tokio::task::yield_now().await;
            ended.send(()).ok();
        }));
        let is_pending = poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await;
        assert!(is_pending, "it yields once");
        end.await.expect("nobody polls it, and it ends");
    }
}
