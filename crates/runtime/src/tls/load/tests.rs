//! Files of every kind, and handshakes with what was made of them.

use std::path::PathBuf;

use synod_testkit::certificates::{Authority, Identity};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::TcpListenerStream;

use super::*;
use crate::Chain;
use crate::tls::{accepted, secured};

/// An authority, and the files of a server that it vouches for.
struct Files {
    folder: TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new() };
        files.write("server", &files.authority.server());
        std::fs::write(files.path("authority.pem"), files.authority.certificate()).unwrap();
        files
    }

    /// Writes a certificate and its key.
    fn write(&self, name: &str, identity: &Identity) {
        let _ = identity.write(self.folder.path(), name);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn settings(&self) -> TlsServerConfig {
        TlsServerConfig {
            cert_chain_file: self.path("server.pem"),
            private_key_file: self.path("server.key"),
            trust_collection_file: None,
            client_auth: ClientAuth::Optional,
            minimum_server_protocol_version: TlsVersion::V1_2,
            ciphers: None,
        }
    }

    fn asking(&self, client_auth: ClientAuth) -> TlsServerConfig {
        let trust_collection_file = Some(self.path("authority.pem"));
        TlsServerConfig { client_auth, trust_collection_file, ..self.settings() }
    }

    /// What a client says, with a certificate of this name or without one.
    fn client(&self, identity: Option<&str>, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(self.authority.certificate().as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match identity {
            Some(name) => {
                let chain = certificates(&self.path(&format!("{name}.pem"))).unwrap();
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.push(ALPN.to_vec());
        config
    }
}

/// Whether a server with these settings takes a client: a byte goes there and back.
async fn takes(settings: &TlsServerConfig, client: ClientConfig) -> bool {
    let tls = settings.load().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let incoming = secured(accepted(TcpListenerStream::new(listener)), &tls);
        let mut connection = std::pin::pin!(incoming).next().await.unwrap().unwrap();
        let byte = connection.read_u8().await.unwrap();
        connection.write_u8(byte).await.unwrap();
    });
    let echoed = async {
        let socket = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = TlsConnector::from(Arc::new(client)).connect(name, socket).await?;
        connection.write_u8(7).await?;
        connection.read_u8().await
    };
    let is_taken = echoed.await.is_ok_and(|byte| byte == 7);
    server.abort();
    is_taken
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

#[tokio::test]
async fn certificates_of_clients_are_required_optional_or_not_asked_for() {
    let files = Files::new();
    files.write("client", &files.authority.client());
    // Of an authority that the server does not trust.
    files.write("stranger", &Authority::new().client());
    let stranger = || files.client(Some("stranger"), BOTH);
    let require = files.asking(ClientAuth::Require);
    assert!(takes(&require, files.client(Some("client"), BOTH)).await);
    assert!(!takes(&require, files.client(None, BOTH)).await);
    assert!(!takes(&require, stranger()).await);
    assert!(
        !takes(&require, files.client(Some("server"), BOTH)).await,
        "a certificate of a server is none of a client"
    );
    let optional = files.asking(ClientAuth::Optional);
    assert!(takes(&optional, files.client(Some("client"), BOTH)).await);
    assert!(takes(&optional, files.client(None, BOTH)).await);
    assert!(!takes(&optional, stranger()).await);
    let none = files.asking(ClientAuth::None);
    assert!(takes(&none, files.client(None, BOTH)).await);
    assert!(takes(&none, stranger()).await);
    assert!(takes(&files.settings(), files.client(None, BOTH)).await);
}

#[tokio::test]
async fn versions_and_ciphers_can_be_chosen() {
    let files = Files::new();
    let old = || files.client(None, &[&version::TLS12]);
    assert!(takes(&files.settings(), old()).await);
    let new = TlsServerConfig { minimum_server_protocol_version: TlsVersion::V1_3, ..files.settings() };
    assert!(!takes(&new, old()).await);
    assert!(takes(&new, files.client(None, BOTH)).await);
    let with = |ciphers: &[&str]| TlsServerConfig {
        ciphers: Some(ciphers.iter().map(ToString::to_string).collect()),
        ..files.settings()
    };
    assert!(!takes(&with(&["TLS_AES_256_GCM_SHA384"]), old()).await);
    assert!(takes(&with(&["TLS_AES_256_GCM_SHA384"]), files.client(None, BOTH)).await);
    assert!(takes(&with(&["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]), old()).await);
    let unknown = with(&["TLS_RSA_WITH_RC4_128_MD5"]).load().unwrap_err();
    assert!(unknown.to_string().contains("TLS_AES_128_GCM_SHA256"), "{unknown}");
    let none = TlsServerConfig {
        minimum_server_protocol_version: TlsVersion::V1_3,
        ..with(&["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"])
    };
    assert!(matches!(none.load(), Err(TlsError::Versions(_))));
}

#[test]
fn what_is_wrong_with_the_files_is_said() {
    let files = Files::new();
    let said = |settings: TlsServerConfig| Chain(&settings.load().unwrap_err()).to_string();
    let missing = TlsServerConfig { cert_chain_file: files.path("nothing.pem"), ..files.settings() };
    assert!(said(missing).contains("nothing.pem cannot be read"));
    let swapped = TlsServerConfig { private_key_file: files.path("server.pem"), ..files.settings() };
    assert!(said(swapped).contains("server.pem has no private key"));
    let empty = TlsServerConfig { cert_chain_file: files.path("server.key"), ..files.settings() };
    assert!(said(empty).contains("server.key has no certificate"));
    files.write("other", &files.authority.server());
    let unlike = TlsServerConfig { private_key_file: files.path("other.key"), ..files.settings() };
    assert!(said(unlike).contains("certificate and private key cannot be used"));
    let alone = TlsServerConfig { client_auth: ClientAuth::Require, ..files.settings() };
    assert!(matches!(alone.load(), Err(TlsError::NobodyTrusted)));
    assert_eq!(format!("{:?}", files.settings().load().unwrap()), "ServerTls(..)");
}
