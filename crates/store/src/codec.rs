//! Values of columns: numbers, times, hashes, and small lists packed into one byte string (little endian).

use bytes::{Buf, BufMut, Bytes};
use synod_machine::{EventKind, ResolvedGroup};
use synod_types::{CantonTimestamp, MemberIndex, Recipient};
use synod_wire::TrafficReceipt;

use crate::StoreFault;

pub(crate) fn time_of(table: &'static str, micros: i64) -> Result<CantonTimestamp, StoreFault> {
    CantonTimestamp::from_micros(micros).map_err(|error| StoreFault::corrupt(table, error))
}

pub(crate) fn opt_time_of(table: &'static str, micros: Option<i64>) -> Result<Option<CantonTimestamp>, StoreFault> {
    micros.map(|micros| time_of(table, micros)).transpose()
}

pub(crate) fn hash_of(table: &'static str, bytes: &[u8]) -> Result<[u8; 32], StoreFault> {
    bytes.try_into().map_err(|_| StoreFault::corrupt(table, format!("a hash of {} bytes", bytes.len())))
}

pub(crate) fn member_of(table: &'static str, index: i64) -> Result<MemberIndex, StoreFault> {
    u32::try_from(index).map(MemberIndex).map_err(|_| StoreFault::corrupt(table, format!("member {index}")))
}

/// A count or height as a column's value.
pub(crate) fn column(what: &'static str, number: u64) -> Result<i64, StoreFault> {
    i64::try_from(number).map_err(|_| StoreFault::Range { what })
}

/// What [`column`] gave.
pub(crate) fn number_of(table: &'static str, value: i64) -> Result<u64, StoreFault> {
    u64::try_from(value).map_err(|_| StoreFault::corrupt(table, format!("negative number {value}")))
}

pub(crate) const fn kind_code(kind: EventKind) -> i64 {
    match kind {
        EventKind::Deliver => 0,
        EventKind::Receipt => 1,
        EventKind::Error => 2,
    }
}

pub(crate) fn kind_of(code: i64) -> Result<EventKind, StoreFault> {
    [EventKind::Deliver, EventKind::Receipt, EventKind::Error]
        .into_iter()
        .find(|kind| kind_code(*kind) == code)
        .ok_or_else(|| StoreFault::corrupt("events", format!("kind {code}")))
}

/// Writes a length that is bounded by memory.
fn put_length(packed: &mut Vec<u8>, length: usize) {
    packed.put_u32_le(u32::try_from(length).unwrap_or(u32::MAX));
}

pub(crate) fn pack_members(members: &[MemberIndex]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(members.len() * 4);
    for member in members {
        packed.put_u32_le(member.0);
    }
    packed
}

pub(crate) fn unpack_members(packed: &[u8]) -> Vec<MemberIndex> {
    packed.chunks_exact(4).map(|mut chunk| MemberIndex(chunk.get_u32_le())).collect()
}

pub(crate) fn pack_groups(groups: &[ResolvedGroup]) -> Option<Vec<u8>> {
    if groups.is_empty() {
        return None;
    }
    let mut packed = Vec::new();
    for group in groups {
        let recipient = group.recipient.to_string();
        put_length(&mut packed, recipient.len());
        packed.extend_from_slice(recipient.as_bytes());
        put_length(&mut packed, group.members.len());
        packed.extend(pack_members(&group.members));
    }
    Some(packed)
}

pub(crate) fn unpack_groups(packed: Option<&[u8]>) -> Result<Vec<ResolvedGroup>, StoreFault> {
    let mut reader = Reader { table: "events", left: packed.unwrap_or_default() };
    let mut groups = Vec::new();
    while !reader.left.is_empty() {
        let text = std::str::from_utf8(reader.counted(1)?).map_err(|error| reader.corrupt(error))?;
        let recipient = Recipient::parse(text).map_err(|error| reader.corrupt(error))?;
        groups.push(ResolvedGroup { recipient, members: unpack_members(reader.counted(4)?) });
    }
    Ok(groups)
}

