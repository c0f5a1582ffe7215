//! Private PostgreSQL servers for tests.

mod binaries;
mod server;

pub use binaries::find_binaries;
pub use server::{PostgresError, TestServer, TestServerBuilder};
