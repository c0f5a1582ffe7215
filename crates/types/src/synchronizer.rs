//! Synchronizers and protocol versions (chapter 01 §5).

use std::fmt;
use std::str::FromStr;

use crate::number::{parse_int, parse_non_negative};
use crate::{InvalidIdentifier, UniqueIdentifier};

/// A protocol version that Canton 3.5 knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolVersion {
    /// 34
    V34,
    /// 35
    V35,
    /// The unstable version, 2³¹ − 1 on the wire.
    Dev,
}

impl ProtocolVersion {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::V34 => 34,
            Self::V35 => 35,
            Self::Dev => i32::MAX,
        }
    }

    /// The version of this number.
    ///
    /// # Errors
    /// [`InvalidIdentifier::ProtocolVersion`] for every other number.
    pub fn of_number(number: i32) -> Result<Self, InvalidIdentifier> {
        [Self::V34, Self::V35, Self::Dev]
            .into_iter()
            .find(|version| version.number() == number)
            .ok_or_else(|| InvalidIdentifier::ProtocolVersion { text: number.to_string() })
    }

    /// Reads a version as text: a number, or `dev`.
    ///
    /// # Errors
    /// [`InvalidIdentifier::ProtocolVersion`] when it is no number or none of ours.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        if text == "dev" {
            return Ok(Self::Dev);
        }
        let number = parse_int(text).map_err(|_| InvalidIdentifier::ProtocolVersion { text: text.to_owned() })?;
        Self::of_number(number)
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dev => f.write_str("dev"),
            stable => write!(f, "{}", stable.number()),
        }
    }
}

/// A synchronizer over all its versions: a unique identifier.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SynchronizerId(UniqueIdentifier);

impl SynchronizerId {
    /// The synchronizer of this identifier.
    #[must_use]
    pub const fn new(uid: UniqueIdentifier) -> Self {
        Self(uid)
    }

    /// Reads a synchronizer id.
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

impl fmt::Display for SynchronizerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SynchronizerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SynchronizerId({})", self.0)
    }
}

/// One version of a synchronizer, written `identifier::namespace::version-serial`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhysicalSynchronizerId {
    logical: SynchronizerId,
    protocol_version: ProtocolVersion,
    serial: u32,
}

impl PhysicalSynchronizerId {
    /// The version `serial` of `logical` at `protocol_version`. `serial` is below 2³¹.
    #[must_use]
    pub const fn new(logical: SynchronizerId, protocol_version: ProtocolVersion, serial: u32) -> Self {
        Self { logical, protocol_version, serial }
    }

    /// Reads a physical synchronizer id. As on the JVM, empty parts at the end of a split do not count, so that
    /// a trailing `::` or `-` is accepted (`PhysicalSynchronizerId.fromString`).
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when it has not three parts, or one of them is not allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        const FORM: &str = "<identifier>::<fingerprint>::<protocol version>-<serial>";
        let parts = split_as_jvm(text, "::");
        let [identifier, namespace, suffix] = parts[..] else {
            return Err(InvalidIdentifier::form(text, FORM));
        };
        let logical = SynchronizerId::parse(&format!("{identifier}::{namespace}"))?;
        let [version, serial] = split_as_jvm(suffix, "-")[..] else {
            return Err(InvalidIdentifier::form(text, FORM));
        };
        Ok(Self { logical, protocol_version: ProtocolVersion::parse(version)?, serial: parse_non_negative(serial)? })
    }

    /// The synchronizer over all its versions.
    #[must_use]
    pub const fn logical(&self) -> &SynchronizerId {
        &self.logical
    }

    /// The protocol version.
    #[must_use]
    pub const fn protocol_version(&self) -> ProtocolVersion {
        self.protocol_version
    }

    /// The serial of the static parameters.
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.serial
    }
}

/// Splits as `java.lang.String.split` does: empty parts at the end are dropped.
fn split_as_jvm<'a>(text: &'a str, delimiter: &str) -> Vec<&'a str> {
    let mut parts: Vec<&str> = text.split(delimiter).collect();
    while parts.last().is_some_and(|part| part.is_empty()) {
        parts.pop();
    }
    parts
}

impl fmt::Display for PhysicalSynchronizerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}-{}", self.logical, self.protocol_version, self.serial)
    }
}

impl fmt::Debug for PhysicalSynchronizerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhysicalSynchronizerId({self})")
    }
}

impl FromStr for PhysicalSynchronizerId {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        Self::parse(text)
    }
}

impl PartialOrd for PhysicalSynchronizerId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// By logical id, then serial, then protocol version (chapter 02 §1.3).
impl Ord for PhysicalSynchronizerId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (&self.logical, self.serial, self.protocol_version).cmp(&(&other.logical, other.serial, other.protocol_version))
    }
}
