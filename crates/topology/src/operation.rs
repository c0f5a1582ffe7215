//! What a topology transaction does to its mapping.

use std::fmt;

use synod_crypto::InvalidEnumValue;

/// What a topology transaction does to its mapping (`TopologyChangeOp`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// 1: adds the mapping, or replaces the one of the same unique key.
    Replace,
    /// 2: removes the mapping.
    Remove,
}

impl Operation {
    /// The operation of this number.
    ///
    /// # Errors
    /// [`InvalidEnumValue`] when it is 0 or unknown.
    pub const fn from_number(number: i32) -> Result<Self, InvalidEnumValue> {
        match number {
            1 => Ok(Self::Replace),
            2 => Ok(Self::Remove),
            0 => Err(InvalidEnumValue::NotSet { field: "operation" }),
            _ => Err(InvalidEnumValue::Unrecognized { field: "operation", number }),
        }
    }

    /// The number on the wire, and in Canton's database.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Replace => 1,
            Self::Remove => 2,
        }
    }
}

/// Canton's name.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Replace => "Replace",
            Self::Remove => "Remove",
        })
    }
}
