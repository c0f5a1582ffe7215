//! Kinds of topology mappings (ch. 02 §1.5, `TopologyMapping.Code`).

use std::fmt;

use synod_crypto::InvalidEnumValue;
use thiserror::Error;

/// A text that names no kind of mapping.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown mapping code `{text}`")]
pub struct InvalidMappingCode {
    /// The text found.
    pub text: String,
}

macro_rules! mapping_codes {
    ($($(#[$about:meta])* $name:ident = $number:literal, $code:literal, $short_code:literal;)+) => {
        /// A kind of topology mapping. Ordered by number.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MappingCode {
            $($(#[$about])* $name = $number,)+
        }

        impl MappingCode {
            /// All kinds, by ascending number.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The number on the wire, in hashes, and in Canton's database.
            #[must_use]
            pub const fn number(self) -> i32 {
                self as i32
            }

            /// Name in Synod's own store: the initials of [`Self::name`]. Never changes.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// Canton's three-letter code, as its administration services use it. Two of them are not the initials.
            #[must_use]
            pub const fn short_code(self) -> &'static str {
                match self {
                    $(Self::$name => $short_code,)+
                }
            }

            /// Canton's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }
        }
    };
}

mapping_codes! {
    /// A key may sign for a namespace.
    NamespaceDelegation = 1, "nsd", "nsd";
    /// Owners share a namespace.
    DecentralizedNamespaceDefinition = 3, "dnd", "dnd";
    /// The keys of a member.
    OwnerToKeyMapping = 4, "otk", "otk";
    /// A participant joins the synchronizer.
    SynchronizerTrustCertificate = 5, "stc", "dtc";
    /// What the synchronizer lets a participant do.
    ParticipantSynchronizerPermission = 6, "psp", "pdp";
    /// Limits of hosting a party.
    PartyHostingLimits = 7, "phl", "phl";
    /// The packages that a participant vets.
    VettedPackages = 8, "vtp", "vtp";
    /// The participants that host a party.
    PartyToParticipant = 9, "ptp", "ptp";
    /// The dynamic parameters of the synchronizer.
    SynchronizerParametersState = 11, "dop", "dop";
    /// The mediators of a group.
    MediatorSynchronizerState = 12, "mds", "mds";
    /// The sequencers.
    SequencerSynchronizerState = 13, "sds", "sds";
    /// The parameters of sequencing.
    SequencingParametersState = 17, "sep", "sep";
    /// The keys of a party (deprecated).
    PartyToKeyMapping = 18, "ptk", "ptk";
    /// The successor of the synchronizer.
    LsuAnnouncement = 19, "lsu", "lsu";
    /// Where a sequencer of the successor is reached.
    LsuSequencerConnectionSuccessor = 20, "scs", "scs";
}

impl MappingCode {
    /// Reads what [`Self::code`] gives.
    ///
    /// # Errors
    /// [`InvalidMappingCode`] for every other text.
    pub fn parse(text: &str) -> Result<Self, InvalidMappingCode> {
        let found = Self::ALL.iter().copied().find(|code| code.code() == text);
        found.ok_or_else(|| InvalidMappingCode { text: text.to_owned() })
    }

    /// The kind with Canton's three-letter code `text`.
    #[must_use]
    pub fn of_short_code(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.short_code() == text)
    }

    /// The kind of this number.
    ///
    /// # Errors
    /// [`InvalidEnumValue`] when it is 0 or unknown.
    pub fn from_number(number: i32) -> Result<Self, InvalidEnumValue> {
        const FIELD: &str = "mappings";
        match Self::ALL.iter().copied().find(|code| code.number() == number) {
            Some(code) => Ok(code),
            None if number == 0 => Err(InvalidEnumValue::NotSet { field: FIELD }),
            None => Err(InvalidEnumValue::Unrecognized { field: FIELD, number }),
        }
    }
}

impl fmt::Display for MappingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
