//! What the owners of a synchronizer can change about it (ch. 02 §5.1, `DynamicSynchronizerParameters`).

use std::fmt;
use std::time::Duration;

use synod_crypto::InvalidEnumValue;
use synod_proto::protocol::v30;

use super::duration::{non_negative, positive_seconds, to_proto};
use crate::InvalidMessage;
use crate::TrafficControlParameters;
use crate::error::ensure;
use crate::number::{non_negative_u32, positive_u32};

/// Who may join a synchronizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnboardingRestriction {
    /// 1: everybody.
    UnrestrictedOpen,
    /// 2: nobody for now.
    UnrestrictedLocked,
    /// 3: participants with a permission.
    RestrictedOpen,
    /// 4: nobody for now; later participants with a permission.
    RestrictedLocked,
}

impl OnboardingRestriction {
    const ALL: [Self; 4] =
        [Self::UnrestrictedOpen, Self::UnrestrictedLocked, Self::RestrictedOpen, Self::RestrictedLocked];

    fn from_number(number: i32) -> Result<Self, InvalidEnumValue> {
        const FIELD: &str = "onboarding_restriction";
        match Self::ALL.into_iter().find(|value| value.number() == number) {
            Some(value) => Ok(value),
            None if number == 0 => Err(InvalidEnumValue::NotSet { field: FIELD }),
            None => Err(InvalidEnumValue::Unrecognized { field: FIELD, number }),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32 + 1
    }

    /// Whether nobody may join for now.
    #[must_use]
    pub const fn is_locked(self) -> bool {
        matches!(self, Self::UnrestrictedLocked | Self::RestrictedLocked)
    }

    /// Whether a participant needs a permission.
    #[must_use]
    pub const fn is_restricted(self) -> bool {
        matches!(self, Self::RestrictedOpen | Self::RestrictedLocked)
    }
}

/// Canton's name.
impl fmt::Display for OnboardingRestriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// How participants catch up with commitments (`AcsCommitmentsCatchUpParameters`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcsCommitmentsCatchUp {
    /// Reconciliation intervals that are skipped; above zero, below 2³¹.
    pub catchup_interval_skip: u32,
    /// Intervals behind that start it; above zero, below 2³¹.
    pub nr_intervals_to_trigger_catchup: u32,
}

impl AcsCommitmentsCatchUp {
    /// Canton throws, rather than refuses, what breaks the last two rules.
    fn from_proto(proto: v30::AcsCommitmentsCatchUpConfig) -> Result<Self, InvalidMessage> {
        let skip = positive_u32("catchup_interval_skip", proto.catchup_interval_skip)?;
        let trigger = positive_u32("nr_intervals_to_trigger_catchup", proto.nr_intervals_to_trigger_catchup)?;
        let product = i64::from(skip) * i64::from(trigger);
        ensure(i32::try_from(product).is_ok(), "the catch-up interval overflows")?;
        ensure((skip, trigger) != (1, 1), "it is not possible to catch up with a single interval")?;
        Ok(Self { catchup_interval_skip: skip, nr_intervals_to_trigger_catchup: trigger })
    }
}

/// What the owners of a synchronizer can change about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DynamicSynchronizerParameters {
    /// How long participants may take to respond.
    pub confirmation_response_timeout: Duration,
    /// How long the mediator may take after that.
    pub mediator_reaction_timeout: Duration,
    /// How long only the submitter of an unassignment may assign.
    pub assignment_exclusivity_timeout: Duration,
    /// Most difference between ledger time and record time.
    pub ledger_time_record_time_tolerance: Duration,
    /// Time between commitments; whole seconds, at least one.
    pub reconciliation_interval: Duration,
    /// How long the mediator remembers the ids of requests.
    pub mediator_deduplication_timeout: Duration,
    /// Longest request in bytes, below 2³¹.
    pub max_request_size: u32,
    /// Who may join.
    pub onboarding_restriction: OnboardingRestriction,
    /// Confirmation requests per second that each participant may send, below 2³¹.
    pub confirmation_requests_max_rate: u32,
    /// How far ahead the maximum sequencing time of an aggregation may be.
    pub sequencer_aggregate_submission_timeout: Duration,
    /// Traffic control; off when `None`.
    pub traffic_control: Option<TrafficControlParameters>,
    /// How participants catch up with commitments; off when `None`.
    pub acs_commitments_catch_up: Option<AcsCommitmentsCatchUp>,
    /// Most difference between preparation time and record time; at most half of the deduplication timeout.
    pub preparation_time_record_time_tolerance: Duration,
}

/// Canton's initial values (`DynamicSynchronizerParameters.initialValues`).
impl Default for DynamicSynchronizerParameters {
    fn default() -> Self {
        Self {
            confirmation_response_timeout: Duration::from_secs(30),
            mediator_reaction_timeout: Duration::from_secs(30),
            assignment_exclusivity_timeout: Duration::from_mins(1),
            ledger_time_record_time_tolerance: Duration::from_mins(1),
            reconciliation_interval: Duration::from_mins(1),
            mediator_deduplication_timeout: Duration::from_hours(48),
            max_request_size: 10 * 1_024 * 1_024,
            onboarding_restriction: OnboardingRestriction::UnrestrictedOpen,
            confirmation_requests_max_rate: 1_000_000,
            sequencer_aggregate_submission_timeout: Duration::from_mins(6),
            traffic_control: None,
            acs_commitments_catch_up: Some(AcsCommitmentsCatchUp {
                catchup_interval_skip: 5,
                nr_intervals_to_trigger_catchup: 2,
            }),
            preparation_time_record_time_tolerance: Duration::from_hours(24),
        }
    }
}

