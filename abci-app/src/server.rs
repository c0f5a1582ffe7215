//! The Unix socket on which CometBFT calls: one thread for each of its four connections.
//!
//! Responses are gathered in one buffer and written in one go when CometBFT asks for it (Flush), which it does after
//! each call that it waits for, and some nanoseconds after the last one of others.

use std::io::{self, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::request::Value;
use tendermint_proto::v0_38::abci::{Request, Response, ResponseException, response};
use thiserror::Error;

use crate::codec::{CodecFault, read_request, write_response};

/// Bytes that are read at once; messages above it are read without this buffer.
const READ_BUFFER_BYTES: usize = 64 * 1024;
/// Responses are written when there are more than this, whatever else waits.
const WRITE_BUFFER_BYTES: usize = 1024 * 1024;

/// Why the server does not serve any more. The process has to end.
#[derive(Debug, Error)]
pub enum ServerFault {
    /// The socket cannot be created or listened on.
    #[error("cannot listen on {path}")]
    Listen {
        /// Path of the socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread for an ABCI connection")]
    Thread(#[source] io::Error),
    /// What came in is no request.
    #[error("an ABCI connection is broken")]
    Codec(#[source] CodecFault),
    /// A request without content, or of another version of ABCI.
    #[error("an ABCI request has no content that is known")]
    UnknownRequest,
    /// A response cannot be written.
    #[error("an ABCI response cannot be written")]
    Write(#[source] io::Error),
    /// CometBFT closed a connection without being asked to end.
    #[error("CometBFT closed an ABCI connection")]
    Closed,
}

/// An application that can refuse to go on. Methods of [`Application`] cannot fail; one that has no true answer records
/// its fault, and from then on nothing is answered any more.
pub(crate) trait Halting: Application {
    /// Whether a call failed: its response, and all after it but the refusals of CheckTx, must not leave the process.
    fn is_halted(&self) -> bool;

    /// Records a fault of the server itself.
    fn halt(&self, fault: ServerFault);
}

/// The socket, bound but not served yet: CometBFT may connect and waits.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    path: PathBuf,
}

/// A running server. Dropped, it ends its threads without waiting for them.
#[derive(Debug)]
pub(crate) struct Serving {
    path: PathBuf,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stopping: AtomicBool,
    connections: Mutex<Vec<(UnixStream, JoinHandle<()>)>>,
}

impl Server {
    /// Binds `path`. A socket that a process left there is replaced; the caller knows that no other process of this
    /// node runs.
    pub(crate) fn bind(path: &Path) -> Result<Self, ServerFault> {
        let fault = |source| ServerFault::Listen { path: path.to_owned(), source };
        match std::fs::remove_file(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(fault(error)),
        }
        let listener = UnixListener::bind(path).map_err(fault)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves `app` on threads of its own.
    pub(crate) fn serve<A: Halting>(self, app: A) -> Result<Serving, ServerFault> {
        let Self { listener, path } = self;
        let shared = Arc::new(Shared::default());
        let acceptor = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("abci-accept".to_owned())
                .spawn(move || {
                    if let Err(fault) = accept_all(&listener, &app, &shared) {
                        app.halt(fault);
                    }
                })
                .map_err(ServerFault::Thread)?
        };
        Ok(Serving { path, shared, acceptor: Some(acceptor) })
    }
}

impl Serving {
    /// From now on connections that end are no fault.
    pub(crate) fn expect_end(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
    }

    /// Ends all connections after the call that each is in, and removes the socket. Blocks for as long as such a call
    /// takes.
    pub(crate) fn stop(mut self) {
        self.end().into_iter().for_each(|thread| {
            // A thread that panicked has nothing to say here.
            let _ = thread.join();
        });
    }

    /// Makes all threads end, and gives those that were not given before.
    fn end(&mut self) -> Vec<JoinHandle<()>> {
        let Some(acceptor) = self.acceptor.take() else { return Vec::new() };
        self.expect_end();
        // Wakes the acceptor; when nobody listens any more it has ended already.
        let _ = UnixStream::connect(&self.path);
        let mut threads = vec![acceptor];
        for (stream, thread) in lock(&self.shared.connections).drain(..) {
            // Fails when the other side was first.
            let _ = stream.shutdown(Shutdown::Both);
            threads.push(thread);
        }
        let _ = std::fs::remove_file(&self.path);
        threads
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// Nothing between lock and unlock leaves the list half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept_all<A: Halting>(listener: &UnixListener, app: &A, shared: &Arc<Shared>) -> Result<(), ServerFault> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(ServerFault::Codec(CodecFault::Io(error))),
        };
        if shared.stopping.load(Ordering::SeqCst) || app.is_halted() {
            return Ok(());
        }
        let reading = stream.try_clone().map_err(ServerFault::Thread)?;
        let (app, stopping) = (app.clone(), Arc::clone(shared));
        let thread = thread::Builder::new()
            .name("abci".to_owned())
            .spawn(move || serve_connection(reading, &app, &stopping))
            .map_err(ServerFault::Thread)?;
        let mut connections = lock(&shared.connections);
        connections.push((stream, thread));
        if shared.stopping.load(Ordering::SeqCst) {
            // Whoever ends the server may have looked at the list before.
            connections.iter().for_each(|(stream, _)| drop(stream.shutdown(Shutdown::Both)));
            return Ok(());
        }
    }
}

fn serve_connection<A: Halting>(stream: UnixStream, app: &A, shared: &Shared) {
    let answered = answer_all(&stream, app);
    // The list of connections keeps the socket open; the other side has to see that nobody answers here any more.
    let _ = stream.shutdown(Shutdown::Both);
    let fault = match answered {
        Ok(()) if app.is_halted() => return,
        Ok(()) => ServerFault::Closed,
        Err(fault) => fault,
    };
    if !shared.stopping.load(Ordering::SeqCst) {
        app.halt(fault);
    }
}

/// Answers requests until the other side is done or the application is halted.
fn answer_all<A: Halting>(stream: &UnixStream, app: &A) -> Result<(), ServerFault> {
    let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, stream);
    let mut writer = stream;
    let mut out = Vec::new();
    loop {
        let request = match read_request(&mut reader) {
            Ok(Some(request)) => request,
            Ok(None) => return Ok(()),
            Err(fault) => return Err(refuse(&mut writer, ServerFault::Codec(fault))),
        };
        let is_flush = matches!(request.value, Some(Value::Flush(_)));
        // A halted application still says that it takes nothing into the mempool.
        let may_be_halted = matches!(request.value, Some(Value::CheckTx(_) | Value::Flush(_)));
        let Some(response) = dispatch(app, request) else {
            return Err(refuse(&mut writer, ServerFault::UnknownRequest));
        };
        if app.is_halted() && !may_be_halted {
            return Ok(());
        }
        write_response(&response, &mut out);
        if is_flush || out.len() > WRITE_BUFFER_BYTES {
            writer.write_all(&out).map_err(ServerFault::Write)?;
            out.clear();
            out.shrink_to(WRITE_BUFFER_BYTES);
        }
    }
}

/// Tells CometBFT why the connection ends, which makes it end as well.
fn refuse(writer: &mut &UnixStream, fault: ServerFault) -> ServerFault {
    let exception = ResponseException { error: fault.to_string() };
    let mut out = Vec::new();
    write_response(&Response { value: Some(response::Value::Exception(exception)) }, &mut out);
    // The connection may be what is broken.
    let _ = writer.write_all(&out);
    fault
}

/// Calls the method of the request. `None` for a request without content.
fn dispatch(app: &impl Application, request: Request) -> Option<Response> {
    let value = match request.value? {
        Value::Echo(request) => response::Value::Echo(app.echo(request)),
        Value::Flush(_) => response::Value::Flush(app.flush()),
        Value::Info(request) => response::Value::Info(app.info(request)),
        Value::InitChain(request) => response::Value::InitChain(app.init_chain(request)),
        Value::Query(request) => response::Value::Query(app.query(request)),
        Value::CheckTx(request) => response::Value::CheckTx(app.check_tx(request)),
        Value::Commit(_) => response::Value::Commit(app.commit()),
        Value::ListSnapshots(_) => response::Value::ListSnapshots(app.list_snapshots()),
        Value::OfferSnapshot(request) => response::Value::OfferSnapshot(app.offer_snapshot(request)),
        Value::LoadSnapshotChunk(request) => response::Value::LoadSnapshotChunk(app.load_snapshot_chunk(request)),
        Value::ApplySnapshotChunk(request) => response::Value::ApplySnapshotChunk(app.apply_snapshot_chunk(request)),
        Value::PrepareProposal(request) => response::Value::PrepareProposal(app.prepare_proposal(request)),
        Value::ProcessProposal(request) => response::Value::ProcessProposal(app.process_proposal(request)),
        Value::ExtendVote(request) => response::Value::ExtendVote(app.extend_vote(request)),
        Value::VerifyVoteExtension(request) => response::Value::VerifyVoteExtension(app.verify_vote_extension(request)),
        Value::FinalizeBlock(request) => response::Value::FinalizeBlock(app.finalize_block(request)),
    };
    Some(Response { value: Some(value) })
}

#[cfg(test)]
mod tests;
