//! Traffic: receipts, states and purchases (chapter 01 §6.3, chapter 03 §5.5).

use bytes::Bytes;
use synod_types::{CantonTimestamp, Member, PhysicalSynchronizerId, ProtocolVersion};

use crate::error::{at_least, identifier, timestamp};
use crate::reader::{Reader, tag};
use crate::writer::{put_bytes, put_int, put_number};
use crate::{MessageKind, ParseError, versioned};

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
        merge_receipt(&mut numbers, message)?;
        Self::of_numbers(numbers)
    }

    pub(crate) fn of_numbers(numbers: [i64; 3]) -> Result<Self, ParseError> {
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

/// Reads the fields 1 to 3 of a receipt over those read before.
pub(crate) fn merge_receipt(numbers: &mut [i64; 3], message: &[u8]) -> Result<(), ParseError> {
    let mut reader = Reader::new(message);
    while let Some(found) = reader.next_tag()? {
        match found {
            tag::V1 => numbers[0] = reader.int64()?,
            tag::V2 => numbers[1] = reader.int64()?,
            tag::V3 => numbers[2] = reader.int64()?,
            unknown => reader.skip(unknown)?,
        }
    }
    Ok(())
}

/// Everything about a member's traffic at a time, as the member asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficState {
    /// All traffic that the member ever purchased, in bytes; not negative.
    pub extra_traffic_purchased: i64,
    /// Purchased traffic used so far, in bytes; not negative.
    pub extra_traffic_consumed: i64,
    /// Base traffic left, in bytes; not negative.
    pub base_traffic_remainder: i64,
    /// Cost of the member's last event, in bytes; not negative.
    pub last_consumed_cost: i64,
    /// The time.
    pub timestamp: CantonTimestamp,
    /// Serial of the last purchase, from 1; none when there was none.
    pub serial: Option<u32>,
}

impl TrafficState {
    /// Reads a `TrafficState` (not versioned).
    ///
    /// # Errors
    /// [`ParseError`] when it is malformed or a number is out of range.
    pub fn parse_proto(message: &[u8]) -> Result<Self, ParseError> {
        let (mut numbers, mut micros, mut serial) = ([0; 4], 0, None);
        let mut reader = Reader::new(message);
        while let Some(found) = reader.next_tag()? {
            match found {
                tag::V1 => numbers[0] = reader.int64()?,
                tag::V2 => numbers[1] = reader.int64()?,
                tag::V3 => numbers[2] = reader.int64()?,
                tag::V4 => numbers[3] = reader.int64()?,
                tag::V5 => micros = reader.int64()?,
                tag::V6 => serial = Some(reader.int32()?),
                unknown => reader.skip(unknown)?,
            }
        }
        Ok(Self {
            extra_traffic_purchased: at_least("extra_traffic_purchased", 0, numbers[0])?,
            extra_traffic_consumed: at_least("extra_traffic_consumed", 0, numbers[1])?,
            base_traffic_remainder: at_least("base_traffic_remainder", 0, numbers[2])?,
            last_consumed_cost: at_least("last_consumed_cost", 0, numbers[3])?,
            timestamp: timestamp("timestamp", micros)?,
            serial: serial.map(positive_serial).transpose()?,
        })
    }

    /// The message.
    #[must_use]
    pub fn to_proto_bytes(&self) -> Vec<u8> {
        let mut buffer = Vec::new();
        put_int(&mut buffer, 1, self.extra_traffic_purchased);
        put_int(&mut buffer, 2, self.extra_traffic_consumed);
        put_int(&mut buffer, 3, self.base_traffic_remainder);
        put_int(&mut buffer, 4, self.last_consumed_cost);
        put_int(&mut buffer, 5, self.timestamp.as_micros());
        if let Some(serial) = self.serial {
            put_number(&mut buffer, 6, i64::from(serial));
        }
        buffer
    }
}

/// A serial is a positive number of 31 bits.
fn positive_serial(serial: i32) -> Result<u32, ParseError> {
    at_least("serial", 1, i64::from(serial)).map(|_| serial.cast_unsigned())
}

/// A new limit of a member's purchased traffic (`SetTrafficPurchasedMessage`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetTrafficPurchased {
    /// The member.
    pub member: Member,
    /// Serial of the purchase, from 1 to 2³¹ − 1.
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
        let data = versioned::unwrap(bytes)?.data;
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
        Ok(Self {
            member: Member::parse(member).map_err(identifier("member"))?,
            serial: positive_serial(serial)?,
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
