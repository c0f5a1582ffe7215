//! What is known by files and by the operator's own nodes, put together. It only grows, so that the order of files and of
//! runs does not matter, and any file may be passed on to anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use synod_runtime::settings::Mistakes;
use synod_runtime::{Chain, SettingsErrors};

use super::letter::Letter;
use super::shared::SharedDescription;
use crate::bootstrap::agreement::{Agreement, Signatures};
use crate::bootstrap::identity::NodeIdentity;
use crate::bootstrap::{BootstrapError, SynchronizerDescription};

/// The files, each checked.
#[derive(Debug, Default)]
pub(super) struct Letters {
    files: Vec<(PathBuf, Letter)>,
}

/// Where files come from, and where the own one goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paths<'a> {
    pub(super) export: &'a Path,
    pub(super) imports: &'a [PathBuf],
}

impl Letters {
    /// Reads all files; also the own one, if it is there, because nothing that was told is taken back.
    ///
    /// # Errors
    /// [`SettingsErrors`]: what is wrong with each of them.
    pub(super) fn read(
        paths: Paths<'_>,
        operator: &str,
        description: &SharedDescription,
    ) -> Result<Self, SettingsErrors> {
        let mut mistakes = Mistakes::default();
        let mut files = Vec::new();
        let own = paths.export.exists().then_some((paths.export, true));
        for (path, is_own) in own.into_iter().chain(paths.imports.iter().map(|path| (path.as_path(), false))) {
            let key = if is_own { "--export" } else { "--import" };
            match Letter::read(path, description) {
                Ok(letter) if is_own && letter.from != operator => {
                    let what =
                        format!("{} is the file of {}: choose another one to write to", path.display(), letter.from);
                    mistakes.add(key, what);
                }
                Ok(letter) => files.push((path.to_owned(), letter)),
                Err(invalid) => mistakes.add(key, format!("{} {}", path.display(), Chain(&invalid))),
            }
        }
        mistakes.into_result()?;
        // The signatures that sequencers run with count first.
        files.sort_by_key(|(_, letter)| letter.genesis.is_none());
        let letters = Self { files };
        letters.check_equal()?;
        Ok(letters)
    }

    /// Two files must not contradict each other.
    fn check_equal(&self) -> Result<(), SettingsErrors> {
        let mut mistakes = Mistakes::default();
        let mut told: BTreeMap<&str, (&Path, &NodeIdentity)> = BTreeMap::new();
        let mut genesis: Option<(&Path, &str)> = None;
        for (path, letter) in &self.files {
            for node in &letter.nodes {
                let (first, known) = *told.entry(&node.name).or_insert((path, &node.identity));
                if !known.is_same(&node.identity) {
                    mistakes.add("--import", contradiction(first, path, &format!("who `{}` is", node.name)));
                }
            }
            if let Some(running) = &letter.genesis {
                let (first, known) = *genesis.get_or_insert((path, running));
                if known != running {
                    mistakes.add("--import", contradiction(first, path, "the genesis that sequencers run with"));
                }
            }
        }
        mistakes.into_result()
    }

    /// Nodes that are known, by name.
    pub(super) fn identities(&self) -> BTreeMap<String, NodeIdentity> {
        let nodes = self.files.iter().flat_map(|(_, letter)| &letter.nodes);
        nodes.map(|node| (node.name.clone(), node.identity.clone())).collect()
    }

    /// The nodes that were part of the synchronizer when a file was written.
    pub(super) fn running(&self) -> BTreeSet<String> {
        let nodes = self.files.iter().flat_map(|(_, letter)| &letter.nodes);
        nodes.filter(|node| node.running).map(|node| node.name.clone()).collect()
    }

    /// Checksum of the genesis that sequencers run with.
    pub(super) fn genesis(&self) -> Option<&str> {
        self.files.iter().find_map(|(_, letter)| letter.genesis.as_deref())
    }

    /// Keeps all signatures.
    ///
    /// # Errors
    /// [`SettingsErrors`]: what is wrong with each of the files.
    pub(super) fn accept(&self, agreement: &Agreement, signatures: &mut Signatures) -> Result<(), SettingsErrors> {
        let mut mistakes = Mistakes::default();
        for (path, letter) in &self.files {
            for signed in &letter.signed {
                if let Err(invalid) = agreement.accept(signatures, &signed.transaction) {
                    mistakes.add("--import", format!("{} cannot be used: {}", path.display(), Chain(&invalid)));
                }
            }
        }
        mistakes.into_result()
    }
}

fn contradiction(one: &Path, other: &Path, what: &str) -> String {
    format!("{} and {} say differently {what}: ask their writers for new ones", one.display(), other.display())
}

/// Names of the description's nodes that are known to nobody yet, by operator.
pub(super) fn unknown(
    description: &SynchronizerDescription,
    known: &BTreeMap<String, NodeIdentity>,
) -> BTreeMap<String, Vec<String>> {
    let mut unknown: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in description.nodes().filter(|node| !known.contains_key(node.name)) {
        unknown.entry(node.operator.unwrap_or_default().to_owned()).or_default().push(node.name.to_owned());
    }
    unknown
}

/// A node that is known has to be in the description, and of the kind that is said there.
pub(super) fn check_known(
    description: &SynchronizerDescription,
    known: &BTreeMap<String, NodeIdentity>,
) -> Result<(), BootstrapError> {
    for (name, identity) in known {
        if !description.nodes().any(|node| node.name == name && node.kind == identity.kind) {
            return Err(BootstrapError::UnknownNode(name.clone()));
        }
    }
    Ok(())
}
