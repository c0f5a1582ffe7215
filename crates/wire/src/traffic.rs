//! Traffic: receipts and purchases (chapter 01 §6.3, chapter 03 §5.5).

use bytes::Bytes;
use synod_types::{Member, PhysicalSynchronizerId, ProtocolVersion};

use crate::error::{at_least, identifier};
use crate::reader::{Reader, tag};
use crate::writer::{put_bytes, put_int};
use crate::{MessageKind, ParseError};

/// What a submission cost, as its sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrafficReceipt {
    /// Cost of the submission in bytes; not negative.
    pub consumed_cost: i64,
    /// Purchased traffic used so far, in bytes; not negative.
    pub extra_traffic_consumed: i64,
    /// Base traffic left, in bytes; not negative.
    pub base_traffic_remainder: i64,
}

impl TrafficReceipt {
    /// Reads a `TrafficReceipt` (not versioned).
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed or a number is negative.
    pub fn parse_proto(message: &[u8]) -> Result<Self, ParseError> {
        let mut numbers = [0; 3];
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::V1 => numbers[0] = reader.int64()?,
                tag::V2 => numbers[1] = reader.int64()?,
                tag::V3 => numbers[2] = reader.int64()?,
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(Self {
            consumed_cost: at_least("consumed_cost", 0, numbers[0])?,
            extra_traffic_consumed: at_least("extra_traffic_consumed", 0, numbers[1])?,
            base_traffic_remainder: at_least("base_traffic_remainder", 0, numbers[2])?,
        })
    }

    /// The message.
    #[must_use]
    pub fn to_proto_bytes(&self) -> Vec<u8> {
        let mut buffer = Vec::new();
        put_int(&mut buffer, 1, self.consumed_cost);
        put_int(&mut buffer, 2, self.extra_traffic_consumed);
        put_int(&mut buffer, 3, self.base_traffic_remainder);
        buffer
    }
}

/// A new limit of a member's purchased traffic (`SetTrafficPurchasedMessage`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetTrafficPurchased {
    /// The member.
    pub member: Member,
    /// Serial of the purchase, from 1.
    pub serial: u32,
    /// All traffic that the member ever purchased, in bytes; not negative.
    pub extra_traffic_purchased: i64,
    /// The synchronizer.
    pub psid: PhysicalSynchronizerId,
}

impl SetTrafficPurchased {
    /// Reads the versioned message. Every version number is accepted.
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed.
    pub fn parse(bytes: &Bytes) -> Result<Self, ParseError> {
        let data = crate::versioned::unwrap(bytes)?.data;
        let (mut member, mut serial, mut total, mut psid) = ("", 0, 0, "");
        let mut reader = Reader::new(&data);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::D1 => member = reader.text()?,
                tag::V2 => serial = reader.int32()?,
                tag::V4 => total = reader.int64()?,
                tag::D5 => psid = reader.text()?,
                unknown => reader.skip(unknown)?,
            }
        }
        let serial = at_least("serial", 1, i64::from(serial))?;
        Ok(Self {
            member: Member::parse(member).map_err(identifier("member"))?,
            // From 1, and it was a 32-bit number.
            serial: u32::try_from(serial).unwrap_or(u32::MAX),
            extra_traffic_purchased: at_least("total_traffic_purchased", 0, total)?,
            psid: PhysicalSynchronizerId::parse(psid).map_err(identifier("physical_synchronizer_id"))?,
        })
    }

    /// The versioned message.
    #[must_use]
    pub fn to_versioned_bytes(&self, version: ProtocolVersion) -> Bytes {
        let mut buffer = Vec::new();
        put_bytes(&mut buffer, 1, self.member.to_string().as_bytes());
        put_int(&mut buffer, 2, i64::from(self.serial));
        put_int(&mut buffer, 4, self.extra_traffic_purchased);
        put_bytes(&mut buffer, 5, self.psid.to_string().as_bytes());
        MessageKind::SetTrafficPurchasedMessage.wrap(version, &buffer)
    }
}
