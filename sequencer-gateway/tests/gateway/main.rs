//! The gateway from outside: real calls over HTTP/2 to a node in this process (SQLite, local ordering).

mod acknowledge;
mod client;
mod connect;
mod keep_alive;
mod login;
mod node;
mod purchase;
mod registration;
mod revocation;
mod rotation;
mod send;
mod shutdown;
mod state;
mod subscribe;
mod tls;
