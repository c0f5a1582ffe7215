//! One stream of events out of those of several sequencers (`SequencerAggregator`). No I/O.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use synod_crypto::{Hash, sequenced_event_hash};
use synod_types::{CantonTimestamp, SequencerId};
use synod_wire::{SequencedEvent, SignedContent};

use crate::{EventError, ReceivedEvent, StreamChecker};

/// How many events a sequencer may be behind the others before its stream is given up and opened again at the end.
const MAX_BEHIND: usize = 1_000;

/// Events that sequencers deliver in the same place, compared.
///
/// Places are counted: the last event that was handed on is in place `head`. Every stream is read up to one event beyond it,
/// so that no more than one event per sequencer is held.
#[derive(Debug)]
pub(super) struct Merge {
    checker: StreamChecker,
    threshold: usize,
    head: u64,
    /// Who has delivered the last event.
    head_by: Vec<SequencerId>,
    /// The events before the last one, as far as a sequencer has not delivered them yet.
    passed: VecDeque<Passed>,
    /// The place of the next event of each stream.
    places: BTreeMap<SequencerId, u64>,
    /// What was delivered in the place after the last event.
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
struct Passed {
    time: CantonTimestamp,
    hash: Hash,
    by: Vec<SequencerId>,
}

#[derive(Debug)]
struct Candidate {
    event: SequencedEvent,
    bytes: Bytes,
    by: Vec<SequencerId>,
}

/// An event that enough sequencers have delivered.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) event: ReceivedEvent,
    /// Who has delivered something else in its place.
    pub(super) others: Vec<(SequencerId, EventError)>,
}

impl Merge {
    pub(super) const fn new(checker: StreamChecker, threshold: usize) -> Self {
        Self {
            checker,
            threshold,
            head: 0,
            head_by: Vec::new(),
            passed: VecDeque::new(),
            places: BTreeMap::new(),
            candidates: Vec::new(),
        }
    }

    pub(super) const fn checker(&self) -> &StreamChecker {
        &self.checker
    }

    pub(super) const fn checker_mut(&mut self) -> &mut StreamChecker {
        &mut self.checker
    }

    pub(super) const fn set_threshold(&mut self, threshold: usize) {
        self.threshold = threshold;
    }

    /// A new stream of a sequencer. It has to begin at the time that is returned: with the last event, or from the beginning.
    pub(super) fn open(&mut self, sequencer: SequencerId) -> Option<CantonTimestamp> {
        self.withdraw(&sequencer);
        let place = if self.checker.last().is_some() { self.head } else { self.head + 1 };
        self.places.insert(sequencer, place);
        self.checker.resumes_at()
    }

    /// The stream of a sequencer ended. What it has delivered counts.
    pub(super) fn close(&mut self, sequencer: &SequencerId) {
        self.places.remove(sequencer);
        self.trim();
    }

    /// What the sequencer has delivered does not count any more.
    pub(super) fn forget(&mut self, sequencer: &SequencerId) {
        self.close(sequencer);
        self.withdraw(sequencer);
    }

    fn withdraw(&mut self, sequencer: &SequencerId) {
        self.keep_only(|voter| voter != sequencer);
    }

    /// What others have delivered does not count any more.
    pub(super) fn keep_only(&mut self, is_trusted: impl Fn(&SequencerId) -> bool) {
        for candidate in &mut self.candidates {
            candidate.by.retain(|voter| is_trusted(voter));
        }
        self.candidates.retain(|candidate| !candidate.by.is_empty());
    }

    /// Whether the next event of the sequencer can be taken.
    pub(super) fn wants(&self, sequencer: &SequencerId) -> bool {
        let Some(place) = self.places.get(sequencer) else { return false };
        *place <= self.head || !self.candidates.iter().any(|candidate| candidate.by.contains(sequencer))
    }

    /// The place of the sequencer's next event: the lower, the slower it is.
    pub(super) fn place(&self, sequencer: &SequencerId) -> u64 {
        self.places.get(sequencer).copied().unwrap_or(0)
    }

    /// Whether an event waits for further sequencers.
    pub(super) const fn is_waiting(&self) -> bool {
        !self.candidates.is_empty()
    }

    /// Whether sequencers have delivered different events in the same place.
    pub(super) const fn is_disputed(&self) -> bool {
        self.candidates.len() > 1
    }

    /// Sequencers that are so far behind that their streams are given up.
    pub(super) fn too_slow(&self) -> Vec<SequencerId> {
        if self.passed.len() <= MAX_BEHIND {
            return Vec::new();
        }
        let kept = self.head - u64::try_from(MAX_BEHIND).unwrap_or(u64::MAX);
        self.places.iter().filter(|(_, place)| **place < kept).map(|(sequencer, _)| sequencer.clone()).collect()
    }

