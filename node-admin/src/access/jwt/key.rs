//! Algorithms, and the key that has to have signed (RFC 7518 §3).

use std::fmt;

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P521_SHA512_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, VerificationAlgorithm,
};
use synod_runtime::tls::{CertificateError, public_key};
use thiserror::Error;

use super::compact::CompactToken;
use crate::access::RefusalCause;

/// How tokens are signed, with a certificate of the signer. Canton has RS256, ES256 and ES512.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JwtAlgorithm {
    /// RSA with SHA-256.
    Rs256,
    /// RSA with SHA-384.
    Rs384,
    /// RSA with SHA-512.
    Rs512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-521 with SHA-512.
    Es512,
}

impl JwtAlgorithm {
    /// Its name in the header of a token.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es512 => "ES512",
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Self::Es256 => &ECDSA_P256_SHA256_FIXED,
            Self::Es512 => &ECDSA_P521_SHA512_FIXED,
        }
    }
}

/// A certificate that cannot verify tokens.
#[derive(Debug, Error)]
pub enum InvalidKey {
    /// It is none.
    #[error("the certificate cannot be read")]
    Certificate(#[from] CertificateError),
    /// Its key is for something else.
    #[error("the key of the certificate is not one for {}: {reason}", .algorithm.name())]
    Key {
        /// What the key should be for.
        algorithm: JwtAlgorithm,
        /// What is wrong with it.
        reason: KeyRejected,
    },
}

/// What has to have signed a token. It is for one algorithm: what a token says of itself cannot choose another one.
#[derive(Clone)]
pub struct JwtKey(Kind);

#[derive(Clone)]
enum Kind {
    Public(JwtAlgorithm, ParsedPublicKey),
    Shared(Box<hmac::Key>),
}

impl fmt::Debug for JwtKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JwtKey").field(&self.algorithm()).finish()
    }
}

impl JwtKey {
    /// The key in a certificate (PEM).
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn of_certificate(algorithm: JwtAlgorithm, pem: &[u8]) -> Result<Self, InvalidKey> {
        let key = ParsedPublicKey::new(algorithm.verification(), public_key(pem)?)
            .map_err(|reason| InvalidKey::Key { algorithm, reason })?;
        Ok(Self(Kind::Public(algorithm, key)))
    }

    /// A shared secret (HS256): everybody who can check a token can also make one.
    #[must_use]
    pub fn unsafe_hmac_256(secret: &str) -> Self {
        Self(Kind::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))))
    }

    const fn algorithm(&self) -> &'static str {
        match &self.0 {
            Kind::Public(algorithm, _) => algorithm.name(),
            Kind::Shared(_) => "HS256",
        }
    }

    /// The payload of a token that this key has signed.
    pub(super) fn verify(&self, token: &str) -> Result<Vec<u8>, RefusalCause> {
        let CompactToken { algorithm, signed, payload, signature } = CompactToken::parse(token)?;
        if algorithm != self.algorithm() {
            return Err(RefusalCause::Algorithm);
        }
        let verified = match &self.0 {
            Kind::Public(_, key) => key.verify_sig(signed.as_bytes(), &signature),
            Kind::Shared(key) => hmac::verify(key, signed.as_bytes(), &signature),
        };
        verified.map(|()| payload).map_err(|_| RefusalCause::Signature)
    }
}
