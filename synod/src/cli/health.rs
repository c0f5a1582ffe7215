//! `synod health`

use clap::Args;

/// `synod health`
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// gRPC health server of a node, e.g. http://127.0.0.1:5061
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Which service: `sequencer`, `mediator` or `liveness`; all of them without it
    #[arg(long, value_name = "NAME", default_value = "")]
    pub(crate) service: String,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
