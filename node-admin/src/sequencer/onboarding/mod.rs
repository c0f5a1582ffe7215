//! The state from which a further sequencer starts: `OnboardingStateV2` at one that runs, and
//! `InitializeSequencerFromOnboardingStateV2` at the new one (chapter 05 §1.8).

mod read;
mod state;

use std::fmt::Debug;

use bytes::Bytes;
use synod_proto::sequencer::admin::v30::onboarding_state_v2_request::Request as Reference;
use synod_types::{CantonTimestamp, SequencerId, UniqueIdentifier};
use thiserror::Error;
use tonic::async_trait;

use crate::errors::{AdminError, ErrorCode, Trace, malformed};
use crate::{NodeFault, StageReceiver};

pub use state::{InvalidOnboardingState, OnboardingState};

/// Of Synod: nobody can join what one sequencer orders alone.
const SEQUENCER_ONBOARDING_NOT_POSSIBLE: ErrorCode = ErrorCode { id: "SEQUENCER_ONBOARDING_NOT_POSSIBLE", category: 9 };
const TOPOLOGY_MISSING_MAPPING: ErrorCode = ErrorCode { id: "TOPOLOGY_MISSING_MAPPING", category: 11 };
const BLOCK_NOT_FOUND: ErrorCode = ErrorCode { id: "BLOCK_NOT_FOUND", category: 9 };

/// From when on the new sequencer is to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnboardingReference {
    /// From when it is a sequencer of the synchronizer.
    Sequencer(SequencerId),
    /// From a time on.
    Time(CantonTimestamp),
}

/// Why there is no state for a further sequencer.
#[derive(Debug, Error)]
pub enum OnboardingRefused {
    /// The sequencer orders by itself: no other can follow its blocks.
    #[error(
        "This sequencer orders the synchronizer by itself, so that no other sequencer can join it; several sequencers need \
         the decentralized mode from the beginning"
    )]
    NotPossible,
    /// The topology never listed the sequencer (`TopologyManagerError.MissingTopologyMapping`).
    #[error("The following members are missing certain topology mappings: {}: SequencerSynchronizerState", .0.member())]
    NotListed(SequencerId),
    /// There is no event at or after the time (`SequencerError.BlockNotFound`).
    #[error("Invalid timestamp {0}")]
    NoBlock(CantonTimestamp),
    /// The node could not answer.
    #[error(transparent)]
    Fault(#[from] NodeFault),
}

impl OnboardingRefused {
    pub(super) fn status(self, trace: &Trace, stage: &StageReceiver) -> tonic::Status {
        let text = self.to_string();
        let code = match self {
            Self::NotPossible => SEQUENCER_ONBOARDING_NOT_POSSIBLE,
            Self::NotListed(_) => TOPOLOGY_MISSING_MAPPING,
            Self::NoBlock(_) => BLOCK_NOT_FOUND,
            Self::Fault(fault) => return fault.status(stage),
        };
        AdminError::new(code, text).status(trace)
    }
}

/// The sequencer behind the service.
#[async_trait]
pub trait SequencerOnboarding: Debug + Send + Sync {
    /// The state after a block at or after the reference. Waits until a sequencer that is listed is one.
    ///
    /// # Errors
    /// [`OnboardingRefused`].
    async fn onboarding_state(&self, reference: OnboardingReference) -> Result<OnboardingState, OnboardingRefused>;
}

/// What a call asks for (`GrpcSequencerAdministrationService.memberOrTimestamp`).
pub(super) fn reference(request: Option<Reference>) -> Result<OnboardingReference, AdminError> {
    match request {
        None => Err(malformed("Field `sequencer_uid` is not set")),
        Some(Reference::SequencerUid(uid)) => {
            let uid = UniqueIdentifier::parse(&uid).map_err(malformed)?;
            Ok(OnboardingReference::Sequencer(SequencerId::new(uid)))
        }
        Some(Reference::Timestamp(time)) => {
            let time = CantonTimestamp::from_seconds_and_nanos(time.seconds, time.nanos).map_err(malformed)?;
            Ok(OnboardingReference::Time(time))
        }
    }
}

/// Reads what a new sequencer was given.
pub(super) fn parse(bytes: &Bytes) -> Result<OnboardingState, AdminError> {
    OnboardingState::parse(bytes).map_err(|error| malformed(synod_runtime::Chain(&error)))
}
