//! Reading protobuf exactly as Canton's generated parsers do (`CodedInputStream` of protobuf-java 3.25, ScalaPB).
//!
//! What is read here decides what the network accepts, so the rules are those of the JVM rather than those of other
//! libraries:
//!
//! - a field counts only when number *and* wire type are as declared; else it is skipped like an unknown one;
//! - a varint has at most ten bytes, of which only the low 32 or 64 bits count;
//! - unknown groups nest at most 100 deep; a stray end of a group is skipped;
//! - a text has to be UTF-8;
//! - nothing else limits the depth of messages.
//!
//! Nothing is copied, and nothing is recursive.

use bytes::Bytes;

use crate::ParseError;
use crate::error::ProtoFault;

/// Longest varint, in bytes.
const VARINT_BYTES: usize = 10;

/// How deep groups may nest in an unknown field.
const GROUP_DEPTH: usize = 100;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const LENGTH_DELIMITED: u32 = 2;
const START_GROUP: u32 = 3;
const END_GROUP: u32 = 4;
const FIXED32: u32 = 5;

/// The tag of a varint field, as [`Reader::next_tag`] gives it.
#[must_use]
pub const fn varint(field: u32) -> u32 {
    field << 3 | VARINT
}

/// The tag of a field that is a text, bytes or a message.
#[must_use]
pub const fn delimited(field: u32) -> u32 {
    field << 3 | LENGTH_DELIMITED
}

/// Tags by wire type and number: `D1` is a text, bytes or a message in field 1, `V2` a varint in field 2.
pub(crate) mod tag {
    use super::{delimited, varint};

    pub(crate) const D1: u32 = delimited(1);
    pub(crate) const D2: u32 = delimited(2);
    pub(crate) const D3: u32 = delimited(3);
    pub(crate) const D4: u32 = delimited(4);
    pub(crate) const D5: u32 = delimited(5);
    pub(crate) const D6: u32 = delimited(6);
    pub(crate) const D7: u32 = delimited(7);
    pub(crate) const D8: u32 = delimited(8);
    pub(crate) const V1: u32 = varint(1);
    pub(crate) const V2: u32 = varint(2);
    pub(crate) const V3: u32 = varint(3);
    pub(crate) const V4: u32 = varint(4);
    pub(crate) const V5: u32 = varint(5);
    pub(crate) const V6: u32 = varint(6);
    pub(crate) const V7: u32 = varint(7);
}

