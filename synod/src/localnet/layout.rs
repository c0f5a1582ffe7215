//! Which ports and directories the nodes of a localnet have.

use std::path::{Path, PathBuf};

/// Ports of one sequencer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SequencerPorts {
    pub(crate) public: u16,
    pub(crate) admin: u16,
    pub(crate) http_health: u16,
    pub(crate) metrics: u16,
}

/// Distance between the ports of two sequencers.
const STEP: u16 = 100;

impl SequencerPorts {
    /// The ports of sequencer `index`: the default ones (or, with a base, counted up from it), each further sequencer
    /// 100 above.
    pub(crate) fn of(index: u16, port_base: Option<u16>) -> Self {
        let shift = index * STEP;
        let at = |default: u16, offset: u16| port_base.map_or(default, |base| base + offset) + shift;
        Self { public: at(5008, 0), admin: at(5009, 1), http_health: at(5063, 2), metrics: at(10013, 3) }
    }
}

/// Directory of sequencer `index`, counted from 1 in its name.
pub(crate) fn sequencer_dir(dir: &Path, index: u16) -> PathBuf {
    dir.join(format!("sequencer{}", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ports_are_the_same() {
        for base in [None, Some(6000)] {
            let all = (0..4).map(|index| SequencerPorts::of(index, base));
            let mut all: Vec<u16> =
                all.flat_map(|ports| [ports.public, ports.admin, ports.http_health, ports.metrics]).collect();
            all.sort_unstable();
            let count = all.len();
            all.dedup();
            assert_eq!(all.len(), count);
        }
        assert_eq!(SequencerPorts::of(0, None).public, 5008);
    }
}
