//! [`TokenSigner`].

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P521_SHA512, PKCS_RSA_SHA256, PKCS_RSA_SHA384,
    PKCS_RSA_SHA512, RsaKeySize, SignatureAlgorithm, SigningKey,
};
use serde_json::{Value, json};

use super::pem;

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of RFC 7518")]
pub enum TokenKind {
    Rs256,
    Rs384,
    Rs512,
    Es256,
    Es512,
}

impl TokenKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Rs256, Self::Rs384, Self::Rs512, Self::Es256, Self::Es512];

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

    const fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::Rs256 => &PKCS_RSA_SHA256,
            Self::Rs384 => &PKCS_RSA_SHA384,
            Self::Rs512 => &PKCS_RSA_SHA512,
            Self::Es256 => &PKCS_ECDSA_P256_SHA256,
            Self::Es512 => &PKCS_ECDSA_P521_SHA512,
        }
    }
}

/// Signs tokens (JWT) with a key of its own.
#[derive(Debug)]
pub struct TokenSigner {
    kind: TokenKind,
    key: KeyPair,
    certificate: String,
}

impl TokenSigner {
    /// A signer with a new key.
    ///
    /// # Panics
    /// When no key can be made.
    #[must_use]
    pub fn new(kind: TokenKind) -> Self {
        let key = match kind {
            TokenKind::Rs256 | TokenKind::Rs384 | TokenKind::Rs512 => {
                KeyPair::generate_rsa_for(kind.algorithm(), RsaKeySize::_2048)
            }
            TokenKind::Es256 | TokenKind::Es512 => KeyPair::generate_for(kind.algorithm()),
        };
        let key = key.expect("a key");
        let params = CertificateParams::new(vec!["tokens".to_owned()]).expect("a name");
        let certificate = pem::certificate(params.self_signed(&key).expect("a certificate").der());
        Self { kind, key, certificate }
    }

    /// The certificate of its key (PEM).
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A token that says this.
    #[must_use]
    pub fn sign(&self, payload: &Value) -> String {
        self.sign_as(self.kind.name(), payload)
    }

    /// A token that says this, and of itself that it is of another algorithm.
    ///
    /// # Panics
    /// When it cannot be signed.
    #[must_use]
    pub fn sign_as(&self, algorithm: &str, payload: &Value) -> String {
        token(algorithm, payload, |signed| match self.kind {
            TokenKind::Rs256 | TokenKind::Rs384 | TokenKind::Rs512 => self.key.sign(signed).expect("signed"),
            TokenKind::Es256 | TokenKind::Es512 => {
                let fixed = match self.kind {
                    TokenKind::Es256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
                    _ => &ECDSA_P521_SHA512_FIXED_SIGNING,
                };
                let key = EcdsaKeyPair::from_pkcs8(fixed, &self.key.serialize_der()).expect("a key");
                key.sign(&SystemRandom::new(), signed).expect("signed").as_ref().to_vec()
            }
        })
    }

    /// A token that is signed by a shared secret (HS256), whatever it says of itself.
    #[must_use]
    pub fn sign_by_secret(algorithm: &str, secret: &[u8], payload: &Value) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        token(algorithm, payload, |signed| hmac::sign(&key, signed).as_ref().to_vec())
    }

    /// A token with the signature that algorithm `none` has: an empty one.
    #[must_use]
    pub fn unsigned(payload: &Value) -> String {
        token("none", payload, |_| Vec::new())
    }
}

fn token(algorithm: &str, payload: &Value, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({"alg": algorithm, "typ": "JWT"}).to_string();
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(payload.to_string().as_bytes()));
    let signature = sign(signed.as_bytes());
    format!("{signed}.{}", encode(&signature))
}
