//! One type over all kinds of confirmation requests (chapter 04 §1.3, `MediatorConfirmationRequest`).

use bytes::Bytes;
use indexmap::IndexSet;
use synod_crypto::{Hash, Signature};
use synod_types::{MediatorGroupIndex, ParticipantId, PhysicalSynchronizerId, ProtocolVersion};

use super::jvm_order::{self, MAX_INSERTION_ORDER};
use crate::messages::{
    InformeeMessage, InvalidMessage, LfParty, MediatorContent, RequestUuid, ViewConfirmationParameters, ViewPosition,
    ViewType,
};

/// Positions with more steps than that in all are not hashed. Canton cannot read trees of that depth.
const MAX_HASHED_STEPS: usize = 1 << 20;

/// A confirmation request. Nothing of it is checked but that it is well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmationRequest {
    bytes: Bytes,
    content: Content,
    views: Vec<RequestView>,
    informees: Vec<LfParty>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Transaction(Box<InformeeMessage>),
}

/// The number of a view in [`ConfirmationRequest::views`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewNumber(usize);

impl ViewNumber {
    /// The number, from 0.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0
    }
}

/// A view of a request, or all of a reassignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestView {
    number: ViewNumber,
    parameters: ViewConfirmationParameters,
    confirmers: Vec<LfParty>,
}

impl RequestView {
    fn new(number: usize, parameters: ViewConfirmationParameters) -> Self {
        let confirmers = parameters.confirmers().into_iter().cloned().collect();
        Self { number: ViewNumber(number), parameters, confirmers: jvm_order::set_order(confirmers) }
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> ViewNumber {
        self.number
    }

    /// Who has to be informed, and who has to confirm.
    #[must_use]
    pub const fn parameters(&self) -> &ViewConfirmationParameters {
        &self.parameters
    }

    /// All parties of all quorums, each once, in the order of the JVM's set (§4.5). It is the order of the parties for
    /// which a malformed response counts.
    #[must_use]
    pub fn confirmers(&self) -> &[LfParty] {
        &self.confirmers
    }
}

impl ConfirmationRequest {
    /// Reads a versioned `EnvelopeContent`; `None` when it is no confirmation request.
    ///
    /// # Errors
    /// [`InvalidMessage`] as Canton does.
    pub fn parse(bytes: &Bytes, version: ProtocolVersion) -> Result<Option<Self>, InvalidMessage> {
        Ok(Self::of_content(bytes.clone(), MediatorContent::parse(bytes, version)?))
    }

    /// The request in the content that was read from these bytes; `None` when it is none.
    #[must_use]
    pub fn of_content(bytes: Bytes, content: MediatorContent) -> Option<Self> {
        let (content, views) = match content {
            MediatorContent::InformeeMessage(message) => {
                let views = message.tree.views().iter().map(|view| view.common_data.parameters.clone()).collect();
                (Content::Transaction(message), views)
            }
            MediatorContent::RootHashMessage(_) | MediatorContent::Other => return None,
        };
        let views: Vec<ViewConfirmationParameters> = views;
        let views = views.into_iter().enumerate().map(|(number, view)| RequestView::new(number, view)).collect();
        let mut request = Self { bytes, content, views, informees: Vec::new() };
        request.informees = request.informees_in_order();
        Some(request)
    }

    /// The versioned `EnvelopeContent` as received.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What it is about.
    #[must_use]
    pub fn view_type(&self) -> ViewType {
        match &self.content {
            Content::Transaction(_) => ViewType::Transaction,
        }
    }

    /// What tells it from other requests.
    #[must_use]
    pub fn uuid(&self) -> &RequestUuid {
        match &self.content {
            Content::Transaction(message) => &message.tree.common_metadata().uuid,
        }
    }

    /// The synchronizer that it is for.
    #[must_use]
    pub fn psid(&self) -> &PhysicalSynchronizerId {
        match &self.content {
            Content::Transaction(message) => &message.tree.common_metadata().psid,
        }
    }

    /// The mediators that it says it is for.
    #[must_use]
    pub fn mediator_group(&self) -> MediatorGroupIndex {
        match &self.content {
            Content::Transaction(message) => message.tree.common_metadata().mediator_group,
        }
    }

