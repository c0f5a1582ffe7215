//! Where a sequencer is reached (`GrpcConnection`, `Endpoint`, `UrlValidator`).

use std::fmt;

use bytes::Bytes;
use synod_proto::protocol::v30::lsu_sequencer_connection_successor::SequencerConnection;

use super::{parse, uri};
use crate::InvalidMessage;
use crate::error::ensure;

/// Host and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// A host name or an IP address (version 6 in brackets), as it was written.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Where a sequencer is reached.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GrpcConnection {
    /// The places, each once, in the order in which they were written; never empty.
    pub endpoints: Vec<Endpoint>,
    /// Whether TLS is used, at all of them.
    pub transport_security: bool,
    /// Certificates that are trusted instead of those of the system.
    pub custom_trust_certificates: Option<Bytes>,
}

/// The order of the places does not count.
impl PartialEq for GrpcConnection {
    fn eq(&self, other: &Self) -> bool {
        self.transport_security == other.transport_security
            && self.custom_trust_certificates == other.custom_trust_certificates
            && self.endpoints.len() == other.endpoints.len()
            && self.endpoints.iter().all(|endpoint| other.endpoints.contains(endpoint))
    }
}

impl Eq for GrpcConnection {}

impl GrpcConnection {
    /// Reads the URLs of the places, with the certificates to trust.
    ///
    /// # Errors
    /// [`InvalidMessage`] when there is no URL, one is not valid, or only some of them use TLS.
    pub fn new(urls: Vec<String>, custom_trust_certificates: Option<Bytes>) -> Result<Self, InvalidMessage> {
        Self::from_proto(SequencerConnection { endpoints: urls, custom_trust_certificates })
    }

    pub(super) fn from_proto(proto: SequencerConnection) -> Result<Self, InvalidMessage> {
        let parsed = proto.endpoints.iter().map(|url| endpoint(url)).collect::<Result<Vec<_>, _>>()?;
        let &(_, transport_security) = parsed.first().ok_or(InvalidMessage::FieldNotSet { field: "endpoints" })?;
        let (endpoints, flags): (Vec<_>, Vec<_>) = parsed.into_iter().unzip();
        ensure(flags.iter().all(|flag| *flag == transport_security), "only some of the endpoints use TLS")?;
        Ok(Self {
            endpoints: parse::distinct(endpoints),
            transport_security,
            custom_trust_certificates: proto.custom_trust_certificates,
        })
    }

    pub(super) fn to_proto(&self) -> SequencerConnection {
        let scheme = if self.transport_security { "https" } else { "http" };
        SequencerConnection {
            endpoints: self.endpoints.iter().map(|endpoint| format!("{scheme}://{endpoint}")).collect(),
            custom_trust_certificates: self.custom_trust_certificates.clone(),
        }
    }
}

/// The place that a URL names, and whether it uses TLS. Path, query and user are dropped.
fn endpoint(url: &str) -> Result<(Endpoint, bool), InvalidMessage> {
    const INVALID: InvalidMessage = InvalidMessage::Invariant { what: "an endpoint is not a valid URL" };
    let parts = uri::parse(url).ok_or(INVALID)?;
    let (transport_security, default_port) = match parts.scheme {
        "http" => (false, 80),
        "https" => (true, 443),
        _ => return Err(INVALID),
    };
    let port = parts.port.map_or(Ok(default_port), u16::try_from).map_err(|_| INVALID)?;
    Ok((Endpoint { host: parts.host.to_owned(), port }, transport_security))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_default_by_scheme() {
        for (url, expected) in [
            ("http://a", "a:80 false"),
            ("https://a", "a:443 true"),
            ("https://a:", "a:443 true"),
            ("http://u:p@a.b:0/path?q#f", "a.b:0 false"),
            ("http://[::1]:65535", "[::1]:65535 false"),
        ] {
            let (endpoint, tls) = endpoint(url).expect(url);
            assert_eq!(format!("{endpoint} {tls}"), expected);
        }
        for url in ["HTTP://a", "ftp://a", "http://a:65536", "http:a", "//a", "a:80", ""] {
            assert!(endpoint(url).is_err(), "{url}");
        }
    }
}
