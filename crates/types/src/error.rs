//! Why a text or a number is not an identifier or a time.

use thiserror::Error;

/// A text that is not the identifier it was taken for. Always the sender's fault.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidIdentifier {
    /// The text is empty where one is required.
    #[error("{what} is empty")]
    Empty {
        /// Name of the identifier.
        what: &'static str,
    },
    /// The text has more UTF-16 units than the identifier allows.
    #[error("{what} is too long: {length}, at most {limit}")]
    TooLong {
        /// Name of the identifier.
        what: &'static str,
        /// Length found, in UTF-16 units.
        length: usize,
        /// Longest length allowed, in UTF-16 units.
        limit: usize,
    },
    /// A character outside of letters, digits, `:`, `-`, `_` and space.
    #[error("{what} has the character {character:?}, which is not allowed")]
    Character {
        /// Name of the identifier.
        what: &'static str,
        /// The first such character.
        character: char,
    },
    /// The delimiter `::` inside of a part.
    #[error("{what} contains the reserved delimiter `::`")]
    Delimiter {
        /// Name of the identifier.
        what: &'static str,
    },
    /// The text is not of the form that the identifier has.
    #[error("`{text}` is not of the form {expected}")]
    Form {
        /// The text, cut after 80 characters.
        text: String,
        /// The form wanted.
        expected: &'static str,
    },
    /// A three-letter code that names no kind of member.
    #[error("unknown three letter type {code}")]
    Code {
        /// The code found.
        code: String,
    },
    /// A protocol version that this code does not know.
    #[error("protocol version {text} is not supported; supported are 34, 35, dev")]
    ProtocolVersion {
        /// The version found.
        text: String,
    },
    /// A number that does not parse or is out of range.
    #[error("`{text}` is not a number from 0 to 2147483647")]
    Number {
        /// The text, cut after 80 characters.
        text: String,
    },
}

impl InvalidIdentifier {
    pub(crate) fn form(text: &str, expected: &'static str) -> Self {
        Self::Form { text: cut(text), expected }
    }

    pub(crate) fn number(text: &str) -> Self {
        Self::Number { text: cut(text) }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A time before the year 1 or after the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("out of bound timestamp: {micros} µs since the epoch")]
pub struct TimestampOutOfRange {
    /// The value, in microseconds since the Unix epoch, saturated to 64 bits.
    pub micros: i64,
}
