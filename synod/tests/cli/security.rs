//! Nodes that not everybody may reach: TLS with certificates of clients, and tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prost::Message;
use prost_types::FileDescriptorSet;
use serde_json::{Value, json};
use synod_testkit::certificates::{Authority, Identity, TokenKind, TokenSigner};
use tempfile::TempDir;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::support::{Process, next_port_base, synod, wait};

const LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(5);
const TOKEN: &str = "5b0c9d2a7c6e4f1f8f0f3d1c2b4a6978";
const AUDIENCE: &str = "https://mediator.example.com";
const API_INFO: &str = "/com.digitalasset.canton.connection.v30.ApiInfoService/GetApiInfo";

/// A sequencer that asks for a fixed token and a mediator that asks for signed ones, both only reached with a certificate.
struct Guarded {
    dir: TempDir,
    base: u16,
    authority: Authority,
    operator: Identity,
    jwt: String,
    nodes: Vec<Process>,
}

impl Guarded {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (authority, signer) = (Authority::new(), TokenSigner::new(TokenKind::Es256));
        let operator = authority.client();
        let _ = authority.server().write(dir.path(), "server");
        let _ = operator.write(dir.path(), "operator");
        let _ = authority.client().write(dir.path(), "mediator");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let jwt = signer.sign(&json!({"sub": "operator", "aud": AUDIENCE, "exp": now + 3_600}));
        for (name, text) in [
            ("authority.pem", authority.certificate().as_str()),
            ("tokens.pem", signer.certificate()),
            ("token", &format!("{TOKEN}\n")),
            ("jwt", &jwt),
        ] {
            fs::write(dir.path().join(name), text).expect("written");
        }
        let mut guarded = Self { dir, base: next_port_base(), authority, operator, jwt, nodes: Vec::new() };
        guarded.configure();
        for kind in ["sequencer", "mediator"] {
            let config = guarded.path(&format!("{kind}.toml")).display().to_string();
            // Also what libraries say at their loudest must not have a token in it.
            let loud = [("SYNOD_LOGGING__LEVEL", "trace")];
            let process = Process::start_with(&[kind, "-c", &config], &loud, &guarded.path(&format!("{kind}.log")));
            guarded.nodes.push(process);
        }
        for port in [guarded.sequencer_admin(), guarded.mediator_admin()] {
            let open = || {
                guarded.nodes.iter_mut().for_each(Process::assert_runs);
                std::net::TcpStream::connect(("127.0.0.1", port)).ok()
            };
            wait(LIMIT, open).expect("the port opens");
        }
        guarded
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn sequencer_admin(&self) -> u16 {
        self.base + 1
    }

    fn mediator_admin(&self) -> u16 {
        self.base + 2
    }

    fn sequencer_health(&self) -> u16 {
        self.base + 3
    }

    fn configure(&self) {
        let path = |name: &str| format!("{:?}", self.path(name));
        let tls = format!(
            "cert_chain_file = {}\nprivate_key_file = {}\ntrust_collection_file = {}\nclient_auth = \"require\"\n",
            path("server.pem"),
            path("server.key"),
            path("authority.pem"),
        );
        let node = |name: &str, admin: u16, health: u16, rest: &str| {
            let url = format!("sqlite://{}", self.path(&format!("{name}.db")).display());
            let text = format!(
                "name = \"{name}\"\n[storage]\nurl = {url:?}\n[monitoring]\ngrpc_health_port = {health}\n\
                 http_health_port = 0\nmetrics_port = 0\n[admin_api]\nport = {admin}\n[admin_api.tls]\n{tls}{rest}"
            );
            fs::write(self.path(&format!("{name}.toml")), text).expect("written");
        };
        let public = format!("[public_api]\nport = {}\n[public_api.tls]\n{tls}", self.base);
        let fixed = format!("[admin_api.admin_token_config]\nfixed_admin_token_file = {}\n", path("token"));
        node("sequencer", self.sequencer_admin(), self.sequencer_health(), &format!("{fixed}{public}"));
        let signed = format!(
            "[[admin_api.auth_services]]\ntype = \"jwt-es-256-crt\"\ncertificate = {}\ntarget_audience = {AUDIENCE:?}\n\
             privileged = true\n[sequencer_client.client_cert]\ncert_chain_file = {}\nprivate_key_file = {}\n",
            path("tokens.pem"),
            path("mediator.pem"),
            path("mediator.key"),
        );
        node("mediator", self.mediator_admin(), 0, &signed);
        let url = |port: u16| format!("https://127.0.0.1:{port}");
        let description = format!(
            "name = \"guarded\"\n[access]\nca_file = {ca}\nclient_cert_file = {}\nclient_key_file = {}\ntoken_file = {}\n\
             [[sequencers]]\nname = \"s\"\nadmin = {:?}\npublic = {:?}\npublic_ca_file = {ca}\n\
             [[mediators]]\nname = \"m\"\nadmin = {:?}\naccess = {{ token_file = {} }}\n",
            path("operator.pem"),
            path("operator.key"),
            path("token"),
            url(self.sequencer_admin()),
            url(self.base),
            url(self.mediator_admin()),
            path("jwt"),
            ca = path("authority.pem"),
        );
        fs::write(self.path("synchronizer.toml"), description).expect("written");
    }

