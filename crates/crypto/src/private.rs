//! Private signing keys that live in memory.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _,
};
use bytes::Bytes;
use k256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey};
use synod_proto::crypto::v30;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{
    CryptoKeyFormat, Hash, InvalidEnumValue, InvalidKey, KeyUsages, Signature, SigningKeySpec, SigningPublicKey, spki,
};

const ED25519_PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A message or bytes that are not a private signing key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPrivateKey {
    /// An enum field is unset or unknown.
    #[error(transparent)]
    EnumValue(#[from] InvalidEnumValue),
    /// The encoding is not one of private keys, even after migration.
    #[error("invalid format for private key: {format}")]
    Format {
        /// The encoding named.
        format: CryptoKeyFormat,
    },
    /// The bytes are not a PKCS #8 key of this kind.
    #[error("the private key is not a PrivateKeyInfo of {spec}")]
    Encoding {
        /// The kind of key wanted.
        spec: SigningKeySpec,
    },
    /// The public key that follows from it is not valid with these usages.
    #[error("the public key of the private key is invalid")]
    PublicKey(#[source] InvalidKey),
}

/// No key could be drawn: the system's random numbers or the library failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("cannot generate a key of {spec}")]
pub struct KeyGenerationFault {
    /// The kind of key wanted.
    pub spec: SigningKeySpec,
}

/// Why a key does not sign.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SigningError {
    /// The key may sign nothing of what is required.
    #[error("the key may be used for {usages}, but {required} is required")]
    InvalidKeyUsage {
        /// Its usages.
        usages: KeyUsages,
        /// The usages of which one is required.
        required: KeyUsages,
    },
    /// The library failed.
    #[error("signing failed")]
    Fault,
}

/// A private signing key with its public key. Cheap to clone; wiped from memory with its last clone. Never printed.
#[derive(Clone)]
pub struct SigningPrivateKey(Arc<Inner>);

struct Inner {
    public: SigningPublicKey,
    pkcs8: Zeroizing<Vec<u8>>,
    signer: Signer,
}

enum Signer {
    Ed25519(Ed25519KeyPair),
    Nist(EcdsaKeyPair),
    Secp256k1(k256::ecdsa::SigningKey),
}

impl SigningPrivateKey {
    /// Draws a key of this kind for these usages, to which proof of ownership is added.
    ///
    /// # Errors
    /// [`KeyGenerationFault`] when the system has no random numbers.
    ///
    /// # Panics
    /// When `usages` are invalid for a key, which is a mistake of the caller.
    pub fn generate(spec: SigningKeySpec, usages: KeyUsages) -> Result<Self, KeyGenerationFault> {
        assert!(usages.is_valid_for_key(), "the usages {usages} are invalid for a key");
        let pkcs8 = generate_pkcs8(spec).ok_or(KeyGenerationFault { spec })?;
        Self::from_pkcs8(&pkcs8, spec, usages).map_err(|_| KeyGenerationFault { spec })
    }

    /// Reads a PKCS #8 key in DER of this kind, for these usages, to which proof of ownership is added.
    ///
    /// # Errors
    /// [`InvalidPrivateKey`] when the bytes are not such a key or the usages are invalid.
    pub fn from_pkcs8(der: &[u8], spec: SigningKeySpec, usages: KeyUsages) -> Result<Self, InvalidPrivateKey> {
        let (signer, spki) = open(der, spec).ok_or(InvalidPrivateKey::Encoding { spec })?;
        let public = SigningPublicKey::new(CryptoKeyFormat::DerX509Spki, spki.into(), spec, usages)
            .map_err(InvalidPrivateKey::PublicKey)?;
        Ok(Self(Arc::new(Inner { public, pkcs8: Zeroizing::new(der.to_vec()), signer })))
    }

    /// Reads a private key, after migration of legacy encodings (`SigningPrivateKey.fromProtoV30`). Its name in the
    /// message is ignored: it follows from the key.
    ///
    /// # Errors
    /// [`InvalidPrivateKey`] when the message is not such a key.
    pub fn from_proto(proto: &v30::SigningPrivateKey) -> Result<Self, InvalidPrivateKey> {
        let format = CryptoKeyFormat::from_number("format", proto.format)?;
        let spec = SigningKeySpec::from_spec_or_scheme(proto.key_spec, proto.scheme)?;
        let usages = KeyUsages::from_proto(&proto.usage)?;
        let key = &proto.private_key;
        match (format, spec) {
            (CryptoKeyFormat::DerPkcs8Pki, _)
            | (CryptoKeyFormat::Der, SigningKeySpec::EcP256 | SigningKeySpec::EcP384) => {
                Self::from_pkcs8(key, spec, usages)
            }
            (CryptoKeyFormat::Raw, SigningKeySpec::EcCurve25519) => {
                Self::from_pkcs8(&wrap_ed25519_seed(key), spec, usages)
            }
            _ => Err(InvalidPrivateKey::Format { format }),
        }
    }

    /// The message of this key. It holds the secret.
    #[must_use]
    pub fn to_proto(&self) -> v30::SigningPrivateKey {
        v30::SigningPrivateKey {
            id: self.public_key().fingerprint().as_str().to_owned(),
            format: CryptoKeyFormat::DerPkcs8Pki.number(),
            private_key: Bytes::copy_from_slice(&self.0.pkcs8),
            scheme: 0,
            usage: self.public_key().usages().numbers(),
            key_spec: self.public_key().spec().number(),
        }
    }

    /// The key as PKCS #8 in DER.
    #[must_use]
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        self.0.pkcs8.clone()
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> &SigningPublicKey {
        &self.0.public
    }

    /// Signs the multihash of `hash`. Ed25519 signatures are the same every time, ECDSA signatures on the NIST curves
    /// are not.
    ///
    /// # Errors
    /// [`SigningError::InvalidKeyUsage`] when the key may sign nothing of what is `required`;
    /// [`SigningError::Fault`] when the system has no random numbers.
    pub fn sign(&self, hash: &Hash, required: KeyUsages) -> Result<Signature, SigningError> {
        let public = self.public_key();
        if !public.usages().allows(required) {
            return Err(SigningError::InvalidKeyUsage { usages: public.usages(), required });
        }
        let bytes = self.0.signer.sign(&hash.multihash()).ok_or(SigningError::Fault)?;
        let algorithm = public.spec().algorithm();
        Ok(Signature::new(algorithm.format(), bytes, public.fingerprint().clone(), Some(algorithm)))
    }
}

impl fmt::Debug for SigningPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningPrivateKey({}, ..)", self.public_key().fingerprint())
    }
}

