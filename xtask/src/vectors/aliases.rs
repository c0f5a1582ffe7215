//! The keys that the topology files name by aliases: definitions at the top of each file.

use std::collections::BTreeMap;

use prost::Message as _;
use synod_crypto::SigningPublicKey;
use synod_proto::crypto::v30;
use synod_testkit::vectors::Case;
use synod_types::Fingerprint;

/// Keys by alias, and aliases by fingerprint.
#[derive(Default)]
pub(super) struct Aliases {
    keys: BTreeMap<String, SigningPublicKey>,
    names: BTreeMap<String, String>,
}

impl Aliases {
    /// Whether the line defines a key.
    pub(super) fn is_definition(case: &Case) -> bool {
        matches!(case.kind(), "key" | "encryption_key")
    }

    /// Takes up a definition.
    pub(super) fn define(&mut self, case: &Case) -> Result<(), String> {
        let name = case.text("key")?.to_owned();
        self.names.insert(case.text("fingerprint")?.to_owned(), name.clone());
        if case.kind() == "key" {
            let proto =
                v30::SigningPublicKey::decode(case.bytes("public_key_proto")?).map_err(|error| error.to_string())?;
            let key = SigningPublicKey::from_proto(proto).map_err(|error| error.to_string())?;
            self.keys.insert(name, key);
        }
        Ok(())
    }

    /// The alias of a fingerprint; the fingerprint itself when it has none.
    pub(super) fn of<'a>(&'a self, fingerprint: &'a Fingerprint) -> &'a str {
        self.names.get(fingerprint.as_str()).map_or(fingerprint.as_str(), String::as_str)
    }

    /// The signing key of an alias.
    pub(super) fn key(&self, alias: &str) -> Result<&SigningPublicKey, String> {
        self.keys.get(alias).ok_or_else(|| format!("no key {alias} is defined"))
    }
}
