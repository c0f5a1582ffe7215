//! Reading and writing signatures inside other messages.

use bytes::Bytes;
use prost::Message;
use synod_crypto::Signature;
use synod_proto::crypto::v30;

use crate::ParseError;
use crate::reader::{Reader, tag};
use crate::writer::put_delimited;

/// Reads a `Signature`, which is a part of `source`. Its bytes are not copied.
///
/// # Errors
/// [`ParseError`] as Canton does; the signature itself is not verified.
pub(crate) fn parse_signature(source: &Bytes, message: &[u8]) -> Result<Signature, ParseError> {
    let mut proto = v30::Signature::default();
    let mut reader = Reader::new(message);
    while let Some(found) = reader.next_tag()? {
        match found {
            tag::V1 => proto.format = reader.int32()?,
            tag::D2 => proto.signature = reader.shared(source)?,
            tag::D3 => reader.text()?.clone_into(&mut proto.signed_by),
            tag::V4 => proto.signing_algorithm_spec = reader.int32()?,
            tag::D5 => {
                merge_delegation(source, reader.bytes()?, proto.signature_delegation.get_or_insert_default())?;
            }
            unknown => reader.skip(unknown)?,
        }
    }
    Ok(Signature::from_proto(proto)?)
}

fn merge_delegation(source: &Bytes, message: &[u8], proto: &mut v30::SignatureDelegation) -> Result<(), ParseError> {
    let mut reader = Reader::new(message);
    while let Some(found) = reader.next_tag()? {
        match found {
            tag::D1 => proto.session_key = reader.shared(source)?,
            tag::V2 => proto.session_key_spec = reader.int32()?,
            tag::V3 => proto.validity_period_from_inclusive = reader.int64()?,
            tag::V4 => proto.validity_period_duration_seconds = reader.varint32()?,
            tag::V5 => proto.format = reader.int32()?,
            tag::D6 => proto.signature = reader.shared(source)?,
            tag::V7 => proto.signing_algorithm_spec = reader.int32()?,
            unknown => reader.skip(unknown)?,
        }
    }
    Ok(())
}

/// Appends signatures as a repeated field.
pub(crate) fn put_signatures(buffer: &mut Vec<u8>, field: u32, signatures: &[Signature]) {
    for signature in signatures {
        put_delimited(buffer, field, &signature.to_proto().encode_to_vec());
    }
}
