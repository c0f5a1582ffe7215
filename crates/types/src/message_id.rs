//! Message ids (chapter 01 §5).

use std::fmt;
use std::sync::Arc;

use crate::InvalidIdentifier;

const LIMIT: usize = 73;

/// The sender's name for a submission: any text of at most 73 UTF-16 units, may be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(Arc<str>);

impl MessageId {
    /// Reads a message id.
    ///
    /// # Errors
    /// [`InvalidIdentifier::TooLong`].
    pub fn parse(text: &str) -> Result<Self, InvalidIdentifier> {
        let length = text.encode_utf16().count();
        if length > LIMIT {
            return Err(InvalidIdentifier::TooLong { what: "message id", length, limit: LIMIT });
        }
        Ok(Self(Arc::from(text)))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({:?})", &*self.0)
    }
}
