//! The public key of a certificate.

use thiserror::Error;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::server::ParsedCertificate;

/// Bytes that are no certificate.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// No certificate in PEM.
    #[error("there is no certificate (PEM) in it")]
    Pem(#[source] pem::Error),
    /// Not X.509, or not version 3 of it.
    #[error("the certificate is not X.509 version 3")]
    Certificate(#[source] rustls::Error),
}

/// The public key of the first certificate of a PEM text, as `SubjectPublicKeyInfo` (DER). Nothing else of the
/// certificate is looked at, not even until when it is good.
///
/// # Errors
/// [`CertificateError`].
pub fn public_key(pem: &[u8]) -> Result<Vec<u8>, CertificateError> {
    let certificate = CertificateDer::from_pem_slice(pem).map_err(CertificateError::Pem)?;
    let parsed = ParsedCertificate::try_from(&certificate).map_err(CertificateError::Certificate)?;
    Ok(parsed.subject_public_key_info().as_ref().to_vec())
}
