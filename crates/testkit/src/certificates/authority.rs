//! [`Authority`].

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};

use super::pem;

/// Somebody who makes certificates, known by its own.
#[derive(Debug)]
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its private key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key (PKCS#8).
    pub private_key: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// When no certificate can be made: never with these parameters.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    /// Its own certificate (PEM).
    #[must_use]
    pub fn certificate(&self) -> String {
        pem::certificate(self.0.der())
    }

    /// A server of `localhost` and 127.0.0.1.
    #[must_use]
    pub fn server(&self) -> Identity {
        self.identity(ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client.
    #[must_use]
    pub fn client(&self) -> Identity {
        self.identity(ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn identity(&self, usage: ExtendedKeyUsagePurpose) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
        params.subject_alt_names.push(SanType::IpAddress([127, 0, 0, 1].into()));
        params.extended_key_usages.push(usage);
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        Identity {
            certificate: pem::certificate(certificate.der()),
            private_key: pem::encode("PRIVATE KEY", &key.serialize_der()),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Identity {
    /// Writes `NAME.pem` and `NAME.key` into a folder, and gives their paths.
    ///
    /// # Panics
    /// When they cannot be written.
    #[must_use]
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let paths = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&paths.0, &self.certificate).expect("written");
        std::fs::write(&paths.1, &self.private_key).expect("written");
        paths
    }
}
