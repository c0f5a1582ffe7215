//! Makes frames out of entries.

use std::sync::Arc;

use synod_store::OutboxFrame;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, SequencerId};

use super::CometFault;
use crate::Entry;
use crate::frame::{FrameContent, FrameSigner, MAX_FRAME_BYTES, MAX_FRAME_ENTRIES, NONCE_BYTES, OrderingFrame};

/// A frame is closed before it becomes larger than this, unless it is empty. CometBFT's cost is per transaction, and
/// beyond this size there is nothing left to save.
const FULL_FRAME_BYTES: usize = 100_000;
/// Bytes of an entry beside its own: tags, lengths, kind.
const ENTRY_OVERHEAD_BYTES: usize = 16;
/// Bytes of a frame beside its entries, at most: identifiers, signature.
const FRAME_OVERHEAD_BYTES: usize = 16 * 1024;

/// Largest entry that a frame can hold.
pub(super) const MAX_ENTRY_BYTES: usize = MAX_FRAME_BYTES - FRAME_OVERHEAD_BYTES;

/// Signs frames for one sequencer.
#[derive(Debug)]
pub(super) struct Framer {
    pub(super) synchronizer: PhysicalSynchronizerId,
    pub(super) origin: SequencerId,
    pub(super) signer: Arc<dyn FrameSigner>,
}

impl Framer {
    /// Frames that hold `entries` in their order.
    pub(super) fn frame(
        &self,
        entries: Vec<Entry>,
        valid_until: CantonTimestamp,
    ) -> Result<Vec<OutboxFrame>, CometFault> {
        split(entries).into_iter().map(|entries| self.seal(entries, valid_until)).collect()
    }

    fn seal(&self, entries: Vec<Entry>, valid_until: CantonTimestamp) -> Result<OutboxFrame, CometFault> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(CometFault::Random)?;
        let content = FrameContent {
            synchronizer: self.synchronizer.clone(),
            origin: self.origin.clone(),
            nonce,
            valid_until,
            entries,
        };
        let (frame, bytes) = OrderingFrame::seal(content, self.signer.as_ref()).map_err(CometFault::Signing)?;
        Ok(OutboxFrame { id: *frame.id(), frame: bytes, valid_until })
    }
}

/// Splits entries into groups for one frame each.
fn split(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.bytes.len() + ENTRY_OVERHEAD_BYTES;
        match groups.last_mut() {
            Some(group) if group.len() < MAX_FRAME_ENTRIES && bytes + size <= FULL_FRAME_BYTES => {
                group.push(entry);
                bytes += size;
            }
            _ => {
                groups.push(vec![entry]);
                bytes = size;
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use synod_machine::OrderedKind;

    use super::*;

    fn entry(bytes: usize) -> Entry {
        Entry { kind: OrderedKind::Send, bytes: vec![0; bytes].into() }
    }

    proptest! {
        #[test]
        fn groups_keep_the_order_and_the_limits(sizes in prop::collection::vec(0_usize..60_000, 0..200)) {
            let entries: Vec<Entry> = sizes.iter().copied().map(entry).collect();
            let groups = split(entries.clone());
            prop_assert_eq!(groups.concat(), entries);
            for group in &groups {
                let bytes: usize = group.iter().map(|entry| entry.bytes.len()).sum();
                prop_assert!(!group.is_empty() && (group.len() == 1 || bytes <= FULL_FRAME_BYTES));
            }
            // Two neighbours would not have fitted into one.
            for pair in groups.windows(2) {
                let first: usize = pair[0].iter().map(|entry| entry.bytes.len() + ENTRY_OVERHEAD_BYTES).sum();
                prop_assert!(first + pair[1][0].bytes.len() + ENTRY_OVERHEAD_BYTES > FULL_FRAME_BYTES);
            }
        }
    }

    #[test]
    fn a_large_entry_has_a_frame_of_its_own() {
        let groups = split(vec![entry(10), entry(10 * 1024 * 1024), entry(10)]);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1]);
    }

    #[test]
    fn a_frame_has_no_more_entries_than_it_may() {
        let groups = split(vec![entry(0); 2 * MAX_FRAME_ENTRIES + 1]);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [MAX_FRAME_ENTRIES, MAX_FRAME_ENTRIES, 1]);
    }
}
