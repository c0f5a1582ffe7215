//! Aggregation of submissions (chapter 01 §6.5, chapter 03 §3.7).

use std::fmt;

use bytes::Bytes;
use synod_crypto::{Hash, HashBuilder, HashPurpose};
use synod_types::{CantonTimestamp, MediatorGroupIndex, Member, ProtocolVersion, Recipient};

use crate::error::{at_least, identifier};
use crate::reader::{Reader, tag};
use crate::writer::{put_delimited, put_int};
use crate::{Envelope, ParseError, Recipients};

/// When an aggregation is delivered (`AggregationRule`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AggregationRule {
    /// Once so many of these members have sent the same.
    Members {
        /// The members, at least one, in the order given; may have duplicates.
        eligible: Vec<Member>,
        /// How many of them; at least 1.
        threshold: i32,
    },
    /// Once as many active mediators of the group have sent the same as its threshold asks (protocol version 35).
    MediatorGroup(MediatorGroupIndex),
    /// Once as many active sequencers have sent the same as their group's threshold asks (protocol version 35).
    Sequencers,
    /// At once, but only the first time that the sender sends the same (protocol version 35).
    SenderDeduplication,
}

/// An `AggregationRule` as it is on the wire.
#[derive(Default)]
pub(crate) struct RuleMessage<'a> {
    eligible: Vec<&'a str>,
    threshold: i32,
}

impl<'a> RuleMessage<'a> {
    pub(crate) fn merge(&mut self, message: &'a [u8]) -> Result<(), ParseError> {
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => self.eligible.push(reader.text()?),
                tag::V2 => self.threshold = reader.int32()?,
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(())
    }

    pub(crate) fn rule(&self, version: ProtocolVersion) -> Result<AggregationRule, ParseError> {
        if version <= ProtocolVersion::V34 {
            let members = self.eligible.iter().map(|member| Member::parse(member));
            return self.members(members.collect::<Result<_, _>>().map_err(identifier("eligible_members"))?);
        }
        let recipients = self.eligible.iter().map(|recipient| Recipient::parse(recipient));
        let recipients: Vec<Recipient> =
            recipients.collect::<Result<_, _>>().map_err(identifier("eligible_members"))?;
        match recipients[..] {
            [] => Ok(AggregationRule::SenderDeduplication),
            [Recipient::MediatorGroup(index)] => Ok(AggregationRule::MediatorGroup(index)),
            [Recipient::SequencersOfSynchronizer] => Ok(AggregationRule::Sequencers),
            _ => {
                let members = recipients.into_iter().map(|recipient| match recipient {
                    Recipient::Member(member) => Ok(member),
                    _ => Err(ParseError::AggregationRule),
                });
                self.members(members.collect::<Result<_, _>>()?)
            }
        }
    }

    fn members(&self, eligible: Vec<Member>) -> Result<AggregationRule, ParseError> {
        if eligible.is_empty() {
            return Err(ParseError::FieldNotSet { field: "eligible_members" });
        }
        at_least("threshold", 1, i64::from(self.threshold))?;
        Ok(AggregationRule::Members { eligible, threshold: self.threshold })
    }
}

impl AggregationRule {
    /// Reads an `AggregationRule` (not versioned). Where the rule is not a list of members, its threshold is ignored.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed or none of the forms of the protocol version
    /// (`AggregationRule.fromProtoV30`).
    pub fn parse(message: &[u8], version: ProtocolVersion) -> Result<Self, ParseError> {
        let mut parts = RuleMessage::default();
        parts.merge(message)?;
        parts.rule(version)
    }

    /// `AggregationRule`, not versioned.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut buffer = Vec::new();
        let mut eligible = |text: &dyn fmt::Display| put_delimited(&mut buffer, 1, text.to_string().as_bytes());
        match self {
            Self::Members { eligible: members, threshold } => {
                members.iter().for_each(|member| eligible(member));
                put_int(&mut buffer, 2, i64::from(*threshold));
            }
            Self::MediatorGroup(index) => eligible(&Recipient::MediatorGroup(*index)),
            Self::Sequencers => eligible(&Recipient::SequencersOfSynchronizer),
            Self::SenderDeduplication => {}
        }
        buffer.into()
    }

    /// Adds the rule to an aggregation id (`AggregationRuleInput.appendForAggregationId`).
    fn add_to(&self, builder: HashBuilder, sender: &Member) -> HashBuilder {
        match self {
            Self::Members { eligible, threshold } => builder
                .add_sequence(eligible, |builder, member| builder.add_string(&member.to_string()))
                .add_int(*threshold),
            Self::MediatorGroup(index) => builder.add_int(1).add_int(index.as_i32()),
            Self::Sequencers => builder.add_int(2),
            Self::SenderDeduplication => builder.add_int(3).add_string(&sender.to_string()),
        }
    }
}

/// What submissions have in common that contribute to the same aggregation. Ordered by the bytes of the hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AggregationId(pub Hash);

impl AggregationId {
    /// The hash.
    #[must_use]
    pub const fn hash(&self) -> &Hash {
        &self.0
    }
}

impl fmt::Debug for AggregationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AggregationId({})", self.0)
    }
}

/// Parts of a submission request that its aggregation id is made of, besides its envelopes.
pub(crate) struct AggregationIdParts<'a> {
    pub(crate) sender: &'a Member,
    pub(crate) max_sequencing_time: CantonTimestamp,
    pub(crate) topology_timestamp: Option<CantonTimestamp>,
    pub(crate) rule: &'a AggregationRule,
}

impl<'a> AggregationIdParts<'a> {
    /// The id (`SubmissionRequest.aggregationId`). Neither message id nor signatures nor cost are part of it.
    pub(crate) fn id(
        &self,
        envelope_count: usize,
        envelopes: impl Iterator<Item = Result<(Envelope, &'a Recipients), ParseError>>,
    ) -> Result<AggregationId, ParseError> {
        let mut builder = HashBuilder::new(HashPurpose::AGGREGATION_ID).add_count(envelope_count);
        for envelope in envelopes {
            let (envelope, recipients) = envelope?;
            builder = add_twice_prefixed(builder, &envelope.content);
            builder = add_twice_prefixed(builder, &recipients.encode());
            builder = builder.add_byte_string(&[u8::from(!envelope.signatures.is_empty())]);
        }
        builder = builder
            .add_long(self.max_sequencing_time.as_micros())
            .add_long(self.topology_timestamp.map_or(i64::MIN, CantonTimestamp::as_micros));
        Ok(AggregationId(self.rule.add_to(builder, self.sender).finish()))
    }
}

/// Adds bytes with their length before them, and the length of both before that.
fn add_twice_prefixed(builder: HashBuilder, bytes: &[u8]) -> HashBuilder {
    builder.add_count(bytes.len() + size_of::<i32>()).add_byte_string(bytes)
}
