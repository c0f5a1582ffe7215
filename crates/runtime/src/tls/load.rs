//! From files to what a server needs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio_rustls::rustls;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::settings::{ClientAuth, TlsServerConfig, TlsVersion};

/// Only HTTP/2 is spoken: all servers with TLS are gRPC servers.
const ALPN: &[u8] = b"h2";

/// The TLS of a server cannot be made of its settings.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} has no {what} (PEM) in it", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// Certificate and key do not fit, or one of them is of an unknown kind.
    #[error("certificate and private key cannot be used")]
    Identity(#[source] rustls::Error),
    /// Clients have to show certificates, and nobody is trusted to have made them.
    #[error("`client_auth = \"require\"` needs a `trust_collection_file`")]
    NobodyTrusted,
    /// An authority is not one.
    #[error("{} has a certificate that cannot be trusted", .path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The authorities as a whole.
    #[error("the trusted certificates cannot be used")]
    Authorities(#[source] VerifierBuilderError),
    /// A cipher suite that is not offered.
    #[error("`{name}` is no cipher suite that is offered; there are {}", offered().join(", "))]
    Cipher {
        /// Its name.
        name: String,
    },
    /// No suite is left for the versions.
    #[error("the cipher suites do not fit the versions of TLS")]
    Versions(#[source] rustls::Error),
}

/// TLS of a server, ready to be used. Clones share it.
#[derive(Clone)]
pub struct ServerTls(pub(super) Arc<ServerConfig>);

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls(..)")
    }
}

impl TlsServerConfig {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`]: always the operator's to mend.
    pub fn load(&self) -> Result<ServerTls, TlsError> {
        let chain = certificates(&self.cert_chain_file)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.private_key_file)?)
            .map_err(|source| wrong(&self.private_key_file, "private key", source))?;
        let provider = Arc::new(self.provider()?);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions())
            .map_err(TlsError::Versions)?;
        let builder = match self.verifier(provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Identity)?;
        config.alpn_protocols.push(ALPN.to_vec());
        Ok(ServerTls(Arc::new(config)))
    }

    fn versions(&self) -> &'static [&'static SupportedProtocolVersion] {
        static FROM_V1_2: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
        static FROM_V1_3: [&SupportedProtocolVersion; 1] = [&version::TLS13];
        match self.minimum_server_protocol_version {
            TlsVersion::V1_2 => &FROM_V1_2,
            TlsVersion::V1_3 => &FROM_V1_3,
        }
    }

    fn provider(&self) -> Result<CryptoProvider, TlsError> {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(names) = &self.ciphers {
            let suite = |name: &String| {
                let found = provider.cipher_suites.iter().find(|suite| iana_name(suite.suite()) == *name);
                found.copied().ok_or_else(|| TlsError::Cipher { name: name.clone() })
            };
            provider.cipher_suites = names.iter().map(suite).collect::<Result<_, _>>()?;
        }
        Ok(provider)
    }

    /// Who judges certificates of clients. Without trusted authorities nobody is asked for one.
    fn verifier(&self, provider: Arc<CryptoProvider>) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        let path = match (self.client_auth, &self.trust_collection_file) {
            (ClientAuth::Require, None) => return Err(TlsError::NobodyTrusted),
            (ClientAuth::None, _) | (ClientAuth::Optional, None) => return Ok(None),
            (ClientAuth::Require | ClientAuth::Optional, Some(path)) => path,
        };
        let mut roots = RootCertStore::empty();
        for authority in certificates(path)? {
            roots.add(authority).map_err(|source| TlsError::Authority { path: path.clone(), source })?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let builder = match self.client_auth {
            ClientAuth::Optional => builder.allow_unauthenticated(),
            ClientAuth::Require | ClientAuth::None => builder,
        };
        builder.build().map(Some).map_err(TlsError::Authorities)
    }
}

/// The name of a suite in the registry of IANA, as Canton's settings have it.
fn iana_name(suite: rustls::CipherSuite) -> String {
    format!("{suite:?}").replacen("TLS13_", "TLS_", 1)
}

fn offered() -> Vec<String> {
    aws_lc_rs::default_provider().cipher_suites.iter().map(|suite| iana_name(suite.suite())).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn wrong(path: &Path, what: &'static str, source: pem::Error) -> TlsError {
    TlsError::Pem { path: path.to_owned(), what, source }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|source| wrong(path, "certificate", source))?;
    if found.is_empty() {
        return Err(wrong(path, "certificate", pem::Error::NoItemsFound));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
