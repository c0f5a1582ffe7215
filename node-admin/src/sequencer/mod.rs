//! What only a sequencer's administration port has.

mod initialization;
mod status;

pub use initialization::{InitializationAdmin, InitializeRefused, SequencerInitializer};
pub use status::{SequencerStatusAdmin, SequencerStatusSource, SequencerStatusView};
