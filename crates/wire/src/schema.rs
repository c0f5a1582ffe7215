//! What is well formed among messages that are not looked into: their texts have to be UTF-8, and the messages inside
//! of them well formed.
//!
//! Canton decodes a whole message before it looks at any part, so a fault in a part that does not matter counts too.

use synod_types::ProtocolVersion;

use crate::ParseError;
use crate::reader::{Reader, delimited};

/// The fields of a message in which more than the wire type counts, by number.
pub(crate) struct Schema(&'static [(u32, Field)]);

enum Field {
    Text,
    Message(&'static Schema),
}

use Field::{Message, Text};

impl Schema {
    /// Whether `message` is well formed. As deep as the schema, which is not recursive.
    pub(crate) fn check(&self, message: &[u8]) -> Result<(), ParseError> {
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            match self.0.iter().find(|(number, _)| delimited(*number) == found) {
                Some((_, Text)) => drop(reader.text()?),
                Some((_, Message(schema))) => schema.check(reader.bytes()?)?,
                None => reader.skip(found)?,
            }
        }
        Ok(())
    }

    /// The schema of the message in the field with this tag.
    pub(crate) fn message(&self, found: u32) -> Option<&'static Schema> {
        self.0.iter().find_map(|(number, field)| match field {
            Message(schema) if delimited(*number) == found => Some(*schema),
            Message(_) | Text => None,
        })
    }
}

/// Numbers and bytes alone.
const PLAIN: Schema = Schema(&[]);

/// `google.rpc.Status`
pub(crate) const STATUS: Schema = Schema(&[(2, Text), (3, Message(&ANY))]);
const ANY: Schema = Schema(&[(1, Text)]);

const SIGNATURE: Schema = Schema(&[(3, Text), (5, Message(&PLAIN))]);
const ASYMMETRIC_ENCRYPTED: Schema = Schema(&[(3, Text)]);

const BLINDABLE_NODE: Schema = PLAIN;
const MERKLE_SEQ: Schema = Schema(&[(1, Message(&BLINDABLE_NODE))]);
const GEN_TRANSACTION_TREE: Schema = Schema(&[
    (1, Message(&BLINDABLE_NODE)),
    (2, Message(&BLINDABLE_NODE)),
    (3, Message(&BLINDABLE_NODE)),
    (4, Message(&MERKLE_SEQ)),
]);
const FULL_INFORMEE_TREE: Schema = Schema(&[(1, Message(&GEN_TRANSACTION_TREE))]);
const INFORMEE_MESSAGE: Schema = Schema(&[(1, Message(&FULL_INFORMEE_TREE)), (2, Message(&SIGNATURE))]);
const ENCRYPTED_VIEW_MESSAGE: Schema =
    Schema(&[(3, Message(&SIGNATURE)), (5, Message(&ASYMMETRIC_ENCRYPTED)), (6, Text)]);
const ENCRYPTED_MULTIPLE_VIEWS_MESSAGE: Schema =
    Schema(&[(4, Message(&SIGNATURE)), (5, Message(&ASYMMETRIC_ENCRYPTED)), (6, Text)]);
const REASSIGNMENT_VIEW_TREE: Schema = Schema(&[(2, Message(&BLINDABLE_NODE))]);
const REASSIGNMENT_MEDIATOR_MESSAGE: Schema =
    Schema(&[(1, Message(&REASSIGNMENT_VIEW_TREE)), (2, Message(&SIGNATURE))]);
const ROOT_HASH_MESSAGE: Schema = Schema(&[(2, Text)]);
const ACS_COMMITMENT_PROTOCOL_MESSAGE: Schema = Schema(&[(2, Message(&SIGNATURE))]);
const LSU_SEQUENCING_TEST_MESSAGE: Schema = Schema(&[(2, Message(&SIGNATURE))]);

/// The contents of `EnvelopeContent` other than topology broadcasts.
pub(crate) const fn envelope_contents(version: ProtocolVersion) -> &'static Schema {
    const V30: Schema = Schema(&[
        (1, Message(&INFORMEE_MESSAGE)),
        (2, Message(&ENCRYPTED_VIEW_MESSAGE)),
        (3, Message(&REASSIGNMENT_MEDIATOR_MESSAGE)),
        (4, Message(&REASSIGNMENT_MEDIATOR_MESSAGE)),
        (5, Message(&ROOT_HASH_MESSAGE)),
        (7, Message(&LSU_SEQUENCING_TEST_MESSAGE)),
    ]);
    const V31: Schema = Schema(&[
        (1, Message(&INFORMEE_MESSAGE)),
        (2, Message(&ENCRYPTED_MULTIPLE_VIEWS_MESSAGE)),
        (3, Message(&REASSIGNMENT_MEDIATOR_MESSAGE)),
        (4, Message(&REASSIGNMENT_MEDIATOR_MESSAGE)),
        (5, Message(&ROOT_HASH_MESSAGE)),
        (7, Message(&ACS_COMMITMENT_PROTOCOL_MESSAGE)),
        (8, Message(&LSU_SEQUENCING_TEST_MESSAGE)),
    ]);
    match version {
        ProtocolVersion::V34 => &V30,
        ProtocolVersion::V35 | ProtocolVersion::Dev => &V31,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::writer::put_delimited;
    use crate::{EnvelopeContent, MessageKind};

    const BROADCAST: &[u8] = b"\x0a\x0aa::b::35-0\x12\x03\x0a\x01t";

    fn content(parts: &[(u32, &[u8])]) -> Result<EnvelopeContent, ParseError> {
        let mut buffer = Vec::new();
        for (field, message) in parts {
            put_delimited(&mut buffer, *field, message);
        }
        EnvelopeContent::parse(&MessageKind::EnvelopeContent.wrap(ProtocolVersion::V35, &buffer), ProtocolVersion::V35)
    }

    #[test]
    fn the_last_content_counts_and_all_are_well_formed() {
        let Ok(EnvelopeContent::TopologyBroadcast(once)) = content(&[(1, b""), (6, BROADCAST)]) else {
            panic!("a broadcast")
        };
        assert_eq!(once.transactions, [Bytes::from_static(b"t")]);
        let Ok(EnvelopeContent::TopologyBroadcast(twice)) = content(&[(6, BROADCAST), (6, BROADCAST)]) else {
            panic!("a broadcast")
        };
        assert_eq!(twice.transactions.len(), 2, "occurrences of the same content are merged");
        assert_eq!(content(&[(6, BROADCAST), (5, b"")]), Ok(EnvelopeContent::Other));
        assert_eq!(content(&[(6, b""), (5, b"")]), Ok(EnvelopeContent::Other));
        assert!(content(&[(6, b"")]).is_err(), "the id of the synchronizer is missing");
        assert!(content(&[(5, b"\x12\x01\xff"), (6, BROADCAST)]).is_err(), "not UTF-8");
        assert!(content(&[(1, b"\x0a\x02\x0a\x01"), (6, BROADCAST)]).is_err(), "ends too early");
        assert!(content(&[(9, b"\x07")]).is_err(), "an unknown field is no content");
    }
}
