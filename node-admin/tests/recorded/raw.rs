//! Calls by their recorded path and bytes.

use bytes::{Buf, BufMut, Bytes};
use synod_testkit::recordings::Call;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Messages as they are.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

/// Sends the messages of a call of any shape, and collects the answers: all, or as many as are wanted.
pub(crate) async fn call(
    channel: &Channel,
    path: &str,
    messages: Vec<Bytes>,
    wanted: usize,
) -> Result<Vec<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone()).max_decoding_message_size(usize::MAX);
    client.ready().await.expect("connected");
    let request = Request::new(tokio_stream::iter(messages));
    let path = path.parse().expect("a path");
    let mut answers = client.streaming(request, path, Raw).await?.into_inner();
    let mut all = Vec::new();
    while all.len() < wanted
        && let Some(answer) = answers.message().await?
    {
        all.push(answer);
    }
    Ok(all)
}

/// Sends a recorded call of one message, with its trace.
pub(crate) async fn unary(channel: &Channel, call: &Call) -> Result<Bytes, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.expect("connected");
    let mut request = Request::new(call.requests[0].bytes.clone().expect("not left out"));
    let trace = call.metadata_text("traceparent").expect("a trace");
    request.metadata_mut().insert("traceparent", trace.parse().expect("a header"));
    let path = call.method.parse().expect("a path");
    client.unary(request, path, Raw).await.map(tonic::Response::into_inner)
}
