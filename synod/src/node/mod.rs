//! A node: its parts, wired.

mod admin;
mod broadcaster;
mod consortium;
mod foundation;
mod identity;
mod initializer;
mod keys;
mod lease;
mod log_levels;
mod mediator;
mod onboarding;
mod operations;
mod ordering;
mod security;
mod sequencer;
mod start_error;
mod status;

pub(crate) use log_levels::NodeLogLevels;
pub(crate) use mediator::MediatorNode;
pub(crate) use sequencer::SequencerNode;
pub(crate) use start_error::StartError;
