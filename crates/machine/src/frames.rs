//! Frames that were ordered and may be ordered again.

use imbl::{OrdMap, OrdSet};
use synod_types::CantonTimestamp;

use crate::FrameStamp;

/// Ids of frames until no block can bring them any more. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frames {
    by_id: OrdMap<[u8; 32], CantonTimestamp>,
    by_end: OrdSet<(CantonTimestamp, [u8; 32])>,
}

impl Frames {
    pub(crate) fn contains(&self, id: &[u8; 32]) -> bool {
        self.by_id.contains_key(id)
    }

    /// Adds a frame; false when it is there already.
    pub(crate) fn insert(&mut self, frame: FrameStamp) -> bool {
        if self.by_id.contains_key(&frame.id) {
            return false;
        }
        self.by_id.insert(frame.id, frame.valid_until);
        self.by_end.insert((frame.valid_until, frame.id));
        true
    }

    /// Forgets the frames that are valid until before `base_time`.
    pub(crate) fn expire(&mut self, base_time: CantonTimestamp) {
        while let Some((end, id)) = self.by_end.get_min().copied().filter(|(end, _)| *end < base_time) {
            self.by_end.remove(&(end, id));
            self.by_id.remove(&id);
        }
    }

    pub(crate) fn to_stamps(&self) -> Vec<FrameStamp> {
        self.by_id.iter().map(|(id, valid_until)| FrameStamp { id: *id, valid_until: *valid_until }).collect()
    }
}
