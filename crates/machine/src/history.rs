//! How much of the topology's history a state keeps.

use synod_types::CantonTimestamp;

use crate::State;

impl State {
    /// Forgets the topology before the earliest time that a later event can be judged by. No outcome depends on it: a state
    /// that was restored, and knows more, gives the same.
    ///
    /// What reaches further back needs keys or parameters, which the topology keeps: acknowledgements (ch. 03 §3.9), the
    /// signatures of old events, and traffic at an old time.
    pub(crate) fn forget_history(&mut self) {
        self.topology.prune_window(self.oldest_topology());
    }

    /// The earliest time whose topology a request may still name. A time may be named for as long as the parameters in
    /// force *at that time* say (ch. 03 §3.6 and §5.4), and later events have later times.
    fn oldest_topology(&self) -> CantonTimestamp {
        let now = self.last_time;
        let head = self.topology.head_snapshot();
        let earliest = head.parameter_changes().into_iter().filter_map(|change| {
            let parameters = change.value;
            let tolerance = parameters
                .sequencer_topology_timestamp_tolerance()
                .max(parameters.submission_cost_timestamp_topology_tolerance());
            let can_be_named = change.valid_until.is_none_or(|until| until.saturating_add(tolerance) >= now);
            can_be_named.then(|| change.valid_from.max(now.saturating_sub(tolerance)))
        });
        earliest.min().map_or(now, |earliest| earliest.min(now))
    }
}