pub(crate) fn pack_receipt(receipt: &TrafficReceipt) -> Vec<u8> {
    let mut packed = Vec::with_capacity(24);
    packed.put_i64_le(receipt.consumed_cost);
    packed.put_i64_le(receipt.extra_traffic_consumed);
    packed.put_i64_le(receipt.base_traffic_remainder);
    packed
}

pub(crate) fn unpack_receipt(packed: &[u8]) -> Result<TrafficReceipt, StoreFault> {
    let mut packed: &[u8] = match packed.len() {
        24 => packed,
        other => return Err(StoreFault::corrupt("events", format!("a receipt of {other} bytes"))),
    };
    Ok(TrafficReceipt {
        consumed_cost: packed.get_i64_le(),
        extra_traffic_consumed: packed.get_i64_le(),
        base_traffic_remainder: packed.get_i64_le(),
    })
}

/// For each envelope, its signatures.
pub(crate) fn pack_signatures(envelopes: &[Vec<Bytes>]) -> Vec<u8> {
    let mut packed = Vec::new();
    for signatures in envelopes {
        put_length(&mut packed, signatures.len());
        for signature in signatures {
            put_length(&mut packed, signature.len());
            packed.extend_from_slice(signature);
        }
    }
    packed
}

pub(crate) fn unpack_signatures(packed: &[u8]) -> Result<Vec<Vec<Bytes>>, StoreFault> {
    let mut reader = Reader { table: "contributions", left: packed };
    let mut envelopes = Vec::new();
    while !reader.left.is_empty() {
        let count = reader.length()?;
        let signatures = (0..count).map(|_| reader.counted(1).map(Bytes::copy_from_slice));
        envelopes.push(signatures.collect::<Result<_, _>>()?);
    }
    Ok(envelopes)
}

/// One event of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) time: i64,
    /// About the bytes that the event takes in memory.
    pub(crate) size: u32,
}

const ENTRY_BYTES: usize = 12;

pub(crate) fn pack_entries(entries: &[Entry]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(entries.len() * ENTRY_BYTES);
    for entry in entries {
        packed.put_i64_le(entry.time);
        packed.put_u32_le(entry.size);
    }
    packed
}

pub(crate) fn unpack_entries(packed: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    packed.chunks_exact(ENTRY_BYTES).map(|mut chunk| Entry { time: chunk.get_i64_le(), size: chunk.get_u32_le() })
}

struct Reader<'a> {
    table: &'static str,
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    fn corrupt(&self, reason: impl ToString) -> StoreFault {
        StoreFault::corrupt(self.table, reason)
    }

    fn length(&mut self) -> Result<usize, StoreFault> {
        let length = self.left.try_get_u32_le().map_err(|error| self.corrupt(error))?;
        usize::try_from(length).map_err(|error| self.corrupt(error))
    }

    /// A length, and that many items of `size` bytes.
    fn counted(&mut self, size: usize) -> Result<&'a [u8], StoreFault> {
        let bytes = self.length()?.saturating_mul(size);
        let (taken, left) = self.left.split_at_checked(bytes).ok_or_else(|| self.corrupt("a list is cut off"))?;
        self.left = left;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back() {
        let groups = vec![
            ResolvedGroup { recipient: Recipient::parse("MGR::3").expect("group"), members: vec![] },
            ResolvedGroup {
                recipient: Recipient::parse("SOD::").expect("group"),
                members: vec![MemberIndex(0), MemberIndex(u32::MAX)],
            },
        ];
        assert_eq!(unpack_groups(pack_groups(&groups).as_deref()).expect("groups"), groups);
        let signatures = vec![vec![], vec![Bytes::from_static(b"a"), Bytes::new()], vec![]];
        assert_eq!(unpack_signatures(&pack_signatures(&signatures)).expect("signatures"), signatures);
        let entries = [Entry { time: i64::MIN, size: 0 }, Entry { time: 7, size: u32::MAX }];
        assert!(unpack_entries(&pack_entries(&entries)).eq(entries));
    }

    #[test]
    fn cut_lists_are_corrupt() {
        let packed = pack_signatures(&[vec![Bytes::from_static(b"abc")]]);
        for length in 1..packed.len() {
            assert!(unpack_signatures(&packed[..length]).is_err(), "{length}");
        }
    }
}