impl DynamicSynchronizerParameters {
    /// How long until a request is decided at the latest: the first two timeouts together.
    #[must_use]
    pub const fn decision_timeout(&self) -> Duration {
        self.confirmation_response_timeout.saturating_add(self.mediator_reaction_timeout)
    }

    /// How old the topology may be that a sender names in a request (protocol version 34): twice the decision timeout.
    #[must_use]
    pub const fn sequencer_topology_timestamp_tolerance(&self) -> Duration {
        self.decision_timeout().saturating_mul(2)
    }

    /// How old the topology may be by which a sender computed its cost: as long.
    #[must_use]
    pub const fn submission_cost_timestamp_topology_tolerance(&self) -> Duration {
        self.sequencer_topology_timestamp_tolerance()
    }

    pub(crate) fn from_proto(proto: &v30::DynamicSynchronizerParameters) -> Result<Self, InvalidMessage> {
        let limits = proto
            .participant_synchronizer_limits
            .as_ref()
            .ok_or(InvalidMessage::FieldNotSet { field: "participant_synchronizer_limits" })?;
        let ledger_time_record_time_tolerance =
            non_negative("ledger_time_record_time_tolerance", proto.ledger_time_record_time_tolerance)?;
        let preparation =
            proto.preparation_time_record_time_tolerance.map_or(Ok(ledger_time_record_time_tolerance), |duration| {
                non_negative("preparation_time_record_time_tolerance", Some(duration))
            })?;
        let parameters = Self {
            confirmation_response_timeout: non_negative(
                "confirmation_response_timeout",
                proto.confirmation_response_timeout,
            )?,
            mediator_reaction_timeout: non_negative("mediator_reaction_timeout", proto.mediator_reaction_timeout)?,
            assignment_exclusivity_timeout: non_negative(
                "assignment_exclusivity_timeout",
                proto.assignment_exclusivity_timeout,
            )?,
            ledger_time_record_time_tolerance,
            reconciliation_interval: positive_seconds("reconciliation_interval", proto.reconciliation_interval)?,
            mediator_deduplication_timeout: non_negative(
                "mediator_deduplication_timeout",
                proto.mediator_deduplication_timeout,
            )?,
            max_request_size: non_negative_u32("max_request_size", proto.max_request_size)?,
            onboarding_restriction: OnboardingRestriction::from_number(proto.onboarding_restriction)?,
            confirmation_requests_max_rate: non_negative_u32(
                "confirmation_requests_max_rate",
                limits.confirmation_requests_max_rate,
            )?,
            sequencer_aggregate_submission_timeout: non_negative(
                "sequencer_aggregate_submission_timeout",
                proto.sequencer_aggregate_submission_timeout,
            )?,
            traffic_control: proto.traffic_control.as_ref().map(TrafficControlParameters::from_proto).transpose()?,
            acs_commitments_catch_up: proto
                .acs_commitments_catchup
                .map(AcsCommitmentsCatchUp::from_proto)
                .transpose()?,
            preparation_time_record_time_tolerance: preparation,
        };
        parameters.check()?;
        Ok(parameters)
    }

    fn check(&self) -> Result<(), InvalidMessage> {
        // On the JVM doubling overflows beyond 2⁶³ − 1 seconds.
        let doubled = self.preparation_time_record_time_tolerance.checked_mul(2);
        ensure(
            doubled.is_some_and(|doubled| doubled <= self.mediator_deduplication_timeout),
            "the tolerance of preparation time is more than half of the deduplication timeout",
        )
    }

    /// The message of these parameters.
    #[must_use]
    pub fn to_proto(&self) -> v30::DynamicSynchronizerParameters {
        v30::DynamicSynchronizerParameters {
            confirmation_response_timeout: to_proto(self.confirmation_response_timeout),
            mediator_reaction_timeout: to_proto(self.mediator_reaction_timeout),
            assignment_exclusivity_timeout: to_proto(self.assignment_exclusivity_timeout),
            ledger_time_record_time_tolerance: to_proto(self.ledger_time_record_time_tolerance),
            reconciliation_interval: to_proto(self.reconciliation_interval),
            mediator_deduplication_timeout: to_proto(self.mediator_deduplication_timeout),
            max_request_size: self.max_request_size,
            onboarding_restriction: self.onboarding_restriction.number(),
            participant_synchronizer_limits: Some(v30::ParticipantSynchronizerLimits {
                confirmation_requests_max_rate: self.confirmation_requests_max_rate,
            }),
            sequencer_aggregate_submission_timeout: to_proto(self.sequencer_aggregate_submission_timeout),
            traffic_control: self.traffic_control.as_ref().map(TrafficControlParameters::to_proto),
            acs_commitments_catchup: self.acs_commitments_catch_up.map(|catch_up| v30::AcsCommitmentsCatchUpConfig {
                catchup_interval_skip: catch_up.catchup_interval_skip,
                nr_intervals_to_trigger_catchup: catch_up.nr_intervals_to_trigger_catchup,
            }),
            preparation_time_record_time_tolerance: to_proto(self.preparation_time_record_time_tolerance),
        }
    }
}
