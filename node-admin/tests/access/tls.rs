//! TLS, with and without certificates of clients.

use std::path::Path;

use synod_node_admin::access::{AccessRules, AdminToken, AuthService};
use synod_runtime::tls::{ClientAuth, TlsServerConfig, TlsVersion};
use synod_testkit::certificates::{Authority, Identity};
use tonic::transport::{Certificate, ClientTlsConfig};

use crate::port::{Port, assert_unauthenticated, call, call_with};

const TOKEN: &str = "token";

async fn port(authority: &Authority, folder: &Path, client_auth: ClientAuth) -> Port {
    let (cert_chain_file, private_key_file) = authority.server().write(folder, "server");
    let trusted = folder.join("authority.pem");
    std::fs::write(&trusted, authority.certificate()).expect("written");
    let config = TlsServerConfig {
        cert_chain_file,
        private_key_file,
        trust_collection_file: Some(trusted),
        client_auth,
        minimum_server_protocol_version: TlsVersion::V1_3,
        ciphers: None,
    };
    let rules = AccessRules::new(vec![AuthService::AdminToken(AdminToken::fixed(TOKEN, true))]);
    Port::serve(rules, Some(config.load().expect("files"))).await
}

fn client(authority: &Authority, identity: Option<&Identity>) -> ClientTlsConfig {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.certificate()));
    match identity {
        Some(Identity { certificate, private_key }) => {
            tls.identity(tonic::transport::Identity::from_pem(certificate, private_key))
        }
        None => tls,
    }
}

/// Whether a call gets through to the services.
async fn gets_in(port: &Port, tls: ClientTlsConfig) -> bool {
    match port.tls(tls).await {
        Ok(channel) => call_with(&channel, TOKEN).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_port_with_tls_speaks_nothing_else_and_still_asks_for_the_token() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    let port = port(&authority, folder.path(), ClientAuth::None).await;
    let channel = port.tls(client(&authority, None)).await.expect("it speaks TLS");
    assert_eq!(call_with(&channel, TOKEN).await.expect("let in"), "admin-api");
    assert_unauthenticated(&call(&channel, None).await, "no token");
    assert!(!gets_in(&port, client(&Authority::new(), None)).await, "the server is none that the client trusts");
    let url = format!("http://{}", port.address);
    if let Ok(plain) = tonic::transport::Endpoint::from_shared(url).expect("a URL").connect().await {
        assert!(call_with(&plain, TOKEN).await.is_err(), "plain text is not answered");
    }
}

#[tokio::test]
async fn a_client_without_a_trusted_certificate_does_not_reach_a_port_that_requires_one() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    let port = port(&authority, folder.path(), ClientAuth::Require).await;
    assert!(gets_in(&port, client(&authority, Some(&authority.client()))).await);
    assert!(!gets_in(&port, client(&authority, None)).await);
    assert!(!gets_in(&port, client(&authority, Some(&Authority::new().client()))).await);
    let channel = port.tls(client(&authority, Some(&authority.client()))).await.expect("a certificate");
    assert_unauthenticated(&call(&channel, None).await, "a certificate is no token");
}

#[tokio::test]
async fn an_optional_certificate_has_to_be_a_trusted_one() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    let port = port(&authority, folder.path(), ClientAuth::Optional).await;
    assert!(gets_in(&port, client(&authority, Some(&authority.client()))).await);
    assert!(gets_in(&port, client(&authority, None)).await);
    assert!(!gets_in(&port, client(&authority, Some(&Authority::new().client()))).await);
}
