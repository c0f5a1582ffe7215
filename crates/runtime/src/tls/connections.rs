//! Connections as they come in.

use std::future::ready;
use std::io;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::load::ServerTls;

/// Longest handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Most handshakes at a time; further connections wait in the system's queue.
const MAX_HANDSHAKES: usize = 1024;
/// Pause after a connection could not be taken, e.g. because too many files are open.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections that could be taken. That one could not is never the end: the process may have no files left now, and
/// have some a moment later.
pub fn accepted(
    incoming: impl Stream<Item = io::Result<TcpStream>> + Send,
) -> impl Stream<Item = io::Result<TcpStream>> + Send {
    incoming
        .then(|taken| async {
            let error = match taken {
                Ok(connection) => return Some(Ok(connection)),
                Err(error) => error,
            };
            if !is_of_the_client(&error) {
                tracing::warn!(%error, "a connection cannot be taken");
                sleep(PAUSE).await;
            }
            None
        })
        .filter_map(ready)
}

/// The connections whose handshake succeeded. Handshakes run beside each other, so that a slow one holds up nobody.
pub fn secured(
    connections: impl Stream<Item = io::Result<TcpStream>> + Send,
    tls: &ServerTls,
) -> impl Stream<Item = io::Result<TlsStream<TcpStream>>> + Send {
    let acceptor = TlsAcceptor::from(tls.0.clone());
    connections
        .map(move |taken| {
            let acceptor = acceptor.clone();
            let handshake = async move { timeout(HANDSHAKE_LIMIT, acceptor.accept(taken?)).await? };
            AbortOnDropHandle::new(tokio::spawn(handshake))
        })
        .buffer_unordered(MAX_HANDSHAKES)
        .filter_map(|done| {
            let done: io::Result<_> = done.map_err(io::Error::other).and_then(|done| done);
            if let Err(error) = &done {
                tracing::debug!(%error, "a TLS handshake failed");
            }
            ready(done.ok().map(Ok))
        })
}

/// The client went away before its connection was taken.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_cannot_be_taken_is_not_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let no_files = io::Error::from_raw_os_error(24);
        let incoming = [Err(no_files), Err(io::ErrorKind::ConnectionReset.into()), Ok(connection)];
        let taken: Vec<_> = accepted(futures::stream::iter(incoming)).collect().await;
        assert!(matches!(taken.as_slice(), [Ok(_)]), "{taken:?}");
    }
}
