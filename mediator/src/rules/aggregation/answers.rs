//! Which views and parties an answer is about, if it counts at all (chapter 04 §3.6 checks 8 and 9,
//! `ResponseAggregator.validateResponse`).

use synod_crypto::Hash;
use synod_types::{CantonTimestamp, ParticipantId};
use thiserror::Error;

use super::{Equivocation, ResponseAggregation};
use crate::messages::{ConfirmationResponse, ConfirmationResponses, LfParty, LocalVerdictCode, ViewPosition};
use crate::rules::jvm_order;
use crate::rules::request::ViewNumber;

/// Why an answer is left out. No honest participant gives one like that, so each is worth an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Discarded {
    /// It is about another request.
    #[error("the root hash is {found}, not that of the request")]
    RootHash {
        /// The hash that it names.
        found: Hash,
    },
    /// The request has no view there.
    #[error("the request has no view at this position")]
    UnknownView {
        /// Where.
        position: ViewPosition,
    },
    /// It is for parties that do not confirm the view.
    #[error("parties do not confirm this view: {}", list(parties))]
    UnexpectedParties {
        /// Those parties.
        parties: Vec<LfParty>,
    },
    /// It is for parties for which the sender may not confirm.
    #[error("the sender may not confirm for parties: {}", list(parties))]
    Unauthorized {
        /// Those parties.
        parties: Vec<LfParty>,
    },
}

fn list(parties: &[LfParty]) -> String {
    parties.iter().map(LfParty::as_str).collect::<Vec<_>>().join(", ")
}

/// What all answers of a participant did together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answered {
    /// Whether one of them counted while the request was pending, even if it changed no vote.
    pub applied: bool,
    /// The contradictions that they show.
    pub equivocations: Vec<Equivocation>,
    /// Those that were left out.
    pub discarded: Vec<Discarded>,
}

impl ResponseAggregation {
    /// Judges and applies the answers of a participant, one after the other (`validateAndProgress`). An answer that is left
    /// out does not concern the others. After the verdict they are judged, and change nothing.
    ///
    /// That they are signed, in time, for this request and this synchronizer is for the caller to check (§3.6 checks 1–7).
    pub fn answer(&mut self, at: CantonTimestamp, responses: &ConfirmationResponses) -> Answered {
        let mut answered = Answered::default();
        for response in &responses.responses {
            match self.covered(&responses.root_hash, &responses.sender, response) {
                Ok(views) => self.apply_to(at, &responses.sender, response, &views, &mut answered),
                Err(discarded) => answered.discarded.push(discarded),
            }
        }
        answered
    }

    fn apply_to(
        &mut self,
        at: CantonTimestamp,
        sender: &ParticipantId,
        response: &ConfirmationResponse,
        views: &[(ViewNumber, Vec<LfParty>)],
        answered: &mut Answered,
    ) {
        if self.finalized().is_some() {
            return;
        }
        answered.applied = true;
        self.version = at;
        for (view, parties) in views {
            answered.equivocations.extend(self.respond(at, sender, *view, parties, &response.verdict).equivocations);
        }
    }

    /// The views that an answer is about, in the order in which it is applied to them, each with the parties for which it
    /// counts, in the order of the JVM's set.
    ///
    /// # Errors
    /// [`Discarded`] when the answer does not count.
    pub fn covered(
        &self,
        root_hash: &Hash,
        sender: &ParticipantId,
        response: &ConfirmationResponse,
    ) -> Result<Vec<(ViewNumber, Vec<LfParty>)>, Discarded> {
        let request = self.request();
        if root_hash != request.root_hash() {
            return Err(Discarded::RootHash { found: *root_hash });
        }
        let confirmed_by_sender = |confirmers: &[LfParty]| {
            confirmers.iter().filter(|party| self.can_confirm(sender, party)).cloned().collect::<Vec<_>>()
        };
        let Some(position) = &response.view_position else {
            // Only a malformed verdict has no position: it is about all views.
            let views = request.views_in_map_order().into_iter().filter_map(|number| request.view(number));
            // The JVM makes sets of them once more.
            let views = views.map(|view| (view.number(), jvm_order::set_order(confirmed_by_sender(view.confirmers()))));
            return Ok(views.filter(|(_, parties)| !parties.is_empty()).collect());
        };
        let Some(view) = request.view_at(position) else {
            return Err(Discarded::UnknownView { position: position.clone() });
        };
        if response.verdict.code() == LocalVerdictCode::Malformed {
            return Ok(vec![(view.number(), jvm_order::set_order(confirmed_by_sender(view.confirmers())))]);
        }
        let pick = |is_wrong: &dyn Fn(&LfParty) -> bool| -> Vec<LfParty> {
            response.confirming_parties.iter().filter(|party| is_wrong(party)).cloned().collect()
        };
        let parties = pick(&|party| !view.is_confirmer(party));
        if !parties.is_empty() {
            return Err(Discarded::UnexpectedParties { parties });
        }
        let parties = pick(&|party| !self.can_confirm(sender, party));
        if !parties.is_empty() {
            return Err(Discarded::Unauthorized { parties });
        }
        Ok(vec![(view.number(), jvm_order::set_order(response.confirming_parties.clone()))])
    }
}
