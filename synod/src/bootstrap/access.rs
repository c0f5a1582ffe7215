//! What is shown to which node: the options of a command above the node's own `access`, above `[access]`.

use std::path::Path;

use synod_runtime::SettingsErrors;
use synod_runtime::settings::{Mistakes, Sources};

use super::{SequencerEntry, SynchronizerDescription};
use crate::admin_client::AdminAccess;

/// Variables that override keys of `synchronizer.toml`.
const ENVIRONMENT_PREFIX: &str = "SYNOD_SYNCHRONIZER_";

impl SynchronizerDescription {
    /// Reads `synchronizer.toml`, for a command that reaches all nodes. Each node then has all that is to be shown to it.
    ///
    /// # Errors
    /// [`SettingsErrors`]: all mistakes in it, or all that are in the files that it and the options name.
    pub(crate) fn load(path: &Path, options: &AdminAccess) -> Result<Self, SettingsErrors> {
        Self::load_for(path, options, None)
    }

    /// The same, for a command that reaches the nodes of one operator alone.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(crate) fn load_for(path: &Path, options: &AdminAccess, operator: Option<&str>) -> Result<Self, SettingsErrors> {
        let described: Self = Sources::of_process(ENVIRONMENT_PREFIX).file(path).load()?.value;
        let described = described.with_access(options);
        let mut mistakes = Mistakes::default();
        described.check_reach(operator, &mut mistakes);
        for node in described.nodes().filter(|node| operator.is_none() || node.operator == operator) {
            node.access.read("access", &mut mistakes);
        }
        for sequencer in &described.sequencers {
            sequencer.public_authorities(&mut mistakes);
        }
        mistakes.into_result()?;
        Ok(described)
    }

    fn with_access(mut self, options: &AdminAccess) -> Self {
        let whole = |own: &AdminAccess| options.over(&own.over(&self.access));
        for sequencer in &mut self.sequencers {
            sequencer.access = whole(&sequencer.access);
        }
        for mediator in &mut self.mediators {
            mediator.access = whole(&mediator.access);
        }
        self
    }
}

impl SequencerEntry {
    /// The authorities that mediators are to believe about its public API (PEM); none when `public_ca_file` is not set.
    pub(crate) fn public_authorities(&self, mistakes: &mut Mistakes) -> Option<Vec<u8>> {
        let path = self.public_ca_file.as_ref()?;
        let read = std::fs::read(path);
        let failed = |error| mistakes.add("sequencers", format!("cannot be read: {}: {error}", path.display()));
        read.map_err(failed).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_node_is_shown_what_is_nearest_to_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| {
            let path = folder.path().join(name);
            fs::write(&path, name).expect("written");
            path
        };
        let (general, own, option) = (file("general"), file("own"), file("option"));
        let text = format!(
            "name = \"s\"\n[access]\ntoken_file = {general:?}\nca_file = {general:?}\n\
             [[sequencers]]\nname = \"a\"\nadmin = \"https://h:1\"\npublic = \"http://h:2\"\n\
             access = {{ token_file = {own:?} }}\n[[mediators]]\nname = \"b\"\nadmin = \"https://h:3\"\n"
        );
        let path = folder.path().join("synchronizer.toml");
        fs::write(&path, text).expect("written");
        let load = |options: AdminAccess| SynchronizerDescription::load(&path, &options).expect("no mistakes");
        let described = load(AdminAccess::default());
        let tokens = |described: &SynchronizerDescription| -> Vec<Option<PathBuf>> {
            described.nodes().map(|node| node.access.token_file.clone()).collect()
        };
        assert_eq!(tokens(&described), [Some(own), Some(general.clone())]);
        assert!(described.nodes().all(|node| node.access.ca_file.as_ref() == Some(&general)));
        let above = load(AdminAccess { token_file: Some(option.clone()), ..AdminAccess::default() });
        assert_eq!(tokens(&above), [Some(option.clone()), Some(option)]);
        let missing = AdminAccess { token_file: Some("/nowhere".into()), ..AdminAccess::default() };
        let told = SynchronizerDescription::load(&path, &missing).expect_err("a mistake").to_string();
        assert!(told.contains("access.token_file") && told.contains("/nowhere"), "{told}");
    }
}
