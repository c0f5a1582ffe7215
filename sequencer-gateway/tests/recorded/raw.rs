//! Calls by their recorded path, metadata and bytes.

use bytes::{Buf, BufMut, Bytes};
use synod_testkit::recordings::Call;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::{BinaryMetadataKey, BinaryMetadataValue, MetadataKey, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

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

/// What came back of a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) messages: Vec<Bytes>,
    /// None when it ended well.
    pub(crate) status: Option<Status>,
}

/// Sends a call; `substitute` has each message and each value of binary metadata as it is to be sent. All answers, to the
/// end of the call.
pub(crate) async fn call(channel: &Channel, call: &Call, substitute: impl Fn(&Bytes) -> Bytes) -> Answer {
    let mut messages = Vec::new();
    let mut answers = match open(channel, call, substitute).await {
        Ok(answers) => answers,
        Err(status) => return Answer { messages, status: Some(status) },
    };
    loop {
        match answers.message().await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return Answer { messages, status: None },
            Err(status) => return Answer { messages, status: Some(status) },
        }
    }
}

/// Opens a call.
pub(crate) async fn open(
    channel: &Channel,
    call: &Call,
    substitute: impl Fn(&Bytes) -> Bytes,
) -> Result<Streaming<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone()).max_decoding_message_size(usize::MAX);
    client.ready().await.expect("connected");
    let messages = call.requests.iter().map(|request| substitute(&request.bytes.clone().expect("not left out")));
    let mut request = Request::new(tokio_stream::iter(messages.collect::<Vec<_>>()));
    for (key, value) in &call.metadata {
        if key.ends_with("-bin") {
            let key = BinaryMetadataKey::from_bytes(key.as_bytes()).expect("a key");
            request.metadata_mut().insert_bin(key, BinaryMetadataValue::from_bytes(&substitute(value)));
        } else {
            let key = MetadataKey::from_bytes(key.as_bytes()).expect("a key");
            request.metadata_mut().insert(key, MetadataValue::try_from(&value[..]).expect("a text"));
        }
    }
    let path = call.method.parse().expect("a path");
    client.streaming(request, path, Raw).await.map(tonic::Response::into_inner)
}
