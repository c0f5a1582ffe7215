//! Writing recipients.

use synod_types::Recipient;

use super::Recipients;
use crate::writer::{field_size, put_delimited, put_header};

impl Recipients {
    /// `Recipients` as Canton writes them: not versioned, the recipients of each node sorted by their texts.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let sizes = self.sizes();
        let mut buffer = Vec::with_capacity(self.size_of(&sizes));
        self.encode_into(&sizes, &mut buffer);
        buffer
    }

    /// Appends the recipients as a field of another message.
    pub(crate) fn put(&self, buffer: &mut Vec<u8>, field: u32) {
        let sizes = self.sizes();
        put_header(buffer, field, self.size_of(&sizes));
        self.encode_into(&sizes, buffer);
    }

    /// Size of each encoded node with all below it.
    fn sizes(&self) -> Vec<usize> {
        let mut sizes: Vec<usize> = self
            .preorder()
            .map(|(_, own)| own.iter().map(|recipient| field_size(text_size(recipient))).sum())
            .collect();
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let mut child = index + 1;
            while child < index + node.nodes {
                sizes[index] += field_size(sizes[child]);
                child += self.nodes[child].nodes;
            }
        }
        sizes
    }

    /// Size of all trees.
    fn size_of(&self, sizes: &[usize]) -> usize {
        let mut size = 0;
        let mut root = 0;
        while let Some(node) = self.nodes.get(root) {
            size += field_size(sizes[root]);
            root += node.nodes;
        }
        size
    }

    fn encode_into(&self, sizes: &[usize], buffer: &mut Vec<u8>) {
        let mut next_root = 0;
        for (index, (node, own)) in self.preorder().enumerate() {
            let is_root = index == next_root;
            if is_root {
                next_root = index + node.nodes;
            }
            put_header(buffer, if is_root { 1 } else { 2 }, sizes[index]);
            for recipient in own {
                put_recipient(buffer, recipient);
            }
        }
    }
}

fn put_recipient(buffer: &mut Vec<u8>, recipient: &Recipient) {
    match recipient {
        Recipient::Member(member) => {
            put_header(buffer, 1, text_size(recipient));
            buffer.extend_from_slice(member.kind().code().as_bytes());
            buffer.extend_from_slice(b"::");
            buffer.extend_from_slice(member.uid().as_str().as_bytes());
        }
        group => put_delimited(buffer, 1, group.to_string().as_bytes()),
    }
}

/// Length of the text of a recipient.
fn text_size(recipient: &Recipient) -> usize {
    match recipient {
        Recipient::Member(member) => member.kind().code().len() + 2 + member.uid().as_str().len(),
        group => group.to_string().len(),
    }
}
