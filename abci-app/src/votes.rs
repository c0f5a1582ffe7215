//! Keeps a validator whose home was restored from an older copy from voting twice.
//!
//! CometBFT writes its last vote to `priv_validator_state.json` before it sends it, and refuses to go back from there. It
//! cannot see that the file itself is an old one. So the newest vote that was seen in it is kept in our database as well.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use synod_store::{Store, StoreFault};
use thiserror::Error;
use tokio::time::interval;

/// How often the newest vote is taken over.
const RECORDING: Duration = Duration::from_secs(10);
/// Name of the setting in the store.
const SETTING: &str = "cometbft.last_vote";

/// Where a validator last voted. Votes go up in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VotePosition {
    /// Height of the block.
    pub height: u64,
    /// Round of that height.
    pub round: u32,
    /// Step of that round: proposal, prevote, precommit.
    pub step: u32,
}

/// Why the validator must not vote, or it is not known whether it may.
#[derive(Debug, Error)]
pub enum VoteFault {
    /// The file is older than votes that were cast.
    #[error(
        "{path} ends with {found}, but this validator has voted up to {stored}: the CometBFT home was restored from an \
         older copy. Put back the newest copy of this file; voting again could count as a double vote"
    )]
    OlderFile {
        /// The file.
        path: PathBuf,
        /// Last vote in it.
        found: VotePosition,
        /// Last vote in the database.
        stored: VotePosition,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not what CometBFT writes.
    #[error("{path} is not a state of a validator")]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// The store failed, or holds something else under this name.
    #[error("the last vote cannot be read or written")]
    Store(#[source] StoreFault),
    /// The setting is not what this code writes.
    #[error("the last vote in the database is broken")]
    Setting,
}

#[derive(Deserialize)]
struct StateFile {
    #[serde(deserialize_with = "number_in_text")]
    height: u64,
    round: u32,
    step: u32,
}

fn number_in_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

impl std::fmt::Display for VotePosition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "height {}, round {}, step {}", self.height, self.round, self.step)
    }
}

impl VotePosition {
    const NONE: Self = Self { height: 0, round: 0, step: 0 };

    fn encode(self) -> String {
        format!("{}/{}/{}", self.height, self.round, self.step)
    }

    fn decode(setting: &[u8]) -> Option<Self> {
        let mut numbers = std::str::from_utf8(setting).ok()?.split('/');
        let height = numbers.next()?.parse().ok()?;
        let round = numbers.next()?.parse().ok()?;
        let step = numbers.next()?.parse().ok()?;
        numbers.next().is_none().then_some(Self { height, round, step })
    }

    /// Reads `priv_validator_state.json`; a missing file is one without votes.
    fn read(path: &Path) -> Result<Self, VoteFault> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::NONE),
            Err(source) => return Err(VoteFault::Read { path: path.to_owned(), source }),
        };
        let StateFile { height, round, step } =
            serde_json::from_slice(&text).map_err(|source| VoteFault::Content { path: path.to_owned(), source })?;
        Ok(Self { height, round, step })
    }
}

/// Compares the file with the database, now and while the validator votes.
#[derive(Debug)]
pub(crate) struct VoteGuard {
    store: Store,
    path: PathBuf,
    stored: VotePosition,
}

impl VoteGuard {
    /// Checks the file of `home` before CometBFT starts.
    pub(crate) async fn check(store: Store, home: &Path) -> Result<Self, VoteFault> {
        let path = home.join("data").join("priv_validator_state.json");
        let stored = match store.setting(SETTING).await.map_err(VoteFault::Store)? {
            Some(setting) => VotePosition::decode(&setting).ok_or(VoteFault::Setting)?,
            None => VotePosition::NONE,
        };
        let found = VotePosition::read(&path)?;
        if found < stored {
            return Err(VoteFault::OlderFile { path, found, stored });
        }
        let mut guard = Self { store, path, stored };
        guard.record().await?;
        Ok(guard)
    }

    /// Takes over the newest vote from time to time, and ends only with a fault.
    pub(crate) async fn watch(&mut self) -> VoteFault {
        let mut ticks = interval(RECORDING);
        loop {
            ticks.tick().await;
            if let Err(fault) = self.record().await {
                return fault;
            }
        }
    }

    /// Takes over the newest vote from the file. CometBFT replaces the file in one step.
    pub(crate) async fn record(&mut self) -> Result<(), VoteFault> {
        let found = VotePosition::read(&self.path)?;
        if found > self.stored {
            self.store.set_setting(SETTING, found.encode().as_bytes()).await.map_err(VoteFault::Store)?;
            self.stored = found;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use synod_testkit::nodes::{Founding, NodeParts};
    use tempfile::TempDir;

    use super::*;

    /// As CometBFT 0.38.25 writes it.
    const FILE: &str = r#"{
  "height": "17",
  "round": 0,
  "step": 3,
  "signature": "AAAA",
  "signbytes": "00"
}"#;

    #[test]
    fn votes_are_ordered_and_survive_the_setting() {
        let vote = |height, round, step| VotePosition { height, round, step };
        let ascending =
            [VotePosition::NONE, vote(1, 0, 1), vote(1, 0, 3), vote(1, 1, 1), vote(2, 0, 1), vote(u64::MAX, 9, 3)];
        assert!(ascending.is_sorted());
        for vote in ascending {
            assert_eq!(VotePosition::decode(vote.encode().as_bytes()), Some(vote));
        }
        for broken in ["", "1/2", "1/2/3/4", "a/b/c", "-1/0/0"] {
            assert_eq!(VotePosition::decode(broken.as_bytes()), None, "{broken}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_older_file_is_refused_and_a_newer_one_is_taken_over() {
        let home = TempDir::new().expect("temporary folder");
        let url = format!("sqlite://{}/node.db", home.path().display());
        let store = NodeParts::open(&url, &Founding::new(1, 0, 0).checkpoint).await.store;
        VoteGuard::check(store.clone(), home.path()).await.expect("no file, no votes");
        let path = home.path().join("data").join("priv_validator_state.json");
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        std::fs::write(&path, FILE).expect("written");
        let mut guard = VoteGuard::check(store.clone(), home.path()).await.expect("newer than nothing");
        std::fs::write(&path, FILE.replace("17", "18")).expect("written");
        guard.record().await.expect("taken over");
        std::fs::write(&path, FILE).expect("written");
        let refused = VoteGuard::check(store.clone(), home.path()).await.expect_err("an older file").to_string();
        assert!(
            refused.contains("height 17, round 0, step 3, but this validator has voted up to height 18"),
            "{refused}"
        );
        std::fs::remove_file(&path).expect("removed");
        assert!(matches!(VoteGuard::check(store.clone(), home.path()).await, Err(VoteFault::OlderFile { .. })));
        std::fs::write(&path, "{}").expect("written");
        assert!(matches!(VoteGuard::check(store, home.path()).await, Err(VoteFault::Content { .. })));
    }
}
