//! Dynamic synchronizer parameters as they are written: in `[parameters]` of `synchronizer.toml`, and on the command line.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use synod_topology::{
    AcsCommitmentsCatchUp, DynamicSynchronizerParameters, OnboardingRestriction, TrafficControlParameters,
};

/// `[parameters]`: dynamic synchronizer parameters under Canton's names, times in milliseconds. What is absent stays as it
/// is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ParametersEntry {
    /// How long participants may take to respond, in milliseconds.
    pub(crate) confirmation_response_timeout_ms: Option<u64>,
    /// How long the mediator may take after that, in milliseconds.
    pub(crate) mediator_reaction_timeout_ms: Option<u64>,
    /// How long only the submitter of an unassignment may assign, in milliseconds.
    pub(crate) assignment_exclusivity_timeout_ms: Option<u64>,
    /// Most difference between ledger time and record time, in milliseconds.
    pub(crate) ledger_time_record_time_tolerance_ms: Option<u64>,
    /// Most difference between preparation time and record time, in milliseconds.
    pub(crate) preparation_time_record_time_tolerance_ms: Option<u64>,
    /// Time between commitments, in whole seconds of milliseconds.
    pub(crate) reconciliation_interval_ms: Option<u64>,
    /// How long the mediator remembers the ids of requests, in milliseconds.
    pub(crate) mediator_deduplication_timeout_ms: Option<u64>,
    /// How far ahead the maximum sequencing time of an aggregation may be, in milliseconds.
    pub(crate) sequencer_aggregate_submission_timeout_ms: Option<u64>,
    /// Longest request, in bytes.
    pub(crate) max_request_size: Option<u32>,
    /// Confirmation requests per second that each participant may send.
    pub(crate) confirmation_requests_max_rate: Option<u32>,
    /// Who may join.
    pub(crate) onboarding_restriction: Option<OnboardingEntry>,
    /// What members may send; what is absent in it is Canton's default where it was off.
    pub(crate) traffic_control: Option<TrafficControlEntry>,
    /// How participants catch up with commitments; what is absent in it is Canton's default where it was off.
    pub(crate) acs_commitments_catch_up: Option<CatchUpEntry>,
}

/// Who may join a synchronizer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OnboardingEntry {
    /// Every participant.
    UnrestrictedOpen,
    /// Nobody now.
    UnrestrictedLocked,
    /// Participants with a permission.
    RestrictedOpen,
    /// Nobody now, and later those with a permission.
    RestrictedLocked,
}

/// `[parameters.traffic_control]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TrafficControlEntry {
    /// Most base traffic of a member, in bytes.
    pub(crate) max_base_traffic_amount: Option<u64>,
    /// How long it takes until a member has that much, in milliseconds.
    pub(crate) max_base_traffic_accumulation_duration_ms: Option<u64>,
    /// Cost of a recipient in ten-thousandths of the cost of the bytes.
    pub(crate) read_vs_write_scaling_factor: Option<u32>,
    /// Time in which a purchase is sequenced, in milliseconds.
    pub(crate) set_balance_request_submission_window_size_ms: Option<u64>,
    /// Whether what exceeds a member's traffic is refused.
    pub(crate) enforce_rate_limiting: Option<bool>,
    /// Cost of every event, in bytes.
    pub(crate) base_event_cost: Option<u64>,
    /// Whether confirmation responses cost nothing.
    pub(crate) free_confirmation_responses: Option<bool>,
}

/// `[parameters.acs_commitments_catch_up]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CatchUpEntry {
    /// Reconciliation intervals that are skipped.
    pub(crate) catchup_interval_skip: Option<u32>,
    /// Intervals behind that start it.
    pub(crate) nr_intervals_to_trigger_catchup: Option<u32>,
}

impl OnboardingEntry {
    const fn restriction(self) -> OnboardingRestriction {
        match self {
            Self::UnrestrictedOpen => OnboardingRestriction::UnrestrictedOpen,
            Self::UnrestrictedLocked => OnboardingRestriction::UnrestrictedLocked,
            Self::RestrictedOpen => OnboardingRestriction::RestrictedOpen,
            Self::RestrictedLocked => OnboardingRestriction::RestrictedLocked,
        }
    }

