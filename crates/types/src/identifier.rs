//! Fingerprints, namespaces, unique identifiers and parties (chapter 01 §5).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::InvalidIdentifier;

const DELIMITER: &str = "::";
const FINGERPRINT_LIMIT: usize = 68;
const IDENTIFIER_LIMIT: usize = 185;

/// A Daml-LF party string: not empty, at most `limit` characters out of letters, digits, `:`, `-`, `_`, space.
fn check_part(what: &'static str, text: &str, limit: usize) -> Result<(), InvalidIdentifier> {
    if text.is_empty() {
        return Err(InvalidIdentifier::Empty { what });
    }
    if let Some(character) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | ' '))) {
        return Err(InvalidIdentifier::Character { what, character });
    }
    if text.len() > limit {
        return Err(InvalidIdentifier::TooLong { what, length: text.len(), limit });
    }
    if text.contains(DELIMITER) {
        return Err(InvalidIdentifier::Delimiter { what });
    }
    Ok(())
}

/// Fingerprint of a key, by which Canton names it: usually 68 hexadecimal digits beginning `1220`, but any
/// party-safe text of at most 68 characters is one (`Fingerprint.fromProtoPrimitive`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Arc<str>);

impl Fingerprint {
    /// Reads a fingerprint.
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when it is empty, longer than 68 characters, or has a character or `::` not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        check_part("fingerprint", text, FINGERPRINT_LIMIT)?;
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A namespace: the fingerprint of its root key, or of its owners when it is decentralized.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(Fingerprint);

impl Namespace {
    /// The namespace whose root key has this fingerprint.
    #[must_use]
    pub const fn new(fingerprint: Fingerprint) -> Self {
        Self(fingerprint)
    }

    /// Reads a namespace.
    ///
    /// # Errors
    /// As [`Fingerprint::parse`].
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        Fingerprint::parse(text).map(Self)
    }

    /// The fingerprint of the namespace's root key.
    #[must_use]
    pub const fn fingerprint(&self) -> &Fingerprint {
        &self.0
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// `identifier::namespace`. Ordered by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueIdentifier {
    text: Arc<str>,
    identifier_length: u16,
}

impl UniqueIdentifier {
    /// The identifier `identifier` in `namespace`.
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when `identifier` is empty, longer than 185 characters, or has a character or `::`
    /// not allowed.
    pub fn new(identifier: &str, namespace: &Namespace) -> Result<Self, InvalidIdentifier> {
        check_part("identifier", identifier, IDENTIFIER_LIMIT)?;
        Self::parse(&format!("{identifier}{DELIMITER}{namespace}"))
    }

    /// Reads `identifier::namespace`, split at the first `::` (`UniqueIdentifier.fromProtoPrimitive`).
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when a part is missing or not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        const FORM: &str = "<identifier>::<fingerprint>";
        let at = text.find(DELIMITER).ok_or_else(|| InvalidIdentifier::form(text, FORM))?;
        check_part("identifier", &text[..at], IDENTIFIER_LIMIT)?;
        check_part("fingerprint", &text[at + DELIMITER.len()..], FINGERPRINT_LIMIT)?;
        let identifier_length = u16::try_from(at).map_err(|_| InvalidIdentifier::form(text, FORM))?;
        Ok(Self { text: Arc::from(text), identifier_length })
    }

    /// The part before the first `::`.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.text[..usize::from(self.identifier_length)]
    }

    /// The part after the first `::`.
    #[must_use]
    pub fn namespace_str(&self) -> &str {
        &self.text[usize::from(self.identifier_length) + DELIMITER.len()..]
    }

    /// The namespace, as a value of its own.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        Namespace(Fingerprint(Arc::from(self.namespace_str())))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A party, named by a unique identifier of at most 255 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartyId(UniqueIdentifier);

impl PartyId {
    /// The party of this identifier.
    #[must_use]
    pub const fn new(uid: UniqueIdentifier) -> Self {
        Self(uid)
    }

    /// Reads a party.
    ///
    /// # Errors
    /// As [`UniqueIdentifier::parse`].
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        UniqueIdentifier::parse(text).map(Self)
    }

    /// Its unique identifier.
    #[must_use]
    pub const fn uid(&self) -> &UniqueIdentifier {
        &self.0
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

macro_rules! text_traits {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidIdentifier;

            fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
                Self::parse(text)
            }
        }
    )*};
}

text_traits!(Fingerprint, Namespace, UniqueIdentifier, PartyId);
