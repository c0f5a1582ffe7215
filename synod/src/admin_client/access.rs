//! What a command shows to the administration API of a node: in `synchronizer.toml` and on the command line.

use std::fmt;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use synod_client::ClientIdentity;
use synod_runtime::Chain;
use synod_runtime::settings::{Mistakes, SecretFile};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::transport::{Certificate, ClientTlsConfig};
use tonic::{Request, Status};

/// Variables that stand instead of options.
pub(crate) const ACCESS_VARIABLES: [&str; 4] =
    ["SYNOD_CA_FILE", "SYNOD_CLIENT_CERT_FILE", "SYNOD_CLIENT_KEY_FILE", "SYNOD_TOKEN_FILE"];

/// `[access]`, `access` of a node, and options of commands that call nodes. Files, read when a command starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Args)]
#[serde(default, deny_unknown_fields)]
#[command(next_help_heading = "Access to nodes")]
pub(crate) struct AdminAccess {
    /// Authorities (PEM) to believe about nodes with https; those of the system without it
    #[arg(long, value_name = "FILE", env = ACCESS_VARIABLES[0])]
    pub(crate) ca_file: Option<PathBuf>,
    /// Certificate (PEM) to show to nodes that ask for one
    #[arg(long, value_name = "FILE", env = ACCESS_VARIABLES[1])]
    pub(crate) client_cert_file: Option<PathBuf>,
    /// Private key (PEM) of that certificate
    #[arg(long, value_name = "FILE", env = ACCESS_VARIABLES[2])]
    pub(crate) client_key_file: Option<PathBuf>,
    /// Token to call nodes with
    #[arg(long, value_name = "FILE", env = ACCESS_VARIABLES[3])]
    pub(crate) token_file: Option<PathBuf>,
}

impl AdminAccess {
    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This, and where it says nothing, what is said below it.
    #[must_use]
    pub(crate) fn over(&self, below: &Self) -> Self {
        let either = |above: &Option<PathBuf>, below: &Option<PathBuf>| above.clone().or_else(|| below.clone());
        Self {
            ca_file: either(&self.ca_file, &below.ca_file),
            client_cert_file: either(&self.client_cert_file, &below.client_cert_file),
            client_key_file: either(&self.client_key_file, &below.client_key_file),
            token_file: either(&self.token_file, &below.token_file),
        }
    }

    /// Reads the files. What is wrong with them is noted under `key`, and left out.
    pub(crate) fn read(&self, key: &str, mistakes: &mut Mistakes) -> Credentials {
        let identity = match (&self.client_cert_file, &self.client_key_file) {
            (Some(certificate), Some(private_key)) => {
                let certificate = read(certificate, &format!("{key}.client_cert_file"), mistakes);
                let private_key = read(private_key, &format!("{key}.client_key_file"), mistakes);
                certificate.zip(private_key).and_then(|(certificate, private_key)| {
                    let identity = ClientIdentity::from_pem(&certificate, &private_key);
                    identity.map_err(|error| mistakes.add(key, Chain(&error).to_string())).ok()
                })
            }
            (None, None) => None,
            _ => {
                mistakes.add(key, "needs both, `client_cert_file` and `client_key_file`");
                None
            }
        };
        let authorities = self.ca_file.as_ref().and_then(|path| read(path, &format!("{key}.ca_file"), mistakes));
        let token = self.token_file.as_ref().and_then(|path| {
            let token = token(&SecretFile(path.clone()));
            token.map_err(|what| mistakes.add(format!("{key}.token_file"), what)).ok()
        });
        Credentials { authorities: authorities.map(Certificate::from_pem), identity, token }
    }
}

fn read(path: &PathBuf, key: &str, mistakes: &mut Mistakes) -> Option<Vec<u8>> {
    let read = std::fs::read(path);
    read.map_err(|error| mistakes.add(key, format!("cannot be read: {}: {error}", path.display()))).ok()
}

fn token(file: &SecretFile) -> Result<AsciiMetadataValue, String> {
    let token = file.read().map_err(|error| Chain(&error).to_string())?;
    let header = AsciiMetadataValue::try_from(format!("Bearer {}", token.expose()));
    let mut header = header.map_err(|_| "has something that no header can have".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

/// What is shown to one node.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    authorities: Option<Certificate>,
    identity: Option<ClientIdentity>,
    token: Option<AsciiMetadataValue>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// How to speak to a node with https.
    pub(super) fn tls(&self) -> ClientTlsConfig {
        let tls = match &self.authorities {
            Some(authorities) => ClientTlsConfig::new().ca_certificate(authorities.clone()),
            None => ClientTlsConfig::new().with_native_roots(),
        };
        match &self.identity {
            Some(identity) => identity.shown_by(tls),
            None => tls,
        }
    }

    /// What adds the token to each call.
    pub(super) fn bearer(&self) -> Bearer {
        Bearer(self.token.clone())
    }
}

/// Adds a token to each call, if there is one.
#[derive(Debug, Clone)]
pub(crate) struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_above_counts_key_by_key() {
        let file = |name: &str| Some(PathBuf::from(name));
        let above = AdminAccess { token_file: file("a"), ..AdminAccess::default() };
        let below = AdminAccess { token_file: file("b"), ca_file: file("c"), ..AdminAccess::default() };
        let expected = AdminAccess { token_file: file("a"), ca_file: file("c"), ..AdminAccess::default() };
        assert_eq!(above.over(&below), expected);
        assert!(AdminAccess::default().is_empty() && !above.is_empty());
    }

    #[test]
    fn tokens_are_shown_nowhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, "open-sesame\n").expect("written");
        let access = AdminAccess { token_file: Some(path.clone()), ..AdminAccess::default() };
        let mut mistakes = Mistakes::default();
        let credentials = access.read("access", &mut mistakes);
        mistakes.into_result().expect("no mistake");
        let request = credentials.bearer().call(Request::new(())).expect("a request");
        let header = request.metadata().get("authorization").expect("a token");
        assert_eq!(header.to_str().ok(), Some("Bearer open-sesame"));
        for shown in [format!("{credentials:?}"), format!("{:?}", credentials.bearer()), format!("{request:?}")] {
            assert!(!shown.contains("sesame"), "{shown}");
        }
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let access = AdminAccess {
            ca_file: Some("/nowhere/ca".into()),
            client_cert_file: Some("/nowhere/cert".into()),
            token_file: Some("/nowhere/token".into()),
            client_key_file: None,
        };
        let mut mistakes = Mistakes::default();
        access.read("access", &mut mistakes);
        let told = mistakes.into_result().expect_err("mistakes").to_string();
        for what in ["access.ca_file", "needs both", "access.token_file", "/nowhere/token"] {
            assert!(told.contains(what), "{what} is missing in {told}");
        }
    }
}
