//! To whom an envelope goes, and who of them sees whom (chapter 01 §6.2, `Recipients`, `RecipientsTree`).
//!
//! Trees may be as deep as a message has room for, so nothing here is recursive: the nodes of all trees lie in one
//! list, parents before children.

mod decode;
mod encode;

use std::collections::BTreeSet;
use std::fmt;

use synod_types::{Member, Recipient};

pub(crate) use decode::RecipientsDecoder;

/// Recipients that a [`fmt::Debug`] text shows.
const SHOWN: usize = 4;

/// The trees of recipients of one envelope: at least one. Who is in a node sees its whole subtree.
///
/// Equal when the trees are: in each node the recipients are a set, the order of trees and children counts.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Recipients {
    nodes: Box<[Node]>,
    /// The recipients of all nodes, in the order of the nodes; in each node sorted and without duplicates.
    recipients: Box<[Recipient]>,
}

/// Shortest encoded recipients: one node with one recipient of five characters.
pub(crate) const SHORTEST_RECIPIENTS: usize = 9;

/// A node, before its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Node {
    /// How many recipients are in the node; at least one.
    recipients: usize,
    /// How many nodes its subtree has, itself included.
    nodes: usize,
}

impl Recipients {
    /// One group of recipients who all see each other. `None` when there is nobody.
    #[must_use]
    pub fn group(recipients: impl IntoIterator<Item = Recipient>) -> Option<Self> {
        Self::from_preorder([(0, recipients.into_iter().collect())])
    }

    /// Trees, given by the depth (from 0) and the recipients of each node, parents before children. `None` when there
    /// is no node, a node has nobody, or a node is more than one deeper than the one before.
    #[must_use]
    pub fn from_preorder(nodes: impl IntoIterator<Item = (usize, BTreeSet<Recipient>)>) -> Option<Self> {
        let (mut built, mut everybody): (Vec<Node>, Vec<Recipient>) = (Vec::new(), Vec::new());
        // The nodes on the way from the root to the last one.
        let mut path: Vec<usize> = Vec::new();
        let close = |nodes: &mut Vec<Node>, index: usize| nodes[index].nodes = nodes.len() - index;
        for (depth, recipients) in nodes {
            if recipients.is_empty() || depth > path.len() {
                return None;
            }
            for index in path.drain(depth..) {
                close(&mut built, index);
            }
            path.push(built.len());
            built.push(Node { recipients: recipients.len(), nodes: 1 });
            everybody.extend(recipients);
        }
        for index in path {
            close(&mut built, index);
        }
        (!built.is_empty()).then(|| Self { nodes: built.into(), recipients: everybody.into() })
    }

    /// The trees, in order; at least one.
    pub fn trees(&self) -> impl Iterator<Item = RecipientsTree<'_>> {
        Siblings { nodes: &self.nodes, recipients: &self.recipients }
    }

    /// Everybody in any node.
    #[must_use]
    pub fn all_recipients(&self) -> BTreeSet<Recipient> {
        self.recipients.iter().cloned().collect()
    }

    /// Everybody in any node, with duplicates, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Recipient> {
        self.recipients.iter()
    }

    /// Everybody in a node without children.
    #[must_use]
    pub fn leaf_recipients(&self) -> BTreeSet<Recipient> {
        self.preorder().filter(|(node, _)| node.nodes == 1).flat_map(|(_, recipients)| recipients).cloned().collect()
    }

    /// What `member` may see: the subtrees of the topmost nodes that it is in, directly or by a group recipient that
    /// `is_in_group` confirms. `None` when it is in no node (`Recipients.forMember`).
    #[must_use]
    pub fn for_member(&self, member: &Member, is_in_group: &dyn Fn(&Recipient) -> bool) -> Option<Self> {
        let is_addressed = |recipient: &Recipient| match recipient {
            Recipient::Member(addressed) => addressed == member,
            group => is_in_group(group),
        };
        let (mut nodes, mut visible): (Vec<Node>, Vec<Recipient>) = (Vec::new(), Vec::new());
        // Up to where nodes and recipients are already taken over.
        let mut taken = 0;
        let mut start = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            let recipients = &self.recipients[start..start + node.recipients];
            start += node.recipients;
            if index < taken {
                visible.extend_from_slice(recipients);
            } else if recipients.iter().any(is_addressed) {
                taken = index + node.nodes;
                nodes.extend_from_slice(&self.nodes[index..taken]);
                visible.extend_from_slice(recipients);
            }
        }
        (!nodes.is_empty()).then(|| Self { nodes: nodes.into(), recipients: visible.into() })
    }

    /// How many nodes there are. What [`Self::for_member`] leaves of recipients is all of them if it has as many.
    pub(crate) const fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Each node with its recipients, parents before children.
    fn preorder(&self) -> impl Iterator<Item = (Node, &[Recipient])> {
        let mut rest = &*self.recipients;
        self.nodes.iter().map(move |node| {
            let (own, after) = rest.split_at(node.recipients);
            rest = after;
            (*node, own)
        })
    }
}

