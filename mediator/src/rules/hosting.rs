//! Who hosts the informees of a request (chapter 04 §3.4).

use std::collections::BTreeSet;

use indexmap::IndexSet;
use synod_topology::{HostingAttributes, Snapshot};
use synod_types::{ParticipantId, PartyId};

use super::ConfirmationRequest;
use crate::messages::LfParty;

/// Who hosts the informees of a request, at a time.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosting {
    /// Informees that no active participant hosts, in the order of the request. One whose name is no identifier is left
    /// out, as in Canton: it cannot confirm either.
    pub(super) homeless: Vec<LfParty>,
    /// All participants of the informees, each once: those of the first informee first, each informee's in the order of its
    /// mapping.
    pub(super) participants: IndexSet<ParticipantId>,
    confirmed: BTreeSet<LfParty>,
}

impl Hosting {
    /// Asks the topology once for each informee.
    pub(super) fn of(request: &ConfirmationRequest, snapshot: &Snapshot) -> Self {
        let mut hosting = Self::default();
        for informee in request.informees() {
            let Ok(party) = PartyId::parse(informee.as_str()) else { continue };
            match snapshot.hosting(&party) {
                None => hosting.homeless.push(informee.clone()),
                Some(hosts) => {
                    if hosts.participants.values().any(HostingAttributes::can_confirm) {
                        hosting.confirmed.insert(informee.clone());
                    }
                    hosting.participants.extend(hosts.order);
                }
            }
        }
        hosting
    }

    /// Whether some participant can confirm for an informee.
    pub(super) fn has_confirmer(&self, party: &LfParty) -> bool {
        self.confirmed.contains(party)
    }
}
