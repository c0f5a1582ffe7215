//! A node: its parts, wired.

mod admin;
mod consortium;
mod identity;
mod initializer;
mod log_levels;
mod ordering;
mod sequencer;
mod status;

pub(crate) use log_levels::NodeLogLevels;
pub(crate) use sequencer::{SequencerNode, StartError};
