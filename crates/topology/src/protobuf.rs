//! Decoding messages as Canton's generated parsers do.
//!
//! The general decoder refuses some bytes that the JVM accepts: a field of another wire type than declared (there it is
//! skipped as unknown), varints with meaningless upper bits, stray ends of groups. So a message is first reduced to the
//! fields that count, by the rules of [`synod_wire::reader`], and then decoded.

use prost::Message;
use synod_wire::ParseError;
use synod_wire::reader::{Reader, delimited, varint};

use crate::InvalidMessage;

/// What a field holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// `int32`, `uint32` or an enum.
    Int32,
    /// `int64` or `uint64`.
    Int64,
    /// `bool`
    Bool,
    /// A repeated enum, packed or not.
    Enums,
    /// `bytes` or `string`
    Bytes,
    /// A message.
    Message(&'static Schema),
}

/// The fields of a message, by number.
pub(crate) struct Schema(pub(crate) &'static [(u32, Kind)]);

/// Decodes a message of this schema.
pub(crate) fn decode<M: Message + Default>(schema: &Schema, bytes: &[u8]) -> Result<M, InvalidMessage> {
    let mut reduced = Vec::with_capacity(bytes.len());
    reduce(schema, bytes, &mut reduced)?;
    // What is left to fail here are texts that are not UTF-8.
    M::decode(reduced.as_slice()).map_err(|_| ParseError::from(synod_wire::ProtoFault::Message).into())
}

/// Appends the fields of `schema` that `message` has.
fn reduce(schema: &Schema, message: &[u8], to: &mut Vec<u8>) -> Result<(), ParseError> {
    let mut reader = Reader::new(message);
    while let Some(tag) = reader.next_tag()? {
        let field = tag >> 3;
        let kind = schema.0.iter().find(|(number, _)| *number == field).map(|(_, kind)| *kind);
        let is_varint = tag == varint(field);
        let is_delimited = tag == delimited(field);
        match kind {
            Some(Kind::Int32 | Kind::Enums) if is_varint => put_varint(to, field, reader.varint32()?.into()),
            Some(Kind::Int64) if is_varint => put_varint(to, field, reader.varint64()?),
            Some(Kind::Bool) if is_varint => put_varint(to, field, u64::from(reader.varint64()? != 0)),
            Some(Kind::Bytes) if is_delimited => put_bytes(to, field, reader.bytes()?),
            Some(Kind::Enums) if is_delimited => {
                let mut packed = PackedReader(reader.bytes()?);
                while let Some(number) = packed.next()? {
                    put_varint(to, field, number.into());
                }
            }
            Some(Kind::Message(inner)) if is_delimited => {
                let mut reduced = Vec::new();
                reduce(inner, reader.bytes()?, &mut reduced)?;
                put_bytes(to, field, &reduced);
            }
            _ => reader.skip(tag)?,
        }
    }
    Ok(())
}

/// The numbers of a packed field.
struct PackedReader<'a>(&'a [u8]);

impl PackedReader<'_> {
    fn next(&mut self) -> Result<Option<u32>, ParseError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut reader = Reader::new(self.0);
        let number = reader.varint32()?;
        self.0 = reader.rest();
        Ok(Some(number))
    }
}

fn put_varint(to: &mut Vec<u8>, field: u32, value: u64) {
    prost::encoding::encode_key(field, prost::encoding::WireType::Varint, to);
    prost::encoding::encode_varint(value, to);
}

fn put_bytes(to: &mut Vec<u8>, field: u32, content: &[u8]) {
    prost::encoding::encode_key(field, prost::encoding::WireType::LengthDelimited, to);
    prost::encoding::encode_varint(content.len() as u64, to);
    to.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use synod_proto::protocol::v30;

    use super::*;
    use crate::schema;

    fn certificate(bytes: &[u8]) -> Result<v30::SynchronizerTrustCertificate, InvalidMessage> {
        decode(&schema::SYNCHRONIZER_TRUST_CERTIFICATE, bytes)
    }

    #[test]
    fn fields_of_another_wire_type_are_unknown() {
        // Field 1 as a varint, then as a text; flags packed and not; a stray end of a group.
        let bytes = [0x08, 0x07, 0x0a, 0x01, b'x', 0x28, 0x02, 0x2a, 0x02, 0x01, 0x63, 0x0c];
        let certificate = certificate(&bytes).expect("as the JVM reads it");
        assert_eq!(certificate.participant_uid, "x");
        assert_eq!(certificate.feature_flags, [2, 1, 99]);
    }

    #[test]
    fn meaningless_bits_are_ignored() {
        let bytes = [0x28, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
        assert_eq!(certificate(&bytes).expect("as the JVM reads it").feature_flags, [-1]);
    }

    #[test]
    fn malformed_fields_are_refused() {
        assert!(certificate(&[0x0a, 0x02, b'x']).is_err(), "ends too early");
        assert!(certificate(&[0x0a, 0x01, 0xff]).is_err(), "not UTF-8");
        assert!(certificate(&[0x2a, 0x01, 0x80]).is_err(), "a packed number ends too early");
    }
}
