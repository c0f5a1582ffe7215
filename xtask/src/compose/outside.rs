//! What a user of the machine asks the nodes, through published ports.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::limited;

/// How long a command of ours may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The machine: where it finds the nodes.
pub(super) struct Outside<'a> {
    pub(super) binary: &'a Path,
    /// `synchronizer.toml` with addresses of this machine.
    pub(super) description: PathBuf,
    /// The public API.
    pub(super) public: u16,
}

impl Outside<'_> {
    /// `synod status --json` says that all are fit, and part of this synchronizer.
    pub(super) fn is_fit(&self, synchronizer: &str) -> Result<(), String> {
        let description = self.description.display().to_string();
        let told = self.synod(&["status", "-c", &description, "--json"])?;
        let nodes = told["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_part = nodes.iter().all(|node| node["synchronizer_id"] == synchronizer);
        if told["ok"] == true && nodes.len() == 2 && is_part { Ok(()) } else { Err(format!("status: {told}")) }
    }

    /// `synod probe`: members register, send, and have a transaction approved.
    pub(super) fn serves(&self) -> Result<(), String> {
        let told = self.synod(&["probe", &format!("http://127.0.0.1:{}", self.public), "--json"])?;
        let is_approved = told["approved_in_ms"].is_u64();
        if told["ok"] == true && is_approved { Ok(()) } else { Err(format!("probe: {told}")) }
    }

    fn synod(&self, arguments: &[&str]) -> Result<Value, String> {
        let text = limited::text(Command::new(self.binary).args(arguments), LIMIT)?;
        serde_json::from_str(&text).map_err(|error| format!("{text}: {error}"))
    }
}

/// Writes a description for this machine: `place` tells where the port of a service is.
pub(super) fn describe(from: &Path, to: &Path, place: impl Fn(&str, u16) -> Option<u16>) -> Result<(), String> {
    let text = fs::read_to_string(from).map_err(|error| format!("read {}: {error}", from.display()))?;
    let mut table: toml::Table = text.parse().map_err(|error| format!("{}: {error}", from.display()))?;
    let nodes = ["sequencers", "mediators"].map(|key| table.remove(key).map(|nodes| (key, nodes)));
    for (key, mut nodes) in nodes.into_iter().flatten() {
        for node in nodes.as_array_mut().into_iter().flatten() {
            for (_, value) in node.as_table_mut().into_iter().flatten() {
                let here = value.as_str().and_then(|url| here(url, &place));
                if let Some(here) = here {
                    *value = toml::Value::String(here);
                }
            }
        }
        table.insert(key.to_owned(), nodes);
    }
    fs::write(to, table.to_string()).map_err(|error| format!("write {}: {error}", to.display()))
}

/// The URL of a service as an URL of this machine.
fn here(url: &str, place: impl Fn(&str, u16) -> Option<u16>) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (service, port) = rest.split_once(':')?;
    let port = place(service, port.parse().ok()?)?;
    Some(format!("{scheme}://127.0.0.1:{port}"))
}

/// A port that nobody has taken a moment ago.
pub(super) fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| format!("a free port: {error}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| format!("a free port: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_become_those_of_this_machine() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let text = "name = \"n\"\n[[sequencers]]\nname = \"s\"\nadmin = \"http://s:1\"\npublic = \"http://t:1\"\n";
        fs::write(&from, text).expect("written");
        describe(&from, &to, |service, port| (service == "s").then_some(port + 10)).expect("described");
        let done: toml::Table = fs::read_to_string(&to).expect("read").parse().expect("TOML");
        assert_eq!(done["name"].as_str(), Some("n"));
        assert_eq!(done["sequencers"][0]["admin"].as_str(), Some("http://127.0.0.1:11"));
        assert_eq!(done["sequencers"][0]["public"].as_str(), Some("http://t:1"));
    }
}
