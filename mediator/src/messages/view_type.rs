//! Kinds of confirmation requests (chapter 04 §1.3, `ViewType`).

use super::error::{InvalidMessage, not_set};

/// What a confirmation request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ViewType {
    /// A transaction.
    Transaction,
    /// Contracts leave the synchronizer.
    Unassignment,
    /// Contracts arrive at the synchronizer.
    Assignment,
}

impl ViewType {
    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Transaction => 1,
            Self::Unassignment => 2,
            Self::Assignment => 3,
        }
    }

    /// The kind of this number.
    ///
    /// # Errors
    /// [`InvalidMessage`] for 0 and numbers that stand for nothing.
    pub fn of_number(number: i32) -> Result<Self, InvalidMessage> {
        match number {
            1 => Ok(Self::Transaction),
            2 => Ok(Self::Unassignment),
            3 => Ok(Self::Assignment),
            0 => Err(not_set("view_type")),
            number => Err(InvalidMessage::UnknownNumber { field: "view_type", number }),
        }
    }
}
