//! What the last words of CometBFT mean, and what to do.

use std::fmt;

/// A known reason for which CometBFT does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diagnosis {
    /// Our database is ahead of CometBFT's blocks.
    StateTooNew,
    /// Our database is further behind than the oldest block that CometBFT has.
    StateTooOld,
    /// Both are at the same block and disagree on its result.
    Diverged,
    /// Another CometBFT runs in this home.
    HomeInUse,
    /// A port that it listens on is taken.
    PortTaken,
}

/// Texts by CometBFT 0.38 (`state/errors.go`, `consensus/replay.go`, goleveldb, net).
const TEXTS: [(&str, Diagnosis); 7] = [
    ("is higher than core", Diagnosis::StateTooNew),
    ("is too far below block store base", Diagnosis::StateTooOld),
    ("does not match app's AppHash", Diagnosis::Diverged),
    ("state.AppHash does not match AppHash", Diagnosis::Diverged),
    ("block.AppHash does not match AppHash", Diagnosis::Diverged),
    ("resource temporarily unavailable", Diagnosis::HomeInUse),
    ("address already in use", Diagnosis::PortTaken),
];

impl Diagnosis {
    /// Looks for a known text in the last words.
    pub(crate) fn of(last_words: &str) -> Option<Self> {
        TEXTS.iter().find(|(text, _)| last_words.contains(text)).map(|(_, diagnosis)| *diagnosis)
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StateTooNew => {
                "the sequencer's database is newer than CometBFT's data: restore a database that was saved before \
                 CometBFT's data, never after, or the CometBFT data that belongs to it"
            }
            Self::StateTooOld => {
                "the sequencer's database is older than the first block that CometBFT kept: restore a newer database, \
                 or let CometBFT fetch all blocks again into an empty data folder"
            }
            Self::Diverged => {
                "the sequencer's database and CometBFT disagree on the result of a block: keep both for inspection and \
                 restore them from a copy, or onboard this sequencer anew"
            }
            Self::HomeInUse => "another CometBFT is running in this home: end it first",
            Self::PortTaken => "one of its ports is in use",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_cometbft_are_recognized() {
        for (text, expected) in [
            ("error on replay: app block height (9) is higher than core (7)", Some(Diagnosis::StateTooNew)),
            ("app block height (1) is too far below block store base (5)", Some(Diagnosis::StateTooOld)),
            (
                "panic: state.AppHash does not match AppHash after replay. Got AA, expected BB.",
                Some(Diagnosis::Diverged),
            ),
            ("listen tcp 127.0.0.1:26657: bind: address already in use", Some(Diagnosis::PortTaken)),
            ("something else", None),
        ] {
            assert_eq!(Diagnosis::of(text), expected, "{text}");
        }
    }
}
