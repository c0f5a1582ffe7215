//! `google.rpc.Status` inside of verdicts.

use bytes::Bytes;
use prost_types::Any;
use synod_proto::google::rpc::Status;
use synod_wire::ParseError;
use synod_wire::reader::Reader;

use super::proto::{Merge, push, tag};

impl Merge for Status {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, source: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::V1 => self.code = reader.int32()?,
            tag::D2 => reader.text()?.clone_into(&mut self.message),
            tag::D3 => push(&mut self.details, reader, source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl Merge for Any {
    fn field(&mut self, found: u32, reader: &mut Reader<'_>, _: &Bytes) -> Result<bool, ParseError> {
        match found {
            tag::D1 => reader.text()?.clone_into(&mut self.type_url),
            tag::D2 => self.value = reader.bytes()?.to_vec(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
