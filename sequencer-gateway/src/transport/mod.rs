//! How calls come in: HTTP/2, TLS, health, reflection, and what gRPC servers on the JVM say that tonic says otherwise.

mod edge;
mod health;
mod server;

pub(crate) use health::Health;
pub(crate) use server::PublicServer;