    /// Runs a command for the synchronizer: its output, and its exit code.
    fn run(&self, command: &[&str]) -> (String, Option<i32>) {
        let config = self.path("synchronizer.toml").display().to_string();
        let done = synod(&[command, &["-c", &config]].concat());
        let out = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        (out, done.status.code())
    }

    fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// A connection to an administration port, with a certificate or without one.
    async fn connect(&self, port: u16, identity: Option<&Identity>) -> Option<Channel> {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.authority.certificate()));
        if let Some(Identity { certificate, private_key }) = identity {
            tls = tls.identity(tonic::transport::Identity::from_pem(certificate, private_key));
        }
        let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{port}")).expect("a URL");
        endpoint.tls_config(tls).expect("certificates").connect().await.ok()
    }

    fn stop(mut self) {
        let logs = ["sequencer.log", "mediator.log"].map(|name| fs::read_to_string(self.path(name)).expect("a log"));
        for process in self.nodes.drain(..) {
            assert_eq!(process.terminate(STOP_LIMIT), Some(0));
        }
        for log in logs {
            assert!(log.contains("an administration call was refused"));
            for token in [TOKEN, &self.jwt] {
                let line = log.lines().find(|line| line.contains(token));
                assert_eq!(line, None, "a token is in the log");
            }
        }
    }
}

async fn call(channel: &Channel, path: &str, token: Option<&str>) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let mut request = Request::new(());
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().expect("ASCII"));
    }
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    client.unary(request, path.parse().expect("a path"), codec).await.map(|_| ())
}

/// Every method that is known here, served or not, and reflection.
fn all_methods() -> Vec<String> {
    let set = FileDescriptorSet::decode(synod_rpc::FILE_DESCRIPTOR_SET).expect("descriptors");
    let mut methods = vec!["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo".to_owned()];
    for file in &set.file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            methods.extend(service.method.iter().map(|method| format!("/{name}/{}", method.name())));
        }
    }
    assert!(methods.len() > 100, "{methods:?}");
    methods
}

/// No method of a port is answered without its token, and with it the port is served.
async fn no_method_is_open(guarded: &Guarded, port: u16, token: &str, other: &str) {
    let channel = guarded.connect(port, Some(&guarded.operator)).await.expect("a certificate");
    for method in all_methods() {
        for token in [None, Some("another"), Some(other)] {
            let status = call(&channel, &method, token).await.expect_err(&method);
            assert_eq!(status.code(), Code::Unauthenticated, "{method}: {status}");
            assert!(status.message().starts_with("An error occurred. Please contact the operator"), "{status}");
        }
    }
    call(&channel, API_INFO, Some(token)).await.expect("answered");
    // In the older protocol a connection is refused at once, in the newer one with the first call.
    if let Some(channel) = guarded.connect(port, None).await {
        assert!(call(&channel, API_INFO, Some(token)).await.is_err(), "a client without certificate");
    }
}

