//! Texts of the ledger: parties, users, commands (`IdString` of Daml-LF).

use std::fmt;
use std::sync::Arc;

use super::error::InvalidMessage;

const MAX_PARTY: usize = 255;
const MAX_LEDGER_STRING: usize = 255;
const MAX_USER_ID: usize = 128;

/// A party as transactions name it: 1 to 255 letters, digits and `:-_ `. It need not be a
/// unique identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LfParty(Arc<str>);

impl LfParty {
    /// Reads the party in a field of this name.
    ///
    /// # Errors
    /// [`InvalidMessage::LedgerString`] when it is empty, too long, or has other characters.
    pub fn parse(text: &str, field: &'static str) -> Result<Self, InvalidMessage> {
        checked(text, field, MAX_PARTY, b":-_ ").map(|text| Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LfParty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parties in a field of this name, in their order; one that stands there again is left out.
pub(super) fn parties(texts: &[String], field: &'static str) -> Result<Vec<LfParty>, InvalidMessage> {
    let mut seen = std::collections::BTreeSet::new();
    let mut parties = Vec::new();
    for text in texts {
        let party = LfParty::parse(text, field)?;
        if seen.insert(party.clone()) {
            parties.push(party);
        }
    }
    Ok(parties)
}

/// A ledger string: the id of a command or a submission.
pub(super) fn ledger_string<'a>(text: &'a str, field: &'static str) -> Result<&'a str, InvalidMessage> {
    checked(text, field, MAX_LEDGER_STRING, b"._:-#/ ")
}

/// The id of a user.
pub(super) fn user_id<'a>(text: &'a str, field: &'static str) -> Result<&'a str, InvalidMessage> {
    checked(text, field, MAX_USER_ID, b"@^$.!`-#+'~_|:()")
}

fn checked<'a>(text: &'a str, field: &'static str, max: usize, extra: &[u8]) -> Result<&'a str, InvalidMessage> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || extra.contains(&byte);
    if !text.is_empty() && text.len() <= max && text.bytes().all(is_allowed) {
        Ok(text)
    } else {
        Err(InvalidMessage::LedgerString { field })
    }
}
