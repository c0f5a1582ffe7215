//! Commands that act as members: `synod probe`, `synod bench`

use std::path::PathBuf;

use clap::Args;

use crate::bench::Payload;

/// `synod probe`
#[derive(Debug, Args)]
pub(crate) struct ProbeArgs {
    /// Public API of a sequencer, e.g. http://127.0.0.1:5008
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Authorities (PEM) to believe about a sequencer with https; those of the system without it
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate (PEM) to show to a sequencer that asks for one
    #[arg(long, value_name = "FILE", requires = "client_key_file")]
    pub(crate) client_cert_file: Option<PathBuf>,
    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", requires = "client_cert_file")]
    pub(crate) client_key_file: Option<PathBuf>,
}

/// `synod bench`
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Public API of a sequencer, e.g. http://127.0.0.1:5008; or an empty database (postgres://…, sqlite://…), which gets
    /// the same submissions as plain rows, for comparison
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Print the figures as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Size of the contents
    #[arg(long, value_enum, default_value = "3k")]
    pub(crate) payload: Payload,
    /// Members that send and receive
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) members: usize,
    /// How long to send
    #[arg(long, value_name = "S", default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Submissions per second over all members; without it as many as the window lets through
    #[arg(long, value_name = "R")]
    pub(crate) rate: Option<u32>,
    /// Most submissions that wait for their event
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) in_flight: usize,
}
