//! Views, and sequences of them in the shape that Canton gives them (chapter 04 §2.3, `MerkleSeq.mkTree`).

use prost::Message;
use synod_proto::protocol::v30::{self, BlindableNode};
use synod_wire::versioned;

use super::salts::{Salts, shown};
use crate::messages::{LfParty, Quorum};

/// The version of everything in a tree.
const VERSION: i32 = 30;

/// A view of a transaction: who is informed, who confirms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewToConfirm {
    /// All parties that are informed, those that confirm too, in the order in which they are written.
    pub informees: Vec<LfParty>,
    /// Who confirms. Parties that are no informees are left out.
    pub quorums: Vec<Quorum>,
    /// Views within.
    pub subviews: Vec<Self>,
}

impl ViewToConfirm {
    /// A view that each of these parties has to confirm.
    #[must_use]
    pub fn of_all(parties: impl IntoIterator<Item = LfParty>) -> Self {
        let informees: Vec<_> = parties.into_iter().collect();
        let confirmers = informees.iter().map(|party| (party.clone(), 1)).collect();
        let threshold = u32::try_from(informees.len()).unwrap_or(u32::MAX);
        Self { informees, quorums: vec![Quorum { confirmers, threshold }], subviews: Vec::new() }
    }

    fn to_node(&self, salts: &mut Salts) -> BlindableNode {
        let quorums = self.quorums.iter().map(|quorum| self.quorum(quorum)).collect();
        let informees = self.informees.iter().map(ToString::to_string).collect();
        let common_data = v30::ViewCommonData { salt: Some(salts.salt()), informees, quorums };
        let view = v30::ViewNode {
            view_common_data: Some(shown(versioned::wrap(VERSION, &common_data.encode_to_vec()))),
            view_participant_data: Some(salts.blinded()),
            subviews: Some(sequence(&self.subviews, salts)),
        };
        shown(versioned::wrap(VERSION, &view.encode_to_vec()))
    }

    fn quorum(&self, quorum: &Quorum) -> v30::Quorum {
        let indexed = (0..).zip(&self.informees);
        let weights = indexed.filter_map(|(index, party)| {
            let weight = quorum.confirmers.get(party)?;
            Some(v30::PartyIndexAndWeight { index, weight: weight.cast_signed() })
        });
        v30::Quorum { party_index_and_weight: weights.collect(), threshold: quorum.threshold.cast_signed() }
    }
}

/// A sequence of views. An element is wrapped by itself; then neighbours are paired, layer by layer, and one that is left
/// over moves up.
pub(super) fn sequence(views: &[ViewToConfirm], salts: &mut Salts) -> v30::MerkleSeq {
    let mut layer: Vec<BlindableNode> = views
        .iter()
        .map(|view| element(v30::MerkleSeqElement { data: Some(view.to_node(salts)), first: None, second: None }))
        .collect();
    while layer.len() > 1 {
        let mut above = Vec::with_capacity(layer.len().div_ceil(2));
        let mut nodes = layer.into_iter();
        while let Some(first) = nodes.next() {
            above.push(match nodes.next() {
                Some(second) => element(v30::MerkleSeqElement { first: Some(first), second: Some(second), data: None }),
                None => first,
            });
        }
        layer = above;
    }
    v30::MerkleSeq { root_or_empty: layer.pop() }
}

fn element(element: v30::MerkleSeqElement) -> BlindableNode {
    shown(versioned::wrap(VERSION, &element.encode_to_vec()))
}
