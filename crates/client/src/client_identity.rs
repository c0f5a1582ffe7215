//! What a client shows to servers that ask for a certificate.

use std::fmt;

use thiserror::Error;
use tonic::transport::{ClientTlsConfig, Endpoint, Identity};

/// A certificate with its private key.
#[derive(Clone)]
pub struct ClientIdentity(Identity);

/// Certificate and key are none, or do not belong together.
#[derive(Debug, Error)]
#[error("the certificate with its private key cannot be used")]
pub struct InvalidClientIdentity(#[source] tonic::transport::Error);

impl ClientIdentity {
    /// The certificate with what leads to its root, and the private key, both PEM.
    ///
    /// # Errors
    /// [`InvalidClientIdentity`].
    pub fn from_pem(certificate_chain: &[u8], private_key: &[u8]) -> Result<Self, InvalidClientIdentity> {
        let identity = Self(Identity::from_pem(certificate_chain, private_key));
        // An endpoint looks at them when it is configured, without a connection.
        let endpoint = Endpoint::from_static("https://localhost");
        endpoint.tls_config(identity.shown_by(ClientTlsConfig::new())).map_err(InvalidClientIdentity)?;
        Ok(identity)
    }

    /// A configuration that shows it to servers that ask.
    #[must_use]
    pub fn shown_by(&self, tls: ClientTlsConfig) -> ClientTlsConfig {
        tls.identity(self.0.clone())
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity(..)")
    }
}

#[cfg(test)]
mod tests {
    use synod_testkit::certificates::Authority;

    use super::*;

    #[test]
    fn certificate_and_key_have_to_belong_together() {
        let authority = Authority::new();
        let (one, other) = (authority.client(), authority.client());
        let of = |certificate: &str, key: &str| ClientIdentity::from_pem(certificate.as_bytes(), key.as_bytes());
        let good = of(&one.certificate, &one.private_key).expect("an identity");
        assert_eq!(format!("{good:?}"), "ClientIdentity(..)");
        assert!(of(&one.certificate, &other.private_key).is_err());
        assert!(of(&one.private_key, &one.private_key).is_err());
        assert!(of(&one.certificate, "").is_err());
    }
}