/// One node with all below it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RecipientsTree<'a> {
    /// The node and its subtree.
    nodes: &'a [Node],
    /// Their recipients.
    recipients: &'a [Recipient],
}

impl<'a> RecipientsTree<'a> {
    /// Who is in the node: sorted, at least one.
    #[must_use]
    pub fn recipients(&self) -> &'a [Recipient] {
        &self.recipients[..self.nodes[0].recipients]
    }

    /// The nodes below it, in order.
    pub fn children(&self) -> impl Iterator<Item = RecipientsTree<'a>> + use<'a> {
        Siblings { nodes: &self.nodes[1..], recipients: &self.recipients[self.nodes[0].recipients..] }
    }
}

/// Trees beside each other.
struct Siblings<'a> {
    nodes: &'a [Node],
    recipients: &'a [Recipient],
}

impl<'a> Iterator for Siblings<'a> {
    type Item = RecipientsTree<'a>;

    fn next(&mut self) -> Option<RecipientsTree<'a>> {
        let count = self.nodes.first()?.nodes;
        let (nodes, nodes_after) = self.nodes.split_at(count);
        let (recipients, after) = self.recipients.split_at(nodes.iter().map(|node| node.recipients).sum());
        (self.nodes, self.recipients) = (nodes_after, after);
        Some(RecipientsTree { nodes, recipients })
    }
}

fn debug(f: &mut fmt::Formatter<'_>, name: &str, nodes: &[Node], recipients: &[Recipient]) -> fmt::Result {
    write!(f, "{name}({} nodes, ", nodes.len())?;
    f.debug_list().entries(recipients.iter().take(SHOWN)).finish()?;
    if recipients.len() > SHOWN {
        write!(f, " and {} more", recipients.len() - SHOWN)?;
    }
    f.write_str(")")
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "Recipients", &self.nodes, &self.recipients)
    }
}

impl fmt::Debug for RecipientsTree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug(f, "RecipientsTree", self.nodes, self.recipients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(text: &str) -> Recipient {
        Recipient::parse(text).expect(text)
    }

    fn set(texts: &[&str]) -> BTreeSet<Recipient> {
        texts.iter().map(|text| recipient(text)).collect()
    }

    #[test]
    fn trees_are_built_in_preorder() {
        let nodes = [
            (0, set(&["SOD::"])),
            (1, set(&["MGR::1"])),
            (2, set(&["MGR::2"])),
            (1, set(&["MGR::3"])),
            (0, set(&["MGR::4"])),
        ];
        let recipients = Recipients::from_preorder(nodes).expect("well formed");
        let roots: Vec<_> = recipients.trees().collect();
        assert_eq!(roots.len(), 2);
        assert_eq!(
            roots[0].children().map(|child| child.recipients()[0].clone()).collect::<Vec<_>>(),
            [recipient("MGR::1"), recipient("MGR::3")]
        );
        assert_eq!(recipients.leaf_recipients(), set(&["MGR::2", "MGR::3", "MGR::4"]));

        assert_eq!(Recipients::from_preorder([]), None);
        assert_eq!(Recipients::from_preorder([(0, BTreeSet::new())]), None);
        assert_eq!(Recipients::from_preorder([(1, set(&["SOD::"]))]), None);
    }

    #[test]
    fn a_member_sees_the_subtrees_that_it_is_in() {
        let member = Member::parse("PAR::a::b").expect("member");
        let nodes = [
            (0, set(&["MGR::1"])),
            (1, set(&["PAR::a::b", "SOD::"])),
            (2, set(&["MGR::2"])),
            (1, set(&["MGR::3"])),
            (0, set(&["PAR::a::b"])),
        ];
        let recipients = Recipients::from_preorder(nodes.clone()).expect("well formed");
        let alone = recipients.for_member(&member, &|_| false);
        let expected = [(0, set(&["PAR::a::b", "SOD::"])), (1, set(&["MGR::2"])), (0, set(&["PAR::a::b"]))];
        assert_eq!(alone, Recipients::from_preorder(expected));
        let in_group = recipients.for_member(&member, &|group| *group == recipient("MGR::1"));
        assert_eq!(in_group, Recipients::from_preorder(nodes));
        let stranger = Member::parse("PAR::b::b").expect("member");
        assert_eq!(recipients.for_member(&stranger, &|_| false), None);
    }

    #[test]
    fn debug_is_bounded() {
        let many = Recipients::group((0..10_000).map(|index| recipient(&format!("MGR::{index}")))).expect("not empty");
        assert!(format!("{many:?}").len() < 200);
    }
}
