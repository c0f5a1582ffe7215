//! One type over all kinds of confirmation requests (chapter 04 §1.3, `MediatorConfirmationRequest`).

use bytes::Bytes;
use indexmap::IndexSet;
use synod_crypto::{Hash, Signature};
use synod_types::{MediatorGroupIndex, ParticipantId, PhysicalSynchronizerId, ProtocolVersion};

use super::jvm_order::{self, MAX_INSERTION_ORDER};
use crate::messages::{
    InformeeMessage, InvalidMessage, LfParty, MediatorContent, Quorum, ReassignmentMediatorMessage, RequestUuid,
    ViewConfirmationParameters, ViewPosition, ViewType,
};

/// Positions with more steps than that in all are not hashed. Canton cannot read trees of that depth.
const MAX_HASHED_STEPS: usize = 1 << 24;

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
    Reassignment(Box<ReassignmentMediatorMessage>),
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

    /// Whether the party is in one of the quorums.
    #[must_use]
    pub fn is_confirmer(&self, party: &LfParty) -> bool {
        self.parameters.quorums.iter().any(|quorum| quorum.confirmers.contains_key(party))
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
            MediatorContent::Reassignment(message) => {
                let parameters = in_map_order(message.common_data.confirmation_parameters());
                (Content::Reassignment(message), vec![parameters])
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
            Content::Reassignment(message) => message.view_type(),
        }
    }

    /// What tells it from other requests.
    #[must_use]
    pub fn uuid(&self) -> &RequestUuid {
        match &self.content {
            Content::Transaction(message) => &message.tree.common_metadata().uuid,
            Content::Reassignment(message) => &message.common_data.uuid,
        }
    }

    /// The synchronizer that it is for.
    #[must_use]
    pub fn psid(&self) -> &PhysicalSynchronizerId {
        match &self.content {
            Content::Transaction(message) => &message.tree.common_metadata().psid,
            Content::Reassignment(message) => &message.common_data.psid,
        }
    }

    /// The mediators that it says it is for.
    #[must_use]
    pub fn mediator_group(&self) -> MediatorGroupIndex {
        match &self.content {
            Content::Transaction(message) => message.tree.common_metadata().mediator_group,
            Content::Reassignment(message) => message.common_data.mediator_group,
        }
    }

    /// The hash of its tree: what the submitting participant signs and all participants name. It is also the id of the
    /// update.
    #[must_use]
    pub fn root_hash(&self) -> &Hash {
        match &self.content {
            Content::Transaction(message) => message.tree.root_hash(),
            Content::Reassignment(message) => message.root_hash(),
        }
    }

    /// Who submits.
    #[must_use]
    pub fn submitting_participant(&self) -> &ParticipantId {
        match &self.content {
            Content::Transaction(message) => &message.tree.submitter_metadata().submitting_participant,
            Content::Reassignment(message) => &message.common_data.submitter.submitting_participant,
        }
    }

    /// For whom a transaction is submitted. Empty for reassignments, where the inspection service names nobody.
    #[must_use]
    pub fn submitting_parties(&self) -> &[LfParty] {
        match &self.content {
            Content::Transaction(message) => &message.tree.submitter_metadata().act_as,
            Content::Reassignment(_) => &[],
        }
    }

    /// The submitting participant's signature over the root hash itself, not verified.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        match &self.content {
            Content::Transaction(message) => &message.signature,
            Content::Reassignment(message) => &message.signature,
        }
    }

    /// The message, when it is about a transaction.
    #[must_use]
    pub fn transaction(&self) -> Option<&InformeeMessage> {
        match &self.content {
            Content::Transaction(message) => Some(message),
            Content::Reassignment(_) => None,
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
            Content::Reassignment(_) => position.0.is_empty().then_some(0)?,
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
            Content::Reassignment(_) => ViewPosition::default(),
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
        let Content::Transaction(message) = &self.content else { return numbers };
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

/// The parameters of a reassignment with all parties in the order of the JVM's map from informee to weight, from which the
/// confirmers are taken.
fn in_map_order(parameters: ViewConfirmationParameters) -> ViewConfirmationParameters {
    let informees: IndexSet<LfParty> =
        jvm_order::set_order(parameters.informees.into_iter().collect()).into_iter().collect();
    let quorums = parameters.quorums.into_iter().map(|quorum| {
        let confirmers = informees.iter().filter(|party| quorum.confirmers.contains_key(*party)).collect();
        let confirmers = jvm_order::subset_order(informees.len(), confirmers);
        let weight = |party: &LfParty| Some((party.clone(), *quorum.confirmers.get(party)?));
        Quorum { confirmers: confirmers.into_iter().filter_map(weight).collect(), threshold: quorum.threshold }
    });
    let quorums = quorums.collect();
    ViewConfirmationParameters { informees, quorums }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::requests::{PSID, SUBMITTER, View, assignment, transaction, unassignment, view};

    fn names(parties: &[LfParty]) -> Vec<&str> {
        parties.iter().map(LfParty::as_str).collect()
    }

    #[test]
    fn views_are_found_at_their_positions() {
        let leaf = |name| view(&[(name, 1)], 1);
        let inner = View { below: vec![leaf("c"), View { below: vec![leaf("d")], ..leaf("e") }], ..leaf("b") };
        let request = transaction(&[leaf("a"), inner, leaf("f")]);
        let order: Vec<&str> = request.views().iter().map(|view| view.confirmers()[0].as_str()).collect();
        assert_eq!(order, ["a", "b", "c", "e", "d", "f"]);
        for view in request.views() {
            assert_eq!(request.view_at(&request.position(view.number())), Some(view));
            assert_eq!(request.view(view.number()), Some(view));
        }
        let mut nowhere = request.position(request.views()[4].number());
        nowhere.0.insert(0, crate::messages::MerkleSeqIndex::default());
        assert_eq!(request.view_at(&nowhere), None, "there is nothing below it");
        nowhere.0.remove(0);
        nowhere.0[0].0.push(false);
        assert_eq!(request.view_at(&nowhere), None, "an element is no branch");
        assert_eq!(request.view_at(&ViewPosition::default()), None);
        let mut order = request.views_in_map_order();
        assert_eq!(order.len(), 6);
        order.sort_unstable();
        assert!(order.into_iter().eq(request.views().iter().map(RequestView::number)));
    }

    #[test]
    fn few_informees_have_the_order_of_many_views() {
        let views = ["a", "b", "c", "d"].map(|name| view(&[(name, 1)], 1));
        let mut all: Vec<View> = views.to_vec();
        assert_eq!(names(transaction(&all).informees()), ["a", "b", "c", "d"]);
        all.push(View { observers: vec!["a", "d"], ..view(&[("b", 1)], 1) });
        let request = transaction(&all);
        let mut expected: Vec<&str> = Vec::new();
        for number in request.views_in_map_order() {
            for party in &request.view(number).expect("a view").parameters().informees {
                if !expected.contains(&party.as_str()) {
                    expected.push(party.as_str());
                }
            }
        }
        assert_eq!(names(request.informees()), expected);
        assert_ne!(expected, ["a", "b", "c", "d"], "or this test shows nothing");
    }

    /// Each view is below the one before: all positions together would be a hundred times as long as the request.
    #[test]
    fn a_deep_tree_takes_little_memory_and_no_stack() {
        const DEPTH: usize = 1_500;
        let run = || {
            let leaf = View { observers: vec!["x"], ..View::default() };
            let mut tree = leaf.clone();
            for _ in 1..DEPTH {
                tree = View { below: vec![tree], ..leaf.clone() };
            }
            let request = transaction(&[tree.clone()]);
            // Dropping and building the nested test data needs a stack, the request does not.
            std::mem::forget(tree);
            request
        };
        let big = std::thread::Builder::new().stack_size(256 * 1024 * 1024).spawn(run).expect("a thread starts");
        let request = big.join().expect("the stack is enough");
        assert_eq!(request.views().len(), DEPTH);
        let small = std::thread::Builder::new().stack_size(128 * 1024).spawn(move || {
            let request = ConfirmationRequest::parse(request.bytes(), ProtocolVersion::V35);
            let request = request.expect("well-formed").expect("a request");
            let last = request.views().last().expect("a view");
            let position = request.position(last.number());
            assert_eq!(position.0.len(), DEPTH);
            assert_eq!(request.view_at(&position).map(RequestView::number), Some(last.number()));
            let tree = &request.transaction().expect("a transaction").tree;
            let steps = DEPTH * (DEPTH + 1) / 2;
            assert_eq!(tree.steps_of_all_positions(steps), Some(steps));
            assert_eq!(tree.steps_of_all_positions(steps - 1), None);
        });
        small.expect("a thread starts").join().expect("the stack is enough");
    }

    #[test]
    fn all_signatories_and_the_submitting_participant_confirm_a_reassignment() {
        let request = unassignment(&["bob", "carol", "alice"], &["alice", "bob"]);
        assert_eq!((request.view_type(), request.mediator_group().as_i32()), (ViewType::Unassignment, 3));
        assert_eq!((request.psid().to_string().as_str(), request.transaction()), (PSID, None));
        assert_eq!(names(request.informees()), ["alice", "bob", SUBMITTER, "carol"]);
        let view = &request.views()[0];
        assert_eq!(names(view.confirmers()), ["alice", "bob", SUBMITTER]);
        let quorum = &view.parameters().quorums[0];
        assert_eq!((quorum.threshold, quorum.confirmers.values().sum::<u32>()), (3, 3));
        assert_eq!(request.view_at(&ViewPosition::default()), Some(view));
        assert_eq!(request.view_at(&ViewPosition(vec![Default::default()])), None);
        assert_eq!(request.uuid().to_string(), "0b1c2d3e-1111-2222-3333-444455556667");

        let request = assignment(&["alice"], &["alice"]);
        assert_eq!((request.view_type(), request.mediator_group().as_i32()), (ViewType::Assignment, 4));
        assert_eq!((request.psid().to_string().as_str(), request.submitting_parties()), (PSID, &[][..]));
        let again = ConfirmationRequest::parse(request.bytes(), ProtocolVersion::V35);
        assert_eq!(again, Ok(Some(request)));
    }

    #[test]
    fn a_submitting_participant_that_only_observes_makes_confirmation_impossible() {
        let request = unassignment(&["alice", SUBMITTER], &["alice"]);
        let view = &request.views()[0];
        assert_eq!(names(view.confirmers()), ["alice"]);
        assert_eq!(view.parameters().quorums[0].threshold, 2);
        assert_eq!(names(request.informees()), ["alice", SUBMITTER]);
    }

    #[test]
    fn a_reassignment_of_many_parties_has_the_order_of_a_map() {
        let all = ["a", "b", "c", "d", "e", "f"];
        let request = assignment(&all, &["e", "b"]);
        let sorted: Vec<LfParty> = jvm_order::set_order(request.informees().to_vec());
        assert_eq!(request.informees(), sorted);
        let confirmers: Vec<LfParty> =
            sorted.iter().filter(|p| !["a", "c", "d", "f"].contains(&p.as_str())).cloned().collect();
        assert_eq!(request.views()[0].confirmers(), jvm_order::subset_order(sorted.len(), confirmers));
    }
}
