//! The bytes on the socket: messages of protobuf, each behind its length (CometBFT, `libs/protoio`).

use std::io::{self, BufRead};

use bytes::{Bytes, BytesMut};
use prost::Message;
use tendermint_proto::v0_38::abci::{Request, Response};
use thiserror::Error;

/// Largest message that is read. A block has at most 21 MiB, a transaction less.
const MAX_MESSAGE_BYTES: u64 = 64 * 1024 * 1024;
/// Bytes of the largest length at most; more than [`MAX_MESSAGE_BYTES`] needs.
const MAX_LENGTH_BYTES: usize = 5;

/// A request that cannot be read. CometBFT is our own process, so this is a fault, and the connection is of no more use.
#[derive(Debug, Error)]
pub enum CodecFault {
    /// The socket failed, or ended in the middle of a message.
    #[error("the ABCI socket failed")]
    Io(#[source] io::Error),
    /// The length in front of a message is none, or beyond every limit.
    #[error("a message on the ABCI socket has no valid length")]
    Length,
    /// Not a message.
    #[error("a message on the ABCI socket cannot be decoded")]
    Message(#[source] prost::DecodeError),
}

/// Reads the next request; `None` when the other side is done.
pub(crate) fn read_request(reader: &mut impl BufRead) -> Result<Option<Request>, CodecFault> {
    let Some(length) = read_length(reader)? else { return Ok(None) };
    let body = read_body(reader, length)?;
    Request::decode(body).map(Some).map_err(CodecFault::Message)
}

/// Appends a response to what is to be written.
pub(crate) fn write_response(response: &Response, out: &mut Vec<u8>) {
    let encoded = response.encode_length_delimited(out);
    debug_assert!(encoded.is_ok(), "a vector has room for everything");
}

fn read_length(reader: &mut impl BufRead) -> Result<Option<u64>, CodecFault> {
    let mut length = 0_u64;
    for index in 0..MAX_LENGTH_BYTES {
        let Some(byte) = next_byte(reader)? else {
            let torn = io::Error::from(io::ErrorKind::UnexpectedEof);
            return if index == 0 { Ok(None) } else { Err(CodecFault::Io(torn)) };
        };
        length |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return if length <= MAX_MESSAGE_BYTES { Ok(Some(length)) } else { Err(CodecFault::Length) };
        }
    }
    Err(CodecFault::Length)
}

fn next_byte(reader: &mut impl BufRead) -> Result<Option<u8>, CodecFault> {
    loop {
        match reader.fill_buf() {
            Ok(buffer) => {
                let byte = buffer.first().copied();
                reader.consume(usize::from(byte.is_some()));
                return Ok(byte);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CodecFault::Io(error)),
        }
    }
}

/// The transactions in the message share this memory.
fn read_body(reader: &mut impl BufRead, length: u64) -> Result<Bytes, CodecFault> {
    let length = usize::try_from(length).map_err(|_| CodecFault::Length)?;
    let mut body = BytesMut::zeroed(length);
    reader.read_exact(&mut body).map_err(CodecFault::Io)?;
    Ok(body.freeze())
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use tendermint_proto::v0_38::abci::{RequestCheckTx, RequestFlush, ResponseFlush, request, response};

    use super::*;

    fn encoded(requests: &[Request]) -> Vec<u8> {
        requests.iter().flat_map(Message::encode_length_delimited_to_vec).collect()
    }

    fn check_tx(bytes: usize) -> Request {
        let check = RequestCheckTx { tx: vec![7; bytes].into(), r#type: 0 };
        Request { value: Some(request::Value::CheckTx(check)) }
    }

    #[test]
    fn requests_come_back_in_order_whatever_the_buffer() {
        let requests = [
            check_tx(0),
            check_tx(127),
            Request { value: Some(request::Value::Flush(RequestFlush {})) },
            check_tx(100_000),
        ];
        let bytes = encoded(&requests);
        for capacity in [1, 3, 64, 1 << 20] {
            let mut reader = BufReader::with_capacity(capacity, bytes.as_slice());
            for request in &requests {
                assert_eq!(read_request(&mut reader).expect("valid").as_ref(), Some(request));
            }
            assert!(read_request(&mut reader).expect("valid").is_none());
        }
    }

    #[test]
    fn torn_and_endless_messages_are_faults() {
        let bytes = encoded(&[check_tx(300)]);
        for length in 1..bytes.len() {
            let read = read_request(&mut &bytes[..length]);
            assert!(matches!(read, Err(CodecFault::Io(_))), "cut after {length}: {read:?}");
        }
        for length in [&[0xff; 10][..], &[0x80; 11], &[0x81, 0x80, 0x80, 0x20]] {
            assert!(matches!(read_request(&mut &length[..]), Err(CodecFault::Length)), "{length:?}");
        }
        assert!(matches!(read_request(&mut &[2, 0x0a, 9][..]), Err(CodecFault::Message(_))));
    }

    #[test]
    fn responses_are_read_by_prost() {
        let response = Response { value: Some(response::Value::Flush(ResponseFlush {})) };
        let mut out = vec![];
        write_response(&response, &mut out);
        write_response(&response, &mut out);
        let mut read = out.as_slice();
        for _ in 0..2 {
            assert_eq!(Response::decode_length_delimited(&mut read).expect("valid"), response);
        }
        assert!(read.is_empty());
    }
}
