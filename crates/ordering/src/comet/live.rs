//! Which entries of a lost frame are worth another one.

use synod_machine::OrderedKind;
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::{SignedContent, SubmissionRequest};

use crate::Entry;

/// Most bytes to which recipients are decompressed.
const MAX_RECIPIENTS_BYTES: usize = 64 * 1024 * 1024;

/// Whether a block after the one at `base_time` may still sequence the entry. What does not parse is not worth it: no
/// sequencer would deliver it. Acknowledgements have no end.
pub(super) fn is_live(entry: &Entry, version: ProtocolVersion, base_time: CantonTimestamp) -> bool {
    match entry.kind {
        OrderedKind::Acknowledge => true,
        OrderedKind::Send => SignedContent::parse(&entry.bytes)
            .and_then(|signed| SubmissionRequest::parse(&signed.content, version, MAX_RECIPIENTS_BYTES))
            .is_ok_and(|request| request.max_sequencing_time > base_time),
    }
}
