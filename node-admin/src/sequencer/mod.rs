//! What only a sequencer's administration port has.

mod administration;
mod initialization;
mod onboarding;
mod pruning;
mod status;
mod traffic;

pub use crate::InitializeRefused;
pub use administration::SequencerAdministrationAdmin;
pub use initialization::{InitializationAdmin, SequencerInitializer};
pub use onboarding::{
    InvalidOnboardingState, OnboardingReference, OnboardingRefused, OnboardingState, SequencerOnboarding,
};
pub use pruning::{
    SequencerMember, SequencerPruneRefused, SequencerPruning, SequencerPruningAdmin, SequencerPruningState,
};
pub use status::{SequencerStatusAdmin, SequencerStatusSource, SequencerStatusView};
pub use traffic::{PurchaseRefused, SequencerTraffic, TrafficTime};
