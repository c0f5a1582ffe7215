//! Who may call the administration API, over real connections: tokens of each kind, good and bad, and TLS.

mod jwt;
mod port;
mod tls;
mod token;
