//! TLS of servers, with or without certificates of clients. Settings have Canton's names (`TlsServerConfig` of its
//! `base/daml-tls`).
//!
//! | file | what |
//! |---|---|
//! | `settings` | which files, who has to show a certificate, which versions and ciphers |
//! | `load` | from the files to what a server needs, or what is wrong with them |
//! | `connections` | connections as they come in, with their handshakes made |
//! | `certificate` | the public key of a certificate |

mod certificate;
mod connections;
mod load;
mod settings;

pub use certificate::{CertificateError, public_key};
pub use connections::{accepted, secured};
pub use load::{ServerTls, TlsError};
pub use settings::{ClientAuth, TlsServerConfig, TlsVersion};
