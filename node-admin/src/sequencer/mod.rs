//! What only a sequencer's administration port has.

mod initialization;
mod status;

pub use crate::InitializeRefused;
pub use initialization::{InitializationAdmin, SequencerInitializer};
pub use status::{SequencerStatusAdmin, SequencerStatusSource, SequencerStatusView};