    const fn of(restriction: OnboardingRestriction) -> Self {
        match restriction {
            OnboardingRestriction::UnrestrictedOpen => Self::UnrestrictedOpen,
            OnboardingRestriction::UnrestrictedLocked => Self::UnrestrictedLocked,
            OnboardingRestriction::RestrictedOpen => Self::RestrictedOpen,
            OnboardingRestriction::RestrictedLocked => Self::RestrictedLocked,
        }
    }
}

fn set<T>(to: &mut T, from: Option<T>) {
    if let Some(from) = from {
        *to = from;
    }
}

fn set_ms(to: &mut Duration, from: Option<u64>) {
    set(to, from.map(Duration::from_millis));
}

fn set_i64(to: &mut i64, from: Option<u64>) {
    set(to, from.map(|from| i64::try_from(from).unwrap_or(i64::MAX)));
}

fn ms(duration: Duration) -> Option<u64> {
    u64::try_from(duration.as_millis()).ok()
}

impl ParametersEntry {
    /// Canton's initial values, changed.
    pub(super) fn dynamic_parameters(&self) -> DynamicSynchronizerParameters {
        let mut parameters = DynamicSynchronizerParameters::default();
        self.change(&mut parameters);
        parameters
    }

    /// Changes what is named here.
    pub(crate) fn change(&self, to: &mut DynamicSynchronizerParameters) {
        set_ms(&mut to.confirmation_response_timeout, self.confirmation_response_timeout_ms);
        set_ms(&mut to.mediator_reaction_timeout, self.mediator_reaction_timeout_ms);
        set_ms(&mut to.assignment_exclusivity_timeout, self.assignment_exclusivity_timeout_ms);
        set_ms(&mut to.ledger_time_record_time_tolerance, self.ledger_time_record_time_tolerance_ms);
        set_ms(&mut to.preparation_time_record_time_tolerance, self.preparation_time_record_time_tolerance_ms);
        set_ms(&mut to.reconciliation_interval, self.reconciliation_interval_ms);
        set_ms(&mut to.mediator_deduplication_timeout, self.mediator_deduplication_timeout_ms);
        set_ms(&mut to.sequencer_aggregate_submission_timeout, self.sequencer_aggregate_submission_timeout_ms);
        set(&mut to.max_request_size, self.max_request_size);
        set(&mut to.confirmation_requests_max_rate, self.confirmation_requests_max_rate);
        set(&mut to.onboarding_restriction, self.onboarding_restriction.map(OnboardingEntry::restriction));
        if let Some(entry) = &self.traffic_control {
            entry.change(to.traffic_control.get_or_insert_default());
        }
        if let Some(entry) = &self.acs_commitments_catch_up {
            let initial = || DynamicSynchronizerParameters::default().acs_commitments_catch_up;
            if let Some(mut catch_up) = to.acs_commitments_catch_up.or_else(initial) {
                set(&mut catch_up.catchup_interval_skip, entry.catchup_interval_skip);
                set(&mut catch_up.nr_intervals_to_trigger_catchup, entry.nr_intervals_to_trigger_catchup);
                to.acs_commitments_catch_up = Some(catch_up);
            }
        }
    }

    /// All of these parameters; what is off is absent. Times are cut to milliseconds.
    pub(crate) fn all(parameters: &DynamicSynchronizerParameters) -> Self {
        Self {
            confirmation_response_timeout_ms: ms(parameters.confirmation_response_timeout),
            mediator_reaction_timeout_ms: ms(parameters.mediator_reaction_timeout),
            assignment_exclusivity_timeout_ms: ms(parameters.assignment_exclusivity_timeout),
            ledger_time_record_time_tolerance_ms: ms(parameters.ledger_time_record_time_tolerance),
            preparation_time_record_time_tolerance_ms: ms(parameters.preparation_time_record_time_tolerance),
            reconciliation_interval_ms: ms(parameters.reconciliation_interval),
            mediator_deduplication_timeout_ms: ms(parameters.mediator_deduplication_timeout),
            sequencer_aggregate_submission_timeout_ms: ms(parameters.sequencer_aggregate_submission_timeout),
            max_request_size: Some(parameters.max_request_size),
            confirmation_requests_max_rate: Some(parameters.confirmation_requests_max_rate),
            onboarding_restriction: Some(OnboardingEntry::of(parameters.onboarding_restriction)),
            traffic_control: parameters.traffic_control.as_ref().map(TrafficControlEntry::all),
            acs_commitments_catch_up: parameters.acs_commitments_catch_up.map(CatchUpEntry::all),
        }
    }
}

