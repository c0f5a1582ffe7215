//! The tick at the end of a block: an empty event that makes time pass for everybody (ch. 03 §3.10).

use synod_types::{CantonTimestamp, MemberIndex, MessageId, Recipient};
use synod_wire::Batch;

use crate::draft::Draft;
use crate::{EventKind, EventRecipients, EventRecord, groups};

impl Draft<'_> {
    /// Emits a tick if a pending topology change became effective within this block, or if ordering asks for one.
    pub(crate) fn tick(&mut self) {
        let (last, base) = (self.state.last_time, self.block.base_time);
        if self.pending_topology_is_due() {
            self.state.latest_pending_topology = None;
            let at_least = last.max(base).max(self.block.tick_at.unwrap_or(CantonTimestamp::MIN));
            self.emit_tick(at_least, |_, _| EventRecipients::All);
        } else if let Some(at_least) = self.block.tick_at {
            self.emit_tick(at_least, Self::sequencers_at);
        }
    }

    fn pending_topology_is_due(&self) -> bool {
        let Some(pending) = self.state.latest_pending_topology else { return false };
        let effective = self.state.synchronizer.effective(pending);
        let end = self.state.last_time.immediate_successor().max(self.block.base_time);
        self.machine.ticks(&self.state) && self.last_block_time < effective && effective < end
    }

    fn emit_tick(&mut self, at_least: CantonTimestamp, recipients: impl Fn(&Self, CantonTimestamp) -> EventRecipients) {
        let time = self.state.last_time.immediate_successor().max(at_least);
        let text = format!("topology-tick-{}", self.block.height);
        let message_id = MessageId::parse(&text).expect("14 letters and at most 20 digits are fewer than 73");
        let event = EventRecord {
            time,
            kind: EventKind::Deliver,
            sender: None,
            message_id,
            recipients: recipients(self, time),
            groups: Vec::new(),
            batch: Some(Batch::empty(self.state.protocol_version()).to_compressed_proto()),
            status: None,
            topology_timestamp: None,
            receipt: None,
        };
        self.event(event, &[]);
        self.state.latest_sequencer_event = Some(time);
        self.expire_aggregations(time);
    }

    fn sequencers_at(&self, time: CantonTimestamp) -> EventRecipients {
        let snapshot = self.state.snapshot(time);
        let sequencers = groups::members_of(&snapshot, &Recipient::SequencersOfSynchronizer).unwrap_or_default();
        let registrations = sequencers.iter().filter_map(|member| self.state.members.get(member));
        let mut members: Vec<MemberIndex> = registrations.map(|registration| registration.index).collect();
        members.sort_unstable();
        EventRecipients::Members(members)
    }
}
