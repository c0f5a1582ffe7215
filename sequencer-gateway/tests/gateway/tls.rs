//! The public port with TLS, with and without certificates of clients.

use std::path::Path;

use synod_proto::connection::v30::GetApiInfoRequest;
use synod_rpc::connection::v30::api_info_service_client::ApiInfoServiceClient;
use synod_runtime::tls::{ClientAuth, TlsServerConfig, TlsVersion};
use synod_testkit::certificates::{Authority, Identity};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::client::within;
use crate::node::{Node, Start};

async fn node(authority: &Authority, folder: &Path, client_auth: ClientAuth) -> Node {
    let (cert_chain_file, private_key_file) = authority.server().write(folder, "server");
    let trusted = folder.join("authority.pem");
    std::fs::write(&trusted, authority.certificate()).expect("written");
    let config = TlsServerConfig {
        cert_chain_file,
        private_key_file,
        trust_collection_file: Some(trusted),
        client_auth,
        minimum_server_protocol_version: TlsVersion::V1_2,
        ciphers: None,
    };
    let mut start = Start::default();
    start.settings.tls = Some(config.load().expect("files"));
    Node::start_with(start).await
}

/// What the port says that it is, to a client that trusts the authority; nothing when it does not answer.
async fn asked(node: &Node, authority: &Authority, identity: Option<Identity>) -> Option<String> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.certificate()));
    if let Some(Identity { certificate, private_key }) = identity {
        tls = tls.identity(tonic::transport::Identity::from_pem(certificate, private_key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", node.address)).expect("an address");
    let endpoint = endpoint.tls_config(tls).expect("a certificate");
    let channel = within("the connection", endpoint.connect()).await.ok()?;
    let info = ApiInfoServiceClient::new(channel).get_api_info(GetApiInfoRequest {}).await.ok()?;
    Some(info.into_inner().name)
}

#[tokio::test]
async fn the_port_speaks_tls_only() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    let node = node(&authority, folder.path(), ClientAuth::Optional).await;
    assert_eq!(asked(&node, &authority, None).await.as_deref(), Some("sequencer-public-api"));
    assert_eq!(asked(&node, &Authority::new(), None).await, None, "a server that the client does not trust");

    let plain = Endpoint::from_shared(format!("http://{}", node.address)).expect("an address");
    let plain = within("the connection", plain.connect()).await;
    if let Ok(channel) = plain {
        let answer = ApiInfoServiceClient::new(channel).get_api_info(GetApiInfoRequest {}).await;
        assert!(answer.is_err(), "plain text is not answered");
    }
    node.stop().await;
}

#[tokio::test]
async fn the_port_can_require_certificates_of_clients() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().expect("a folder"));
    let node = node(&authority, folder.path(), ClientAuth::Require).await;
    let known = asked(&node, &authority, Some(authority.client())).await;
    assert_eq!(known.as_deref(), Some("sequencer-public-api"));
    assert_eq!(asked(&node, &authority, None).await, None);
    assert_eq!(asked(&node, &authority, Some(Authority::new().client())).await, None);
    node.stop().await;
}