impl Signer {
    fn sign(&self, message: &[u8]) -> Option<Bytes> {
        match self {
            Self::Ed25519(key) => Some(Bytes::copy_from_slice(key.try_sign(message).ok()?.as_ref())),
            Self::Nist(key) => Some(Bytes::copy_from_slice(key.sign(&SystemRandom::new(), message).ok()?.as_ref())),
            Self::Secp256k1(key) => {
                let signature: k256::ecdsa::Signature = key.try_sign(message).ok()?;
                Some(Bytes::copy_from_slice(signature.to_der().as_bytes()))
            }
        }
    }
}

fn generate_pkcs8(spec: SigningKeySpec) -> Option<Zeroizing<Vec<u8>>> {
    match spec {
        SigningKeySpec::EcCurve25519 => {
            let seed = random_bytes::<32>()?;
            Some(wrap_ed25519_seed(&*seed))
        }
        SigningKeySpec::EcP256 => encode(&draw(|| p256::SecretKey::from_slice(&*random_bytes::<32>()?).ok())?),
        SigningKeySpec::EcP384 => encode(&draw(|| p384::SecretKey::from_slice(&*random_bytes::<48>()?).ok())?),
        SigningKeySpec::EcSecp256k1 => encode(&draw(|| k256::SecretKey::from_slice(&*random_bytes::<32>()?).ok())?),
    }
}

/// Draws until the number is a private key. Each draw fails with a chance below 2⁻³¹, so a hundred failures mean that
/// there are no random numbers.
fn draw<T>(attempt: impl FnMut() -> Option<T>) -> Option<T> {
    std::iter::repeat_with(attempt).take(100).flatten().next()
}

fn random_bytes<const N: usize>() -> Option<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0; N]);
    aws_lc_rs::rand::fill(&mut *bytes).ok()?;
    Some(bytes)
}

fn encode(key: &impl EncodePrivateKey) -> Option<Zeroizing<Vec<u8>>> {
    Some(key.to_pkcs8_der().ok()?.to_bytes())
}

fn wrap_ed25519_seed(seed: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([&ED25519_PKCS8_PREFIX, seed].concat())
}

/// The signer in a PKCS #8 key, and its public key as `SubjectPublicKeyInfo`.
fn open(der: &[u8], spec: SigningKeySpec) -> Option<(Signer, Vec<u8>)> {
    match spec {
        SigningKeySpec::EcCurve25519 => {
            let key = ed25519_dalek::SigningKey::from_pkcs8_der(der).ok()?;
            let public = key.verifying_key();
            let pair = Ed25519KeyPair::from_seed_and_public_key(key.as_bytes(), public.as_bytes()).ok()?;
            let spki = spki::wrap_ed25519(pair.public_key().as_ref())?;
            Some((Signer::Ed25519(pair), spki))
        }
        SigningKeySpec::EcP256 => {
            let key = p256::SecretKey::from_pkcs8_der(der).ok()?;
            let public = key.public_key();
            let point = public.to_sec1_point(false);
            let pair = nist_pair(&ECDSA_P256_SHA256_ASN1_SIGNING, &key.to_bytes(), point.as_bytes())?;
            Some((Signer::Nist(pair), public.to_public_key_der().ok()?.into_vec()))
        }
        SigningKeySpec::EcP384 => {
            let key = p384::SecretKey::from_pkcs8_der(der).ok()?;
            let public = key.public_key();
            let point = public.to_sec1_point(false);
            let pair = nist_pair(&ECDSA_P384_SHA384_ASN1_SIGNING, &key.to_bytes(), point.as_bytes())?;
            Some((Signer::Nist(pair), public.to_public_key_der().ok()?.into_vec()))
        }
        SigningKeySpec::EcSecp256k1 => {
            let key = k256::SecretKey::from_pkcs8_der(der).ok()?;
            let spki = key.public_key().to_public_key_der().ok()?.into_vec();
            Some((Signer::Secp256k1(key.into()), spki))
        }
    }
}

fn nist_pair(algorithm: &'static EcdsaSigningAlgorithm, secret: &[u8], point: &[u8]) -> Option<EcdsaKeyPair> {
    EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, point).ok()
}
