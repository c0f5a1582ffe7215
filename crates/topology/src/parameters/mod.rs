//! Parameters of a synchronizer (ch. 02 §5).

mod duration;
mod dynamic;
mod fixed;
mod traffic;

pub use dynamic::{AcsCommitmentsCatchUp, DynamicSynchronizerParameters, OnboardingRestriction};
pub use fixed::{RequiredEncryptionSpecs, RequiredSigningSpecs, StaticSynchronizerParameters};
pub use traffic::TrafficControlParameters;
