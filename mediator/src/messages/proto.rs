//! Reading messages field by field, with the rules of [`synod_wire::reader`].
//!
//! A message is first read as a whole and then judged, as Canton does: a field that counts nothing has to be well formed
//! too, and of a message in a field that stands there twice the parts are merged.

use bytes::Bytes;
use synod_proto::crypto::v30;
use synod_wire::ParseError;
use synod_wire::reader::Reader;

/// The version of all messages of the mediator that have only one (chapter 04 §1.1). Reading accepts any number there.
pub(super) const ONLY_VERSION: i32 = 30;

/// Tags by wire type and number: `D1` is a text, bytes or a message in field 1, `V2` a varint in field 2.
pub(super) mod tag {
    use synod_wire::reader::{delimited, varint};

    pub(in crate::messages) const D1: u32 = delimited(1);
    pub(in crate::messages) const D2: u32 = delimited(2);
    pub(in crate::messages) const D3: u32 = delimited(3);
    pub(in crate::messages) const D4: u32 = delimited(4);
    pub(in crate::messages) const D5: u32 = delimited(5);
    pub(in crate::messages) const D6: u32 = delimited(6);
    pub(in crate::messages) const D7: u32 = delimited(7);
    pub(in crate::messages) const D8: u32 = delimited(8);
    pub(in crate::messages) const D9: u32 = delimited(9);
    pub(in crate::messages) const V1: u32 = varint(1);
    pub(in crate::messages) const V2: u32 = varint(2);
    pub(in crate::messages) const V3: u32 = varint(3);
    pub(in crate::messages) const V4: u32 = varint(4);
    pub(in crate::messages) const V5: u32 = varint(5);
    pub(in crate::messages) const V6: u32 = varint(6);
    pub(in crate::messages) const V7: u32 = varint(7);
    pub(in crate::messages) const V8: u32 = varint(8);
}

/// A message as it is on the wire.
pub(super) trait Merge: Default {
    /// Reads the field with this tag out of a part of `source`, or says that there is no such field.
    fn field(&mut self, tag: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError>;
}

/// Reads the fields of `part`, a part of `source`, into `message`.
pub(super) fn merge<M: Merge>(message: &mut M, source: &Bytes, part: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(part);
    while let Some(found) = reader.next_tag()? {
        if !message.field(found, &mut reader, source)? {
            reader.skip(found)?;
        }
    }
    Ok(())
}

/// Reads a whole message.
pub(super) fn decode<M: Merge>(bytes: &Bytes) -> Result<M, ParseError> {
    let mut message = M::default();
    merge(&mut message, bytes, bytes)?;
    Ok(message)
}

/// Reads a message in a field that is there at most once.
pub(super) fn merge_field<M: Merge>(
    field: &mut Option<M>,
    reader: &mut Reader<'_>,
    source: &Bytes,
) -> Result<(), ParseError> {
    let part = reader.bytes()?;
    merge(field.get_or_insert_default(), source, part)
}

/// Reads one message of a list.
pub(super) fn push<M: Merge>(list: &mut Vec<M>, reader: &mut Reader<'_>, source: &Bytes) -> Result<(), ParseError> {
    let mut message = M::default();
    merge(&mut message, source, reader.bytes()?)?;
    list.push(message);
    Ok(())
}

impl Merge for v30::Signature {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.format = reader.int32()?,
            tag::D2 => self.signature = reader.shared(source)?,
            tag::D3 => reader.text()?.clone_into(&mut self.signed_by),
            tag::V4 => self.signing_algorithm_spec = reader.int32()?,
            tag::D5 => merge_field(&mut self.signature_delegation, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for v30::SignatureDelegation {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => self.session_key = reader.shared(source)?,
            tag::V2 => self.session_key_spec = reader.int32()?,
            tag::V3 => self.validity_period_from_inclusive = reader.int64()?,
            tag::V4 => self.validity_period_duration_seconds = reader.varint32()?,
            tag::V5 => self.format = reader.int32()?,
            tag::D6 => self.signature = reader.shared(source)?,
            tag::V7 => self.signing_algorithm_spec = reader.int32()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
