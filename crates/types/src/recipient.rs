//! To whom an envelope goes (chapter 01 §5, chapter 03 §1.2).

use std::fmt;

use crate::member::split_code;
use crate::number::parse_non_negative;
use crate::{InvalidIdentifier, Member};

const RECIPIENT_LIMIT: usize = 300;

/// Number of a mediator group, from 0 to 2³¹ − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediatorGroupIndex(u32);

impl MediatorGroupIndex {
    /// The group of this number.
    ///
    /// # Errors
    /// [`InvalidIdentifier::Number`] when it is negative.
    pub fn new(index: i32) -> Result<Self, InvalidIdentifier> {
        u32::try_from(index).map(Self).map_err(|_| InvalidIdentifier::number(&index.to_string()))
    }

    /// The number as protobuf carries it.
    #[must_use]
    pub fn as_i32(self) -> i32 {
        i32::try_from(self.0).expect("constructed from a non-negative i32")
    }
}

/// A recipient of an envelope.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Recipient {
    /// One member.
    Member(Member),
    /// The mediators of a group, `MGR::n`.
    MediatorGroup(MediatorGroupIndex),
    /// All sequencers, `SOD::`.
    SequencersOfSynchronizer,
    /// Everybody, `ALL::All`.
    AllMembersOfSynchronizer,
}

impl Recipient {
    /// Reads a recipient (`Recipient.fromProtoPrimitive`). What follows `SOD::` and `ALL::` is ignored.
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when the code is unknown or what follows does not fit it.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        if text.len() > RECIPIENT_LIMIT {
            let length = text.encode_utf16().count();
            if length > RECIPIENT_LIMIT {
                return Err(InvalidIdentifier::TooLong { what: "recipient", length, limit: RECIPIENT_LIMIT });
            }
        }
        let (code, rest) = split_code(text)?;
        match code {
            "SOD" => Ok(Self::SequencersOfSynchronizer),
            "ALL" => Ok(Self::AllMembersOfSynchronizer),
            "MGR" => parse_non_negative(rest).map(|index| Self::MediatorGroup(MediatorGroupIndex(index))),
            _ => Member::parse(text).map(Self::Member),
        }
    }

    /// The member, if it is one.
    #[must_use]
    pub const fn as_member(&self) -> Option<&Member> {
        match self {
            Self::Member(member) => Some(member),
            _ => None,
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(member) => member.fmt(f),
            Self::MediatorGroup(group) => write!(f, "MGR::{}", group.0),
            Self::SequencersOfSynchronizer => f.write_str("SOD::"),
            Self::AllMembersOfSynchronizer => f.write_str("ALL::All"),
        }
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialOrd for Recipient {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Recipients order as their texts do: so they are written on the wire.
impl Ord for Recipient {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        match (self, other) {
            (Self::Member(left), Self::Member(right)) => left.cmp(right),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_order_as_their_texts_do() {
        let texts = ["ALL::All", "MED::a::b", "MGR::1", "MGR::10", "MGR::2", "PAR::a::b", "SEQ::a::b", "SOD::"];
        let recipients: Vec<Recipient> = texts.iter().map(|text| Recipient::parse(text).expect(text)).collect();
        assert!(recipients.is_sorted());
    }
}
