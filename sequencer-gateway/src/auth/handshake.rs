//! Whether a client speaks the protocol version of the synchronizer (`HandshakeValidator`).

use std::fmt;

use synod_types::ProtocolVersion;
use thiserror::Error;

/// What a client says about itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientVersions<'a> {
    /// The protocol versions that it speaks, known here or not.
    pub(crate) protocol_versions: &'a [i32],
    /// The smallest that it accepts.
    pub(crate) minimum: Option<i32>,
    /// Its release; empty when it does not say.
    pub(crate) release: &'a str,
}

/// Why a client may not connect; the texts are Canton's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum IncompatibleClient {
    #[error(
        "The server is running protocol {server} and does not support clients with binary 'Binary version not \
         provided. Participant binary version is too old.'. This may mean that your binary is explicitly blocked from \
         connecting. Please upgrade to a supported version."
    )]
    NoRelease { server: ProtocolVersion },
    #[error(
        "The version required by the synchronizer ({server}) is lower than the minimum version configured by the \
         participant ({}).  ",
        Version(*minimum)
    )]
    MinimumTooHigh { server: ProtocolVersion, minimum: i32 },
    #[error(
        "The protocol version required by the server ({server}) is not among the supported protocol versions by the \
         client: {}. ",
        Versions(client)
    )]
    NotSupported { server: ProtocolVersion, client: Vec<i32> },
}

/// Checks that a client can connect to a synchronizer of version `server`. Without `check_release`, a client need not say
/// its release.
pub(crate) fn check(
    server: ProtocolVersion,
    client: ClientVersions<'_>,
    check_release: bool,
) -> Result<(), IncompatibleClient> {
    if check_release && server > ProtocolVersion::V34 && client.release.is_empty() {
        return Err(IncompatibleClient::NoRelease { server });
    }
    let required = server.number();
    if let Some(minimum) = client.minimum.filter(|minimum| *minimum > required) {
        return Err(IncompatibleClient::MinimumTooHigh { server, minimum });
    }
    if client.protocol_versions.contains(&required) {
        Ok(())
    } else {
        Err(IncompatibleClient::NotSupported { server, client: client.protocol_versions.to_vec() })
    }
}

struct Version(i32);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == ProtocolVersion::Dev.number() { f.write_str("dev") } else { self.0.fmt(f) }
    }
}

/// A list as Canton prints it: a single element stands alone.
struct Versions<'a>(&'a [i32]);

impl fmt::Display for Versions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [single] = self.0 {
            return Version(*single).fmt(f);
        }
        let versions: Vec<String> = self.0.iter().map(|version| Version(*version).to_string()).collect();
        write!(f, "Seq({})", versions.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(protocol_versions: &[i32], minimum: Option<i32>, release: &str) -> Option<String> {
        let client = ClientVersions { protocol_versions, minimum, release };
        check(ProtocolVersion::V35, client, true).err().map(|error| error.to_string())
    }

    #[test]
    fn a_client_of_the_same_version_connects() {
        assert_eq!(refusal(&[34, 35], None, "3.5.10"), None);
        assert_eq!(refusal(&[35], Some(35), "3.5.10"), None);
        let old = ClientVersions { protocol_versions: &[34], minimum: None, release: "" };
        assert_eq!(check(ProtocolVersion::V34, old, true), Ok(()));
        let silent = ClientVersions { protocol_versions: &[35], minimum: None, release: "" };
        assert_eq!(check(ProtocolVersion::V35, silent, false), Ok(()));
    }

    #[test]
    fn refusals_read_as_in_canton() {
        let not_among = "The protocol version required by the server (35) is not among the supported protocol versions \
                         by the client: ";
        assert_eq!(refusal(&[33], None, "3.5.10"), Some(format!("{not_among}33. ")));
        assert_eq!(refusal(&[], None, "3.5.10"), Some(format!("{not_among}Seq(). ")));
        assert_eq!(refusal(&[33, i32::MAX], None, "3.5.10"), Some(format!("{not_among}Seq(33, dev). ")));
        assert_eq!(
            refusal(&[35, 36], Some(36), "3.5.10").as_deref(),
            Some(
                "The version required by the synchronizer (35) is lower than the minimum version configured by the \
                 participant (36).  "
            )
        );
        assert_eq!(
            refusal(&[33], None, "").as_deref(),
            Some(
                "The server is running protocol 35 and does not support clients with binary 'Binary version not \
                 provided. Participant binary version is too old.'. This may mean that your binary is explicitly \
                 blocked from connecting. Please upgrade to a supported version."
            )
        );
    }
}
