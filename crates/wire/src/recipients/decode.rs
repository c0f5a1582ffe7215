//! Reading recipients. Equal to a recursive parser in what it accepts, but bounded in memory by the input alone.

use synod_types::Recipient;

use super::{Node, Recipients};
use crate::ParseError;
use crate::error::identifier;
use crate::reader::{Reader, delimited, tag};

/// Shortest encoded node: one recipient of five characters. Shorter ones are refused at sight, so that a list of empty
/// nodes takes no memory.
const SHORTEST_NODE: usize = 7;

/// A node that is still to be read.
struct Pending<'a> {
    message: &'a [u8],
    parent: Option<usize>,
}

/// Reads recipients. Reading many with the same decoder saves memory allocations.
#[derive(Default)]
pub(crate) struct RecipientsDecoder<'a> {
    nodes: Vec<Node>,
    parents: Vec<Option<usize>>,
    recipients: Vec<Recipient>,
    /// The next one is the last.
    pending: Vec<Pending<'a>>,
}

impl Recipients {
    /// Reads `Recipients` (not versioned). Duplicates in a node collapse.
    ///
    /// # Errors
    /// [`ParseError`] when they are malformed, when there is no tree, or a node has nobody in it
    /// (`Recipients.fromProtoV30`).
    pub fn parse(message: &[u8]) -> Result<Self, ParseError> {
        RecipientsDecoder::default().recipients(&[message])
    }
}

impl<'a> RecipientsDecoder<'a> {
    /// Reads recipients, which are given in several parts when their field occurs more than once.
    pub(crate) fn recipients(&mut self, parts: &[&'a [u8]]) -> Result<Recipients, ParseError> {
        self.nodes.clear();
        self.parents.clear();
        self.recipients.clear();
        self.pending.clear();
        for part in parts {
            self.scan(part, 1, None)?;
        }
        self.pending.reverse();
        while let Some(node) = self.pending.pop() {
            self.node(&node)?;
        }
        for index in (0..self.nodes.len()).rev() {
            if let Some(parent) = self.parents[index] {
                self.nodes[parent].nodes += self.nodes[index].nodes;
            }
        }
        if self.nodes.is_empty() {
            return Err(ParseError::FieldNotSet { field: "recipients_tree" });
        }
        Ok(Recipients { nodes: self.nodes.as_slice().into(), recipients: self.recipients.drain(..).collect() })
    }

    /// Reads a node: its own recipients first, whatever their place, then puts off its children.
    fn node(&mut self, node: &Pending<'a>) -> Result<(), ParseError> {
        let index = self.nodes.len();
        let (first_recipient, first_child) = (self.recipients.len(), self.pending.len());
        self.scan(node.message, 2, Some(index))?;
        self.pending[first_child..].reverse();
        match self.recipients.len() - first_recipient {
            0 => return Err(ParseError::FieldNotSet { field: "recipients" }),
            1 => {}
            _ => {
                let mut own = self.recipients.split_off(first_recipient);
                own.sort_unstable();
                own.dedup();
                self.recipients.append(&mut own);
            }
        }
        self.nodes.push(Node { recipients: self.recipients.len() - first_recipient, nodes: 1 });
        self.parents.push(node.parent);
        Ok(())
    }

    /// Appends the nodes in a field of a message to those to be read, and the texts in field 1 to the recipients,
    /// unless that is where the nodes are.
    fn scan(&mut self, message: &'a [u8], nodes_field: u32, parent: Option<usize>) -> Result<(), ParseError> {
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            if found == delimited(nodes_field) {
                let message = reader.bytes()?;
                if message.len() < SHORTEST_NODE {
                    return Err(ParseError::FieldNotSet { field: "recipients" });
                }
                self.pending.push(Pending { message, parent });
            } else if found == tag::D1 {
                self.recipients.push(Recipient::parse(reader.text()?).map_err(identifier("recipients"))?);
            } else {
                reader.skip(found)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::put_delimited;

    /// A chain of nodes below each other, each with the same recipient.
    fn chain(depth: usize) -> Vec<u8> {
        let mut reversed: Vec<u8> = Vec::new();
        let mut inner = 0;
        for _ in 0..depth {
            // Written backwards: the innermost node ends first.
            if inner > 0 {
                let mut header = Vec::new();
                crate::writer::put_header(&mut header, 2, inner);
                reversed.extend(header.iter().rev());
                inner += header.len();
            }
            reversed.extend(b"\x0a\x05SOD::".iter().rev());
            inner += 7;
        }
        let node: Vec<u8> = reversed.into_iter().rev().collect();
        let mut message = Vec::new();
        put_delimited(&mut message, 1, &node);
        message
    }

    #[test]
    fn depth_is_limited_by_the_input_alone() {
        for depth in [1, 2, 100, 101, 500, 700_000] {
            let message = chain(depth);
            let recipients = Recipients::parse(&message).expect("well formed");
            assert_eq!(recipients.nodes.len(), depth);
            assert_eq!(recipients.nodes[0].nodes, depth);
            assert_eq!(recipients.clone().encode(), message);
        }
    }

    #[test]
    fn the_order_of_fields_does_not_count() {
        let child = b"\x0a\x06MGR::7";
        let mut node = Vec::new();
        put_delimited(&mut node, 2, child);
        put_delimited(&mut node, 1, b"SOD::");
        put_delimited(&mut node, 2, child);
        put_delimited(&mut node, 1, b"ALL::");
        put_delimited(&mut node, 1, b"SOD::again");
        let mut message = Vec::new();
        put_delimited(&mut message, 1, &node);
        let recipients = Recipients::parse(&message).expect("well formed");
        let root = recipients.trees().next().expect("a tree");
        assert_eq!(root.recipients().len(), 2);
        assert_eq!(root.children().count(), 2);
        assert_eq!(Recipients::parse(&recipients.encode()), Ok(recipients));
    }
}
