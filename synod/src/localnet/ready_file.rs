//! The file that tells scripts that the network is there.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

/// What a script needs to use the network.
#[derive(Debug, Serialize)]
pub(crate) struct Ready {
    pub(crate) synchronizer_id: String,
    pub(crate) sequencers: Vec<ReadySequencer>,
    /// None yet.
    pub(crate) mediators: [(); 0],
    pub(crate) self_test_ms: u64,
}

/// Addresses of a sequencer.
#[derive(Debug, Serialize)]
pub(crate) struct ReadySequencer {
    pub(crate) public: String,
    pub(crate) admin: String,
    pub(crate) health: String,
}

impl Ready {
    /// Writes the file so that it is never seen half written.
    pub(crate) fn write(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        let partial = file.with_extension("partial");
        fs::write(&partial, text + "\n")?;
        fs::rename(&partial, file)
    }
}
