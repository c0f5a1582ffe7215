//! Which ports and files the nodes of a localnet have.

use std::path::{Path, PathBuf};

/// Ports of one sequencer, and of its CometBFT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequencerPorts {
    pub(crate) public: u16,
    pub(crate) admin: u16,
    pub(crate) grpc_health: u16,
    pub(crate) http_health: u16,
    pub(crate) metrics: u16,
    pub(crate) comet_p2p: u16,
    pub(crate) comet_rpc: u16,
}

/// Ports of one mediator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MediatorPorts {
    pub(crate) admin: u16,
    pub(crate) grpc_health: u16,
    pub(crate) http_health: u16,
    pub(crate) metrics: u16,
}

/// Distance between the ports of two nodes of a kind.
const STEP: u16 = 100;

impl SequencerPorts {
    /// The ports of sequencer `index`: the default ones (or, with a base, counted up from it), each further sequencer
    /// 100 above.
    pub(crate) fn of(index: u16, port_base: Option<u16>) -> Self {
        let shift = index * STEP;
        let at = |default: u16, offset: u16| port_base.map_or(default, |base| base + offset) + shift;
        Self {
            public: at(5008, 0),
            admin: at(5009, 1),
            grpc_health: at(5061, 9),
            http_health: at(5063, 2),
            metrics: at(10013, 3),
            comet_p2p: at(26656, 4),
            comet_rpc: at(26657, 5),
        }
    }
}

impl MediatorPorts {
    /// The ports of mediator `index`, as those of the sequencers.
    pub(crate) fn of(index: u16, port_base: Option<u16>) -> Self {
        let shift = index * STEP;
        let at = |default: u16, offset: u16| port_base.map_or(default, |base| base + offset) + shift;
        Self { admin: at(5007, 6), grpc_health: at(5062, 10), http_health: at(5064, 7), metrics: at(10014, 8) }
    }
}

/// Name of mediator `index`, counted from 1 in its name.
pub(crate) fn mediator_name(index: u16) -> String {
    format!("mediator{}", index + 1)
}

/// Name of sequencer `index`, counted from 1 in its name.
pub(crate) fn sequencer_name(index: u16) -> String {
    format!("sequencer{}", index + 1)
}

/// Files of a network below its directory.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(dir: &Path) -> Self {
        // The nodes' configurations name their files from anywhere.
        Self { dir: std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()) }
    }

    /// What the synchronizer is, as `synod bootstrap -c` reads it.
    pub(crate) fn synchronizer(&self) -> PathBuf {
        self.dir.join("synchronizer.toml")
    }

    /// All operators of a decentralized network.
    pub(crate) fn operators(&self) -> PathBuf {
        self.dir.join("operators.toml")
    }

    /// Everything of one sequencer.
    pub(crate) fn sequencer(&self, index: u16) -> PathBuf {
        self.dir.join(sequencer_name(index))
    }

    /// Its configuration, as `synod sequencer -c` reads it.
    pub(crate) fn sequencer_config(&self, index: u16) -> PathBuf {
        self.sequencer(index).join("sequencer.toml")
    }

    /// Its database.
    pub(crate) fn sequencer_database(&self, index: u16) -> PathBuf {
        self.sequencer(index).join("sequencer.db")
    }

    /// Everything of one mediator.
    pub(crate) fn mediator(&self, index: u16) -> PathBuf {
        self.dir.join(mediator_name(index))
    }

    /// Its configuration, as `synod mediator -c` reads it.
    pub(crate) fn mediator_config(&self, index: u16) -> PathBuf {
        self.mediator(index).join("mediator.toml")
    }

    /// Its database.
    pub(crate) fn mediator_database(&self, index: u16) -> PathBuf {
        self.mediator(index).join("mediator.db")
    }

    /// Home of the CometBFT of a sequencer.
    pub(crate) fn comet_home(&self, index: u16) -> PathBuf {
        self.sequencer(index).join("cometbft")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ports_are_the_same() {
        for base in [None, Some(6000)] {
            let all = (0..10).map(|index| SequencerPorts::of(index, base));
            let ports = |ports: SequencerPorts| {
                let SequencerPorts { public, admin, grpc_health, http_health, metrics, comet_p2p, comet_rpc } = ports;
                [public, admin, grpc_health, http_health, metrics, comet_p2p, comet_rpc]
            };
            let mediators = (0..10).map(|index| MediatorPorts::of(index, base));
            let mediators =
                mediators.flat_map(|ports| [ports.admin, ports.grpc_health, ports.http_health, ports.metrics]);
            let mut all: Vec<u16> = all.flat_map(ports).chain(mediators).collect();
            all.sort_unstable();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count);
        }
        assert_eq!(SequencerPorts::of(0, None).public, 5008);
    }
}
