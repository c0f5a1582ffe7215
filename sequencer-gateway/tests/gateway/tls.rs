//! The public port with TLS.

use synod_proto::connection::v30::GetApiInfoRequest;
use synod_rpc::connection::v30::api_info_service_client::ApiInfoServiceClient;
use synod_sequencer_gateway::TlsIdentity;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use crate::client::within;
use crate::node::{Node, Start};

/// Of `localhost`, signed by itself, good for a hundred years. For this test alone.
const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
const PRIVATE_KEY: &[u8] = include_bytes!("tls/private_key.pem");

#[tokio::test]
async fn the_port_speaks_tls_only() {
    let mut start = Start::default();
    let (certificate, key) = (CERTIFICATE.to_vec(), PRIVATE_KEY.to_vec());
    start.settings.tls = Some(TlsIdentity { certificate_chain_pem: certificate, private_key_pem: key });
    let node = Node::start_with(start).await;
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(CERTIFICATE)).domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{}", node.address)).expect("an address");
    let endpoint = endpoint.tls_config(tls).expect("a certificate");
    let channel = within("the connection", endpoint.connect()).await.expect("it speaks TLS");
    let info = ApiInfoServiceClient::new(channel).get_api_info(GetApiInfoRequest {}).await.expect("answered");
    assert_eq!(info.into_inner().name, "sequencer-public-api");

    let plain = Endpoint::from_shared(format!("http://{}", node.address)).expect("an address");
    let plain = within("the connection", plain.connect()).await;
    if let Ok(channel) = plain {
        let answer = ApiInfoServiceClient::new(channel).get_api_info(GetApiInfoRequest {}).await;
        assert!(answer.is_err(), "plain text is not answered");
    }
    node.stop().await;
}