impl TrafficControlEntry {
    fn change(&self, to: &mut TrafficControlParameters) {
        set_i64(&mut to.max_base_traffic_amount, self.max_base_traffic_amount);
        set_ms(&mut to.max_base_traffic_accumulation_duration, self.max_base_traffic_accumulation_duration_ms);
        set(&mut to.read_vs_write_scaling_factor, self.read_vs_write_scaling_factor);
        set_ms(&mut to.set_balance_request_submission_window_size, self.set_balance_request_submission_window_size_ms);
        set(&mut to.enforce_rate_limiting, self.enforce_rate_limiting);
        set_i64(&mut to.base_event_cost, self.base_event_cost);
        set(&mut to.free_confirmation_responses, self.free_confirmation_responses);
    }

    fn all(parameters: &TrafficControlParameters) -> Self {
        Self {
            max_base_traffic_amount: u64::try_from(parameters.max_base_traffic_amount).ok(),
            max_base_traffic_accumulation_duration_ms: ms(parameters.max_base_traffic_accumulation_duration),
            read_vs_write_scaling_factor: Some(parameters.read_vs_write_scaling_factor),
            set_balance_request_submission_window_size_ms: ms(parameters.set_balance_request_submission_window_size),
            enforce_rate_limiting: Some(parameters.enforce_rate_limiting),
            base_event_cost: u64::try_from(parameters.base_event_cost).ok(),
            free_confirmation_responses: Some(parameters.free_confirmation_responses),
        }
    }
}

impl CatchUpEntry {
    const fn all(parameters: AcsCommitmentsCatchUp) -> Self {
        Self {
            catchup_interval_skip: Some(parameters.catchup_interval_skip),
            nr_intervals_to_trigger_catchup: Some(parameters.nr_intervals_to_trigger_catchup),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parameters_are_told_and_read() {
        let parameters = DynamicSynchronizerParameters {
            max_request_size: 7,
            onboarding_restriction: OnboardingRestriction::RestrictedLocked,
            traffic_control: Some(TrafficControlParameters { base_event_cost: 9, ..Default::default() }),
            acs_commitments_catch_up: Some(AcsCommitmentsCatchUp {
                catchup_interval_skip: 3,
                nr_intervals_to_trigger_catchup: 4,
            }),
            confirmation_response_timeout: Duration::from_millis(1_234),
            ..DynamicSynchronizerParameters::default()
        };
        assert_eq!(ParametersEntry::all(&parameters).dynamic_parameters(), parameters);
        let told = serde_json::to_value(ParametersEntry::all(&parameters)).expect("JSON");
        let is_complete =
            |object: &serde_json::Value| !object.as_object().expect("an object").values().any(|value| value.is_null());
        assert!(is_complete(&told) && is_complete(&told["traffic_control"]), "{told}");
    }

    #[test]
    fn a_parameter_of_what_is_off_turns_it_on() {
        let mut parameters = DynamicSynchronizerParameters {
            acs_commitments_catch_up: None,
            ..DynamicSynchronizerParameters::default()
        };
        let entry = ParametersEntry {
            traffic_control: Some(TrafficControlEntry { base_event_cost: Some(9), ..Default::default() }),
            acs_commitments_catch_up: Some(CatchUpEntry { catchup_interval_skip: Some(3), ..Default::default() }),
            ..ParametersEntry::default()
        };
        entry.change(&mut parameters);
        let traffic = TrafficControlParameters { base_event_cost: 9, ..TrafficControlParameters::default() };
        assert_eq!(parameters.traffic_control, Some(traffic));
        let catch_up = AcsCommitmentsCatchUp { catchup_interval_skip: 3, nr_intervals_to_trigger_catchup: 2 };
        assert_eq!(parameters.acs_commitments_catch_up, Some(catch_up));
    }
}
