//! Members of a synchronizer: participants, mediators and sequencers (chapter 01 §5).

use std::fmt;
use std::str::FromStr;

use crate::{InvalidIdentifier, UniqueIdentifier};

/// What a member is. Ordered as its three-letter codes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberKind {
    /// `MED`
    Mediator,
    /// `PAR`
    Participant,
    /// `SEQ`
    Sequencer,
}

impl MemberKind {
    /// The three-letter code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mediator => "MED",
            Self::Participant => "PAR",
            Self::Sequencer => "SEQ",
        }
    }

    pub(crate) fn of_code(code: &str) -> Option<Self> {
        [Self::Mediator, Self::Participant, Self::Sequencer].into_iter().find(|kind| kind.code() == code)
    }
}

/// A member, written `PAR::identifier::namespace` (also `MED`, `SEQ`). Ordered by that text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Member {
    kind: MemberKind,
    uid: UniqueIdentifier,
}

const FORM: &str = "<three-letter-code>::<identifier>::<fingerprint>";

impl Member {
    /// The member of this kind and identifier.
    #[must_use]
    pub const fn new(kind: MemberKind, uid: UniqueIdentifier) -> Self {
        Self { kind, uid }
    }

    /// Reads a member (`Member.fromProtoPrimitive`).
    ///
    /// # Errors
    /// [`InvalidIdentifier`] when the code is unknown or what follows is no unique identifier.
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        let (code, uid) = split_code(text)?;
        let kind = MemberKind::of_code(code).ok_or_else(|| InvalidIdentifier::Code { code: code.to_owned() })?;
        Ok(Self { kind, uid: UniqueIdentifier::parse(uid)? })
    }

    /// What the member is.
    #[must_use]
    pub const fn kind(&self) -> MemberKind {
        self.kind
    }

    /// The identifier without the code.
    #[must_use]
    pub const fn uid(&self) -> &UniqueIdentifier {
        &self.uid
    }
}

/// The three-letter code and what follows the `::` behind it.
pub(crate) fn split_code(text: &str) -> Result<(&str, &str), InvalidIdentifier> {
    match (text.get(..3), text.get(3..5), text.get(5..)) {
        (Some(code), Some("::"), Some(rest)) => Ok((code, rest)),
        _ => Err(InvalidIdentifier::form(text, FORM)),
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.kind.code(), self.uid)
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Member {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidIdentifier> {
        Self::parse(text)
    }
}

macro_rules! member_of_kind {
    ($(#[$doc:meta])* $name:ident, $kind:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(UniqueIdentifier);

        impl $name {
            /// The member of this identifier.
            #[must_use]
            pub const fn new(uid: UniqueIdentifier) -> Self {
                Self(uid)
            }

            /// Reads the form with the three-letter code.
            ///
            /// # Errors
            /// [`InvalidIdentifier`] when it is no member, or one of another kind.
            pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
                Self::try_from(Member::parse(text)?)
            }

            /// The identifier without the code.
            #[must_use]
            pub const fn uid(&self) -> &UniqueIdentifier {
                &self.0
            }

            /// The same as a member.
            #[must_use]
            pub fn member(&self) -> Member {
                Member::new(MemberKind::$kind, self.0.clone())
            }
        }

        impl From<$name> for Member {
            fn from(id: $name) -> Self {
                Self::new(MemberKind::$kind, id.0)
            }
        }

        impl TryFrom<Member> for $name {
            type Error = InvalidIdentifier;

            fn try_from(member: Member) -> Result<Self, InvalidIdentifier> {
                if member.kind == MemberKind::$kind {
                    Ok(Self(member.uid))
                } else {
                    Err(InvalidIdentifier::Code { code: member.kind.code().to_owned() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}::{}", MemberKind::$kind.code(), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

member_of_kind!(
    /// A participant (`PAR::…`).
    ParticipantId, Participant
);
member_of_kind!(
    /// A mediator (`MED::…`).
    MediatorId, Mediator
);
member_of_kind!(
    /// A sequencer (`SEQ::…`).
    SequencerId, Sequencer
);

/// Dense number of a registered member, given in the order of registration: the same on every node that
/// processed the same blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberIndex(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_order_as_their_texts_do() {
        let texts = ["MED::b::x", "PAR::a::x", "PAR::a::y", "SEQ::a::x"];
        let members: Vec<Member> = texts.iter().map(|text| Member::parse(text).expect(text)).collect();
        assert!(members.is_sorted());
        assert_eq!(members.iter().map(ToString::to_string).collect::<Vec<_>>(), texts);
    }

    #[test]
    fn a_member_of_another_kind_is_refused() {
        assert!(ParticipantId::parse("MED::a::b").is_err());
        assert!(SequencerId::parse("SEQ::a::b").is_ok());
        assert!(Member::parse("\u{e4}\u{e4}::a::b").is_err());
    }
}
