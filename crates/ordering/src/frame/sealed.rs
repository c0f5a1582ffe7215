//! A frame with its signature: one transaction of CometBFT.

use bytes::Bytes;
use prost::Message;
use synod_crypto::{Hash, HashPurpose, KeyUsages, Signature, SigningError, SigningPrivateKey};
use synod_machine::FrameStamp;
use synod_proto::crypto;
use synod_proto::synod::ordering::v1;

use super::InvalidFrame;
use super::content::{FrameContent, MAX_FRAME_BYTES, decode};

/// Canton's `OrderingRequestSignature` (ch. 01 §4.2), which its own drivers used for the same thing.
const ORDERING_REQUEST_SIGNATURE: HashPurpose = HashPurpose::of_id(42);

/// Signs frames with a protocol key of this sequencer. Keys may be rotated while the node runs, so it is asked for each
/// frame.
pub trait FrameSigner: std::fmt::Debug + Send + Sync {
    /// Signs `hash` with a key that the topology has for this sequencer.
    ///
    /// # Errors
    /// [`SigningError`] when the node has no such key or cannot use it.
    fn sign(&self, hash: &Hash) -> Result<Signature, SigningError>;
}

impl FrameSigner for SigningPrivateKey {
    fn sign(&self, hash: &Hash) -> Result<Signature, SigningError> {
        Self::sign(self, hash, KeyUsages::PROTOCOL)
    }
}

/// A frame whose signature was not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderingFrame {
    content: FrameContent,
    id: [u8; 32],
    hash: Hash,
    signature: Signature,
}

impl OrderingFrame {
    /// Signs `content` and gives the bytes of the frame.
    ///
    /// # Errors
    /// [`SigningError`] of the signer.
    pub fn seal(content: FrameContent, signer: &dyn FrameSigner) -> Result<(Self, Bytes), SigningError> {
        let bytes = content.encode();
        let hash = Hash::digest(ORDERING_REQUEST_SIGNATURE, &bytes);
        let signature = signer.sign(&hash)?;
        let frame = Self { content, id: FrameContent::id_of(&bytes), hash, signature };
        let message = v1::OrderingFrame { content: bytes, signature: Some(frame.signature.to_proto()) };
        Ok((frame, message.encode_to_vec().into()))
    }

    /// Reads a frame. The entries share the memory of `bytes`.
    ///
    /// # Errors
    /// [`InvalidFrame`] unless they are bytes that [`Self::seal`] may have made.
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidFrame> {
        if bytes.len() > MAX_FRAME_BYTES {
            return Err(InvalidFrame::TooLarge { bytes: bytes.len() });
        }
        let message: v1::OrderingFrame = decode(bytes)?;
        let signature = parse_signature(message.signature.ok_or(InvalidFrame::NoSignature)?)?;
        Ok(Self {
            content: FrameContent::parse(&message.content)?,
            id: FrameContent::id_of(&message.content),
            hash: Hash::digest(ORDERING_REQUEST_SIGNATURE, &message.content),
            signature,
        })
    }

    /// What was signed.
    #[must_use]
    pub const fn content(&self) -> &FrameContent {
        &self.content
    }

    /// The content, without the signature.
    #[must_use]
    pub fn into_content(self) -> FrameContent {
        self.content
    }

    /// Name of the frame: a hash of its content.
    #[must_use]
    pub const fn id(&self) -> &[u8; 32] {
        &self.id
    }

    /// What the machine remembers of the frame.
    #[must_use]
    pub const fn stamp(&self) -> FrameStamp {
        FrameStamp { id: self.id, valid_until: self.content.valid_until }
    }

    /// What the origin signed.
    #[must_use]
    pub const fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}

/// Legacy forms, unnamed algorithms and session keys are refused: there is one way to write a signature.
fn parse_signature(message: crypto::v30::Signature) -> Result<Signature, InvalidFrame> {
    let written = message.clone();
    let signature = Signature::from_proto(message).map_err(InvalidFrame::Signature)?;
    if signature.delegation().is_some() || signature.algorithm().is_none() || signature.to_proto() != written {
        return Err(InvalidFrame::Field { field: "signature" });
    }
    Ok(signature)
}
