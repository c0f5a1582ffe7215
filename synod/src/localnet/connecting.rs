//! How a participant and a Console get to the network: text to copy. The forms are those of Canton 3.5.

use serde::Serialize;

use super::ready_file::{ReadyMediator, ReadySequencer};
use crate::bootstrap::trust_threshold;

/// Text to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Connecting {
    /// A line for the Console of a participant.
    pub(crate) console: String,
    /// Configuration (HOCON) of a Console that administers the network.
    pub(crate) remote: String,
    /// Value (YAML) of a participant's Helm chart.
    pub(crate) helm: String,
}

impl Connecting {
    /// To a synchronizer of this name with these nodes.
    pub(super) fn new(name: &str, sequencers: &[ReadySequencer], mediators: &[ReadyMediator]) -> Self {
        Self { console: console(name, sequencers), remote: remote(sequencers, mediators), helm: helm(name, sequencers) }
    }
}

/// `connect` to one sequencer. `connect_multi` is for several addresses of one sequencer; to several sequencers it is
/// `connect_bft`, each under an alias of its own (`ParticipantAdministration.synchronizers`).
fn console(name: &str, sequencers: &[ReadySequencer]) -> String {
    if let [one] = sequencers {
        return format!("participant1.synchronizers.connect(\"{name}\", \"http://{}\")", one.public);
    }
    let connections = (1..).zip(sequencers).map(|(number, sequencer)| {
        let url = &sequencer.public;
        format!("GrpcSequencerConnection.tryCreate(\"http://{url}\", sequencerAlias = \"sequencer{number}\")")
    });
    let connections: Vec<_> = connections.collect();
    format!(
        "participant1.synchronizers.connect_bft(Seq({}), \"{name}\", sequencerTrustThreshold = {})",
        connections.join(", "),
        trust_threshold(sequencers.len())
    )
}

fn remote(sequencers: &[ReadySequencer], mediators: &[ReadyMediator]) -> String {
    let api = |kind: &str, address: &str| {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        format!("  {kind} {{ address = \"{host}\", port = {port} }}\n")
    };
    let sequencers = (1..).zip(sequencers).map(|(number, node)| {
        let (admin, public) = (api("admin-api", &node.admin), api("public-api", &node.public));
        format!("canton.remote-sequencers.sequencer{number} {{\n{admin}{public}}}\n")
    });
    let mediators = (1..).zip(mediators).map(|(number, node)| {
        format!("canton.remote-mediators.mediator{number} {{\n{}}}\n", api("admin-api", &node.admin))
    });
    sequencers.chain(mediators).collect()
}

/// As charts of participants take a synchronizer beside their first one: one address.
fn helm(name: &str, sequencers: &[ReadySequencer]) -> String {
    let first = sequencers.first().map(|sequencer| sequencer.public.as_str()).unwrap_or_default();
    format!("additionalSynchronizerConnections:\n  - alias: {name}\n    sequencerConnection: http://{first}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequencer(port: u16) -> ReadySequencer {
        let at = |port: u16| format!("127.0.0.1:{port}");
        ReadySequencer { public: at(port), admin: at(port + 1), health: at(port + 2) }
    }

    #[test]
    fn one_sequencer_is_connected_to_by_its_address() {
        let mediators = [ReadyMediator { admin: "127.0.0.1:5007".to_owned() }];
        let connecting = Connecting::new("localnet", &[sequencer(5008)], &mediators);
        assert_eq!(connecting.console, r#"participant1.synchronizers.connect("localnet", "http://127.0.0.1:5008")"#);
        let remote = "canton.remote-sequencers.sequencer1 {\n  admin-api { address = \"127.0.0.1\", port = 5009 }\n  \
                      public-api { address = \"127.0.0.1\", port = 5008 }\n}\n\
                      canton.remote-mediators.mediator1 {\n  admin-api { address = \"127.0.0.1\", port = 5007 }\n}\n";
        assert_eq!(connecting.remote, remote);
        let helm = "additionalSynchronizerConnections:\n  - alias: localnet\n    sequencerConnection: \
                    http://127.0.0.1:5008\n";
        assert_eq!(connecting.helm, helm);
    }

    #[test]
    fn several_sequencers_are_connected_to_with_a_threshold() {
        let connecting = Connecting::new("localnet", &[5008, 5108, 5208, 5308].map(sequencer), &[]);
        let first = r#"GrpcSequencerConnection.tryCreate("http://127.0.0.1:5008", sequencerAlias = "sequencer1"), "#;
        let start = format!("participant1.synchronizers.connect_bft(Seq({first}");
        assert!(connecting.console.starts_with(&start), "{}", connecting.console);
        let end = r#"sequencerAlias = "sequencer4")), "localnet", sequencerTrustThreshold = 2)"#;
        assert!(connecting.console.ends_with(end), "{}", connecting.console);
        assert_eq!(connecting.remote.matches("remote-sequencers").count(), 4);
    }
}
