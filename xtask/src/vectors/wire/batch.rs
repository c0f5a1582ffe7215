//! gzip and batches.

use bytes::Bytes;
use prost::Message as _;
use serde_json::Value;
use synod_crypto::Signature;
use synod_proto::crypto::v30;
use synod_proto::protocol::v31::CompressedBatch;
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_types::ProtocolVersion;
use synod_wire::{Batch, Envelope, MessageKind, Recipients, gzip};

use super::super::verdict::accepted;
use super::LIMIT;
use super::recipients::{groups, member, of_json};

pub(super) fn gzip(case: &Case) -> Result<(), String> {
    let (input, bytes) = (case.bytes("input")?, case.bytes("bytes")?);
    let sizes = (case.integer("input_size")?, case.integer("size")?);
    fields::same_bytes("bytes", &bytes, &gzip::compress(&input))?;
    fields::same("decompressed", &Ok(input.clone()), &gzip::decompress(&bytes, input.len()))?;
    fields::same("sizes", &sizes, &(size(&input), size(&bytes)))
}

fn size(bytes: &Bytes) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn limit(case: &Case) -> Result<usize, String> {
    usize::try_from(case.integer("limit")?).map_err(super::text_of)
}

pub(super) fn gunzip(case: &Case) -> Result<(), String> {
    accepted(case, gzip::decompress(&case.bytes("bytes")?, limit(case)?), |output| {
        fields::same_bytes("output", &case.bytes("output")?, &output)
    })
}

/// The envelopes that a JSON list describes.
pub(super) fn envelopes(list: &[Value]) -> Result<Vec<(Envelope, Recipients)>, String> {
    let envelope = |envelope: &Value| {
        let signatures = fields::bytes_list(envelope, "signatures_proto")?;
        let signatures = signatures.into_iter().map(signature).collect::<Result<_, String>>()?;
        let content = fields::bytes(envelope, "content")?;
        Ok((Envelope { content, signatures }, of_json(fields::list(envelope, "recipients")?)?))
    };
    list.iter().map(envelope).collect()
}

fn signature(bytes: Bytes) -> Result<Signature, String> {
    Signature::from_proto(v30::Signature::decode(bytes).map_err(super::text_of)?).map_err(super::text_of)
}

/// The open envelopes of a batch, with their recipients.
pub(super) fn opened(batch: &Batch) -> Result<Vec<(Envelope, Recipients)>, String> {
    let open = |(index, recipients): (usize, &Recipients)| {
        Ok((batch.open_envelope(index, LIMIT).map_err(super::text_of)?, recipients.clone()))
    };
    batch.recipients().iter().enumerate().map(open).collect()
}

pub(super) fn batch(case: &Case) -> Result<(), String> {
    let version = super::version(case)?;
    let expected = envelopes(case.list("envelopes")?)?;
    let built = Batch::new(version, expected.clone());
    let (proto, bytes) = (case.bytes("compressed_batch_proto")?, case.bytes("bytes")?);
    fields::same_bytes("compressed_batch_proto", &proto, &built.to_compressed_proto())?;
    fields::same_bytes("bytes", &bytes, &built.to_versioned_bytes(version))?;
    let parsed = Batch::parse(&bytes, version, LIMIT).map_err(super::text_of)?;
    fields::same("parsed", &built, &parsed)?;
    fields::same("opened", &expected, &opened(&parsed)?)?;
    uncompressed(case, version, &proto)
}

/// What the parts of the compressed batch decompress to.
fn uncompressed(case: &Case, version: ProtocolVersion, proto: &Bytes) -> Result<(), String> {
    // Field 2 is the whole batch in version 30 and the recipients in version 31.
    let proto = CompressedBatch::decode(proto.clone()).map_err(super::text_of)?;
    let first = gzip::decompress(&proto.compressed_recipients, LIMIT).map_err(super::text_of)?;
    if version == ProtocolVersion::V34 {
        return fields::same_bytes("uncompressed_v30_batch", &case.bytes("uncompressed_v30_batch")?, &first);
    }
    let expected = fields::value(&case.value, "uncompressed_v31")?;
    fields::same_bytes("recipients", &fields::bytes(expected, "recipients")?, &first)?;
    let blobs = proto.compressed_envelopes.iter();
    let blobs: Result<Vec<Bytes>, _> = blobs.map(|blob| gzip::decompress(blob, LIMIT)).collect();
    fields::same("envelopes", &fields::bytes_list(expected, "envelopes")?, &blobs.map_err(super::text_of)?)
}

pub(super) fn for_member(case: &Case) -> Result<(), String> {
    let version = super::version(case)?;
    let bytes = case.bytes("batch")?;
    let batch = Batch::parse(&bytes, version, LIMIT).map_err(super::text_of)?;
    let found = batch.for_member(&member(case)?, &groups(case)?);
    fields::same("envelope_count", &case.integer("envelope_count")?, &i64::try_from(found.len()).unwrap_or(-1))?;
    let expected = case.bytes("bytes")?;
    fields::same_bytes("bytes", &expected, &found.to_versioned_bytes(version))?;
    // The batch of the case is one that Canton wrote, so the shorter way has to give the same.
    let proto = MessageKind::Batch.unwrap(version, &bytes).map_err(super::text_of)?;
    let stored = Batch::parse_canonical_proto(&proto, version).map_err(super::text_of)?;
    let found = stored.for_member(&member(case)?, &groups(case)?);
    fields::same_bytes("bytes from a stored batch", &expected, &found.to_versioned_bytes(version))
}

pub(super) fn parse(case: &Case) -> Result<(), String> {
    let limit = limit(case)?;
    accepted(case, Batch::parse(&case.bytes("bytes")?, super::version(case)?, limit), |batch| {
        fields::same("envelope_count", &case.integer("envelope_count")?, &i64::try_from(batch.len()).unwrap_or(-1))?;
        let expected = case.list("open_all_envelopes")?;
        fields::same("number of envelopes", &expected.len(), &batch.len())?;
        for (index, expected) in expected.iter().enumerate() {
            match (fields::boolean(expected, "accept")?, batch.open_envelope(index, limit)) {
                (true, Ok(open)) => fields::same_bytes("content", &fields::bytes(expected, "content")?, &open.content)?,
                (false, Err(_)) => {}
                (accept, open) => return Err(format!("envelope {index}: should open: {accept}, is {open:?}")),
            }
        }
        Ok(())
    })
}