    /// The hash of its tree: what the submitting participant signs and all participants name. It is also the id of the
    /// update.
    #[must_use]
    pub fn root_hash(&self) -> &Hash {
        match &self.content {
            Content::Transaction(message) => message.tree.root_hash(),
        }
    }

    /// Who submits.
    #[must_use]
    pub fn submitting_participant(&self) -> &ParticipantId {
        match &self.content {
            Content::Transaction(message) => &message.tree.submitter_metadata().submitting_participant,
        }
    }

    /// For whom a transaction is submitted. Empty for reassignments, where the inspection service names nobody.
    #[must_use]
    pub fn submitting_parties(&self) -> &[LfParty] {
        match &self.content {
            Content::Transaction(message) => &message.tree.submitter_metadata().act_as,
        }
    }

    /// The submitting participant's signature over the root hash itself, not verified.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        match &self.content {
            Content::Transaction(message) => &message.signature,
        }
    }

    /// The message, when it is about a transaction.
    #[must_use]
    pub fn transaction(&self) -> Option<&InformeeMessage> {
        match &self.content {
            Content::Transaction(message) => Some(message),
        }
    }

    /// All views, each before those below it; one of a reassignment.
    #[must_use]
    pub fn views(&self) -> &[RequestView] {
        &self.views
    }

    /// The view with this number, which has to be one of this request.
    #[must_use]
    pub fn view(&self, number: ViewNumber) -> Option<&RequestView> {
        self.views.get(number.0)
    }

    /// The view at a position. Takes time in proportion to the length of the position.
    #[must_use]
    pub fn view_at(&self, position: &ViewPosition) -> Option<&RequestView> {
        let number = match &self.content {
            Content::Transaction(message) => message.tree.view_at(position)?,
        };
        self.views.get(number)
    }

    /// The position of a view of this request; empty for a reassignment. Made anew each time: positions of deep views are
    /// long.
    #[must_use]
    pub fn position(&self, number: ViewNumber) -> ViewPosition {
        match &self.content {
            Content::Transaction(message) => {
                let view = message.tree.views().get(number.0);
                view.map_or_else(ViewPosition::default, |view| message.tree.position(view))
            }
        }
    }

    /// All informees of all views, each once, in the order of the JVM's set (§4.5, `allInformees`).
    #[must_use]
    pub fn informees(&self) -> &[LfParty] {
        &self.informees
    }

    /// The views in the order of the JVM's map by position (§4.5): the order in which a malformed response without position
    /// is applied to them. For trees of a depth that no JVM can read it is that of [`Self::views`].
    #[must_use]
    pub fn views_in_map_order(&self) -> Vec<ViewNumber> {
        let numbers: Vec<ViewNumber> = self.views.iter().map(RequestView::number).collect();
        let Content::Transaction(message) = &self.content;
        if numbers.len() <= MAX_INSERTION_ORDER || message.tree.steps_of_all_positions(MAX_HASHED_STEPS).is_none() {
            return numbers;
        }
        let hashed = numbers.into_iter().map(|number| HashedView { number, hash: self.position_hash(number) });
        jvm_order::set_order(hashed.collect()).into_iter().map(|view| view.number).collect()
    }

    fn position_hash(&self, number: ViewNumber) -> u32 {
        jvm_order::JvmHash::jvm_hash(&self.position(number))
    }

    fn informees_in_order(&self) -> Vec<LfParty> {
        let all = |views: &mut dyn Iterator<Item = &RequestView>| -> IndexSet<LfParty> {
            views.flat_map(|view| &view.parameters.informees).cloned().collect()
        };
        let mut informees = all(&mut self.views.iter());
        if informees.len() <= MAX_INSERTION_ORDER && self.views.len() > MAX_INSERTION_ORDER {
            informees = all(&mut self.views_in_map_order().into_iter().filter_map(|number| self.view(number)));
        }
        jvm_order::set_order(informees.into_iter().collect())
    }
}

/// A view by the hash code of its position.
struct HashedView {
    number: ViewNumber,
    hash: u32,
}

impl jvm_order::JvmHash for HashedView {
    fn jvm_hash(&self) -> u32 {
        self.hash
    }
}
