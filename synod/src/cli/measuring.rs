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
    /// Send confirmation requests, each with so many informee participants that answer it, and count verdicts
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) confirm: Option<u16>,
    /// At most so many requests
    #[arg(long, value_name = "C", requires = "confirm")]
    pub(crate) requests: Option<u64>,
    /// After all others so many requests that nobody answers: they have to be rejected
    #[arg(long, value_name = "U", requires = "confirm", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=100_000))]
    pub(crate) unanswered: u64,
    /// Have a member decide in place of the mediators, which does nothing but count answers, for comparison
    #[arg(long, requires = "confirm")]
    pub(crate) stand_in: bool,
    /// Most submissions that wait for their event; with --confirm requests and answers together
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) in_flight: usize,
}