    /// Takes the next event of a stream: versioned `SignedContent`.
    ///
    /// # Errors
    /// [`EventError`]: the sequencer is not to be believed.
    pub(super) fn receive(&mut self, sequencer: &SequencerId, signed: &Bytes) -> Result<(), EventError> {
        let content = SignedContent::parse(signed).map_err(EventError::Malformed)?;
        let Some(place) = self.places.get(sequencer).copied() else { return Ok(()) };
        if place > self.head {
            return self.vote(sequencer, content);
        }
        if place == self.head {
            self.compare_with_last(sequencer, &content)?;
        } else {
            self.compare_with_passed(sequencer, &content, place)?;
        }
        self.places.insert(sequencer.clone(), place + 1);
        self.trim();
        Ok(())
    }

    /// Only the first one who delivers an event has it read; of the others the bytes have to be the same.
    fn vote(&mut self, sequencer: &SequencerId, content: SignedContent) -> Result<(), EventError> {
        let known = self.candidates.iter_mut().find(|candidate| candidate.bytes == content.content);
        if let Some(candidate) = known {
            self.checker.check_signature(&candidate.event, &content, Some(sequencer))?;
            candidate.by.push(sequencer.clone());
            return Ok(());
        }
        let event = self.checker.examine(&content, Some(sequencer))?;
        self.candidates.push(Candidate { event, bytes: content.content, by: vec![sequencer.clone()] });
        Ok(())
    }

    /// An event that is decided already is compared only: whoever signed it, it changes nothing. One that comes again after a
    /// loss may differ in how it is packed.
    fn compare_with_last(&self, sequencer: &SequencerId, content: &SignedContent) -> Result<(), EventError> {
        let Some((agreed, last)) = self.checker.last() else { return Ok(()) };
        if content.content == *last {
            return Ok(());
        }
        let event = self.checker.parse(content)?;
        if self.checker.is_same(last, &event) {
            return Ok(());
        }
        Err(disagreement(sequencer, event.timestamp, &self.head_by, agreed))
    }

    fn compare_with_passed(
        &self,
        sequencer: &SequencerId,
        content: &SignedContent,
        place: u64,
    ) -> Result<(), EventError> {
        let back = usize::try_from(self.head - place).unwrap_or(usize::MAX);
        let passed = self.passed.len().checked_sub(back).and_then(|index| self.passed.get(index));
        let Some(passed) = passed else { return Ok(()) };
        if sequenced_event_hash(&content.content) == passed.hash {
            return Ok(());
        }
        let time = self.checker.parse(content)?.timestamp;
        Err(disagreement(sequencer, time, &passed.by, passed.time))
    }

    /// The next event, if enough sequencers have delivered it.
    pub(super) fn decide(&mut self) -> Option<Decided> {
        let decided = self.candidates.iter().position(|candidate| candidate.by.len() >= self.threshold)?;
        let Candidate { event, bytes, by } = self.candidates.swap_remove(decided);
        let agreed = event.timestamp;
        let mut others = Vec::new();
        for other in std::mem::take(&mut self.candidates) {
            for sequencer in other.by {
                self.places.remove(&sequencer);
                let error = disagreement(&sequencer, other.event.timestamp, &by, agreed);
                others.push((sequencer, error));
            }
        }
        self.pass(by);
        Some(Decided { event: self.checker.accept(event, bytes), others })
    }

    /// The last event gets another one after it. It is kept for those who have not delivered it yet.
    fn pass(&mut self, by: Vec<SequencerId>) {
        let before = std::mem::replace(&mut self.head_by, by);
        let is_needed = self.places.values().any(|place| *place <= self.head);
        match self.checker.last().filter(|_| is_needed) {
            Some((time, bytes)) => {
                self.passed.push_back(Passed { time, hash: sequenced_event_hash(bytes), by: before });
            }
            None => self.passed.clear(),
        }
        self.head += 1;
        for sequencer in &self.head_by {
            if let Some(place) = self.places.get_mut(sequencer).filter(|place| **place == self.head) {
                *place += 1;
            }
        }
        self.trim();
    }

    fn trim(&mut self) {
        let slowest = self.places.values().min().copied().unwrap_or(self.head);
        let needed = usize::try_from(self.head.saturating_sub(slowest)).unwrap_or(usize::MAX);
        while self.passed.len() > needed {
            self.passed.pop_front();
        }
    }
}

fn disagreement(
    sequencer: &SequencerId,
    time: CantonTimestamp,
    others: &[SequencerId],
    agreed: CantonTimestamp,
) -> EventError {
    EventError::Disagreement { sequencer: sequencer.clone(), time, others: others.to_vec(), agreed }
}

#[cfg(test)]
mod tests;