#[test]
fn guarded_nodes_are_founded_and_administered_by_who_may() {
    let guarded = Guarded::start();
    let none = ["status", "--json", "--token-file", &guarded.file("synchronizer.toml")];
    assert_eq!(guarded.run(&none).1, Some(78), "a file of several lines is no token");
    let wrong = guarded.file("authority.pem");
    let (told, code) = guarded.run(&["status", "--json", "--client-cert-file", &guarded.file("mediator.pem")]);
    assert_eq!(code, Some(78), "a certificate with the key of another: {told}");
    let (waiting, code) = guarded.run(&["status", "--json"]);
    let waiting: Value = serde_json::from_str(&waiting).expect("JSON");
    assert_eq!(
        (code, &waiting["nodes"][0]["state"], &waiting["nodes"][1]["state"]),
        (Some(1), &"waiting".into(), &"waiting".into()),
        "{waiting}"
    );
    let (out, code) = guarded.run(&["bootstrap", "--token-file", &guarded.file("jwt")]);
    assert_eq!(code, Some(70), "the sequencer does not know the token of the mediator: {out}");
    assert!(out.contains("refused") && !out.contains(&guarded.jwt), "{out}");
    let (out, code) = guarded.run(&["bootstrap"]);
    assert_eq!(code, Some(0), "{out}");
    let (running, code) = guarded.run(&["status", "--json"]);
    assert_eq!(code, Some(0), "{running}");

    let public = format!("https://127.0.0.1:{}", guarded.base);
    let probe = ["probe", &public, "--json", "--ca-file", &wrong];
    assert_ne!(synod(&probe).status.code(), Some(0), "the public API asks for a certificate");
    let (certificate, key) = (guarded.file("operator.pem"), guarded.file("operator.key"));
    let shown = ["--client-cert-file", &certificate, "--client-key-file", &key];
    let probed = synod(&[probe.as_slice(), &shown].concat());
    assert_eq!(probed.status.code(), Some(0), "{}", String::from_utf8_lossy(&probed.stdout));

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        no_method_is_open(&guarded, guarded.sequencer_admin(), TOKEN, &guarded.jwt).await;
        no_method_is_open(&guarded, guarded.mediator_admin(), &guarded.jwt, TOKEN).await;
        health_is_open(guarded.sequencer_health()).await;
    });
    guarded.stop();
}

/// Health has a port of its own, for probes that have neither certificate nor token.
async fn health_is_open(port: u16) {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}")).expect("a URL");
    let mut health = HealthClient::new(endpoint.connect().await.expect("connects"));
    let request = HealthCheckRequest { service: "sequencer".to_owned() };
    let status = health.check(request).await.expect("answered").into_inner().status;
    assert_eq!(status, i32::from(ServingStatus::Serving));
}

/// What a node says that cannot start with this configuration.
fn refused(dir: &Path, text: &str) -> String {
    let path = dir.join("node.toml");
    let monitoring = "[monitoring]\ngrpc_health_port = 0\nhttp_health_port = 0\nmetrics_port = 0\n";
    let database = format!("[storage]\nurl = \"sqlite://{}\"\n", dir.join("node.db").display());
    fs::write(&path, format!("{database}{monitoring}[admin_api]\nport = 0\n{text}")).expect("written");
    let ended = synod(&["mediator", "-c", &path.display().to_string()]);
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(ended.status.code(), Some(78), "{told}");
    assert!(!dir.join("node.db").exists(), "nothing is made before the files are read");
    told
}

#[test]
fn a_node_does_not_start_with_files_that_do_not_guard_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let _ = Authority::new().server().write(dir.path(), "server");
    let rsa = TokenSigner::new(TokenKind::Rs256);
    fs::write(dir.path().join("tokens.pem"), rsa.certificate()).expect("written");
    fs::write(dir.path().join("empty"), "\n").expect("written");
    let file = |name: &str| format!("{:?}", dir.path().join(name));
    let tls = format!(
        "[admin_api.tls]\ncert_chain_file = {}\nprivate_key_file = {}\n",
        file("server.pem"),
        file("server.key")
    );
    let told = refused(dir.path(), &format!("{tls}client_auth = \"require\"\n"));
    assert!(told.contains("`admin_api.tls` cannot be used") && told.contains("trust_collection_file"), "{told}");
    let told = refused(dir.path(), &tls.replace("server.key", "gone.key"));
    assert!(told.contains("gone.key cannot be read"), "{told}");
    let service = format!(
        "[[admin_api.auth_services]]\ntype = \"jwt-es-256-crt\"\ncertificate = {}\ntarget_scope = \"s\"\nprivileged = true\n",
        file("tokens.pem")
    );
    let token = format!("[admin_api.admin_token_config]\nfixed_admin_token_file = {}\n", file("empty"));
    let told = refused(dir.path(), &format!("{service}{token}"));
    assert!(told.contains("entry 1") && told.contains("not one for ES256"), "{told}");
    assert!(told.contains("fixed_admin_token_file") && told.contains("empty"), "all mistakes at once: {told}");
    let told = refused(dir.path(), &service.replace("certificate", "certificate_file"));
    assert!(told.contains("certificate"), "{told}");
}
