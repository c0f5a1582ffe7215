//! A node: its parts, wired.

mod admin;
mod identity;
mod initializer;
mod log_levels;
mod sequencer;
mod status;

pub(crate) use log_levels::NodeLogLevels;
pub(crate) use sequencer::{SequencerNode, StartError};