/// A position in an encoded message.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// The beginning of `message`.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// What is not read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The tag of the next field; `None` at the end of the message.
    ///
    /// # Errors
    /// [`ParseError::Proto`] when the tag is malformed or names field 0.
    pub fn next_tag(&mut self) -> Result<Option<u32>, ParseError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint32()?;
        if tag >> 3 == 0 {
            return Err(ProtoFault::Tag.into());
        }
        Ok(Some(tag))
    }

    /// The low 32 bits of a varint.
    ///
    /// # Errors
    /// [`ParseError::Proto`] when the number is malformed.
    #[allow(clippy::cast_possible_truncation, reason = "the JVM drops the upper bits")]
    pub fn varint32(&mut self) -> Result<u32, ParseError> {
        self.varint64().map(|value| value as u32)
    }

    /// A varint as a signed 32-bit number, or an enum.
    ///
    /// # Errors
    /// As [`Self::varint32`].
    pub fn int32(&mut self) -> Result<i32, ParseError> {
        self.varint32().map(u32::cast_signed)
    }

    /// A varint as a signed 64-bit number.
    ///
    /// # Errors
    /// As [`Self::varint64`].
    pub fn int64(&mut self) -> Result<i64, ParseError> {
        self.varint64().map(u64::cast_signed)
    }

    /// All 64 bits of a varint.
    ///
    /// # Errors
    /// [`ParseError::Proto`] when the number is malformed.
    pub fn varint64(&mut self) -> Result<u64, ParseError> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().take(VARINT_BYTES).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        let fault = if self.rest.len() < VARINT_BYTES { ProtoFault::Truncated } else { ProtoFault::Varint };
        Err(fault.into())
    }

    /// The content of a field of the wire type of bytes.
    ///
    /// # Errors
    /// [`ParseError::Proto`] when the length is malformed or more than what is left.
    pub fn bytes(&mut self) -> Result<&'a [u8], ParseError> {
        let length = usize::try_from(self.int32()?).map_err(|_| ProtoFault::NegativeLength)?;
        self.take(length)
    }

    /// A text.
    ///
    /// # Errors
    /// As [`Self::bytes`], and when the bytes are not UTF-8.
    pub fn text(&mut self) -> Result<&'a str, ParseError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| ProtoFault::Utf8.into())
    }

    /// Bytes as a part of `source`, which this reader reads a part of.
    ///
    /// # Errors
    /// As [`Self::bytes`].
    pub fn shared(&mut self, source: &Bytes) -> Result<Bytes, ParseError> {
        self.bytes().map(|part| source.slice_ref(part))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ParseError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ProtoFault::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Skips the field with this tag, which is unknown.
    ///
    /// # Errors
    /// [`ParseError::Proto`] when the field is malformed.
    pub fn skip(&mut self, tag: u32) -> Result<(), ParseError> {
        match tag & 7 {
            START_GROUP => self.skip_group(tag >> 3),
            END_GROUP => Ok(()),
            _ => self.skip_plain(tag),
        }
    }

    fn skip_plain(&mut self, tag: u32) -> Result<(), ParseError> {
        match tag & 7 {
            VARINT => self.varint64().map(|_| ()),
            FIXED64 => self.take(8).map(|_| ()),
            LENGTH_DELIMITED => self.bytes().map(|_| ()),
            FIXED32 => self.take(4).map(|_| ()),
            _ => Err(ProtoFault::WireType.into()),
        }
    }

    fn skip_group(&mut self, field: u32) -> Result<(), ParseError> {
        let mut open = vec![field];
        while let Some(&innermost) = open.last() {
            let tag = self.next_tag()?.ok_or(ProtoFault::EndGroup)?;
            if open.len() > GROUP_DEPTH {
                return Err(ProtoFault::GroupDepth.into());
            }
            match tag & 7 {
                START_GROUP => open.push(tag >> 3),
                END_GROUP if tag >> 3 == innermost => {
                    open.pop();
                }
                END_GROUP => return Err(ProtoFault::EndGroup.into()),
                _ => self.skip_plain(tag)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(message: &[u8]) -> Result<Vec<u32>, ParseError> {
        let mut reader = Reader::new(message);
        let mut tags = Vec::new();
        while let Some(tag) = reader.next_tag()? {
            reader.skip(tag)?;
            tags.push(tag);
        }
        Ok(tags)
    }

    #[test]
    fn unknown_fields_are_skipped_as_on_the_jvm() {
        // A stray end of a group, a varint with a meaningless tenth byte, a tag with meaningless upper bits.
        assert_eq!(fields(&[0x0c]), Ok(vec![0x0c]));
        assert_eq!(fields(&[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), Ok(vec![0x08]));
        assert_eq!(fields(&[0x88, 0x80, 0x80, 0x80, 0x70, 0x00]), Ok(vec![0x08]));
        let group = [0x0b, 0x10, 0x01, 0x0b, 0x0c, 0x0c, 0x08, 0x00];
        assert_eq!(fields(&group), Ok(vec![0x0b, 0x08]));
    }

    #[test]
    fn malformed_fields_are_refused() {
        for (message, fault) in [
            (&[0x00][..], ProtoFault::Tag),
            (&[0x80, 0x80, 0x80, 0x80, 0x10], ProtoFault::Tag),
            (&[0x08], ProtoFault::Truncated),
            (&[0x0a, 0x02, 0x00], ProtoFault::Truncated),
            (&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f], ProtoFault::NegativeLength),
            (&[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], ProtoFault::Varint),
            (&[0x0b], ProtoFault::EndGroup),
            (&[0x0b, 0x14], ProtoFault::EndGroup),
            (&[0x0e], ProtoFault::WireType),
            (&[0x0b, 0x0f, 0x0c], ProtoFault::WireType),
        ] {
            assert_eq!(fields(message), Err(fault.into()), "{message:?}");
        }
    }

    #[test]
    fn groups_nest_a_hundred_deep() {
        let nested = |depth: usize| [vec![0x0b; depth], vec![0x0c; depth]].concat();
        assert_eq!(fields(&nested(100)), Ok(vec![0x0b]));
        assert_eq!(fields(&nested(101)), Err(ProtoFault::GroupDepth.into()));
    }
}
