//! Who has to be informed of a view, and who has to confirm it (chapter 04 §2.4, `ViewCommonData`).

use bytes::Bytes;
use indexmap::{IndexMap, IndexSet};
use synod_crypto::{Hash, HashPurpose};
use synod_wire::reader::Reader;
use synod_wire::{ParseError, versioned};

use super::blindable::leaf_hash;
use super::error::InvalidMessage;
use super::ledger_string::LfParty;
use super::proto::{Merge, decode, merge_field, push, tag};
use super::salt::{self, Salt, SaltMessage};

/// The common data of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewCommonData {
    /// The versioned bytes as received.
    pub bytes: Bytes,
    /// The salt of the leaf.
    pub salt: Salt,
    /// Informees and confirmers.
    pub parameters: ViewConfirmationParameters,
}

/// Who has to be informed, and who has to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewConfirmationParameters {
    /// All parties that have to be informed, in the order of the message. For equality the order is nothing.
    pub informees: IndexSet<LfParty>,
    /// Each has to be reached, in their order; equal ones are kept.
    pub quorums: Vec<Quorum>,
}

/// Parties of which enough have to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// The weight of each, at least 1, in the order of the message. For equality the order is nothing.
    pub confirmers: IndexMap<LfParty, u32>,
    /// The sum of weights that is enough. May be more than there is.
    pub threshold: u32,
}

/// A `ViewCommonData` as it is on the wire.
#[derive(Default)]
struct CommonDataMessage {
    salt: Option<SaltMessage>,
    informees: Vec<String>,
    quorums: Vec<QuorumMessage>,
}

#[derive(Default)]
struct QuorumMessage {
    confirmers: Vec<ConfirmerMessage>,
    threshold: i32,
}

#[derive(Default)]
struct ConfirmerMessage {
    index: i32,
    weight: i32,
}

impl Merge for CommonDataMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => merge_field(&mut self.salt, reader, source)?,
            tag::D2 => self.informees.push(reader.text()?.to_owned()),
            tag::D3 => push(&mut self.quorums, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for QuorumMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => push(&mut self.confirmers, reader, source)?,
            tag::V2 => self.threshold = reader.int32()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for ConfirmerMessage {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.index = reader.int32()?,
            tag::V2 => self.weight = reader.int32()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl ViewCommonData {
    /// Reads the versioned message. Every version number is accepted. An informee that stands there twice is one; of the
    /// weights of a confirmer the last one counts.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidMessage> {
        let message: CommonDataMessage = decode(&versioned::unwrap(bytes)?.data)?;
        let informees: Vec<LfParty> =
            message.informees.iter().map(|text| LfParty::parse(text, "informees")).collect::<Result<_, _>>()?;
        let salt = salt::required(message.salt)?;
        let quorums = message.quorums.iter().map(|quorum| Quorum::of_message(quorum, &informees));
        let quorums = quorums.collect::<Result<_, _>>()?;
        let parameters = ViewConfirmationParameters { informees: informees.into_iter().collect(), quorums };
        Ok(Self { bytes: bytes.clone(), salt, parameters })
    }

    /// The hash of the leaf.
    #[must_use]
    pub fn hash(&self) -> Hash {
        leaf_hash(HashPurpose::VIEW_COMMON_DATA, self.salt.as_bytes(), &self.bytes)
    }

    /// Whether both say the same, however it is written.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        self.salt == other.salt && self.parameters == other.parameters
    }
}

impl ViewConfirmationParameters {
    /// All parties of all quorums, in the order in which they are found there.
    #[must_use]
    pub fn confirmers(&self) -> IndexSet<&LfParty> {
        self.quorums.iter().flat_map(|quorum| quorum.confirmers.keys()).collect()
    }
}

impl Quorum {
    fn of_message(message: &QuorumMessage, informees: &[LfParty]) -> Result<Self, InvalidMessage> {
        let mut confirmers = IndexMap::new();
        for confirmer in &message.confirmers {
            let weight = at_least("weight", 1, confirmer.weight)?;
            let index = usize::try_from(confirmer.index).ok();
            let party = index
                .and_then(|index| informees.get(index))
                .ok_or(InvalidMessage::InformeeIndex { index: confirmer.index, informees: informees.len() })?;
            confirmers.insert(party.clone(), weight);
        }
        Ok(Self { confirmers, threshold: at_least("threshold", 0, message.threshold)? })
    }
}

fn at_least(field: &'static str, at_least: u32, value: i32) -> Result<u32, InvalidMessage> {
    match u32::try_from(value) {
        Ok(number) if number >= at_least => Ok(number),
        _ => Err(ParseError::TooSmall { field, at_least: at_least.into(), value: value.into() }.into()),
    }
}
