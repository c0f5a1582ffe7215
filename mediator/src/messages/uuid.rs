//! The identity of a confirmation request (`UUID.fromString` of the JVM).

use std::fmt;

use super::error::InvalidMessage;

/// What tells requests apart: two texts of the same number are the same request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestUuid(u128);

/// Longest text.
const MAX_LENGTH: usize = 36;
/// Bits of the parts between the dashes.
const PARTS: [u32; 5] = [32, 16, 16, 16, 48];

impl RequestUuid {
    /// Reads five hexadecimal numbers between dashes. As on the JVM a part may be shorter than usual, or longer: then its
    /// upper bits are dropped.
    ///
    /// # Errors
    /// [`InvalidMessage::Uuid`] when it is something else.
    pub fn parse(text: &str) -> Result<Self, InvalidMessage> {
        if text.len() > MAX_LENGTH || text.split('-').count() != PARTS.len() {
            return Err(InvalidMessage::Uuid);
        }
        let mut value = 0_u128;
        for (part, bits) in text.split('-').zip(PARTS) {
            let number = i64::from_str_radix(part, 16).map_err(|_| InvalidMessage::Uuid)?;
            value = value << bits | u128::from(number.cast_unsigned() & ((1 << bits) - 1));
        }
        Ok(Self(value))
    }
}

impl fmt::Display for RequestUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:032x}", self.0);
        let (a, b, c, d, e) = (&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]);
        write!(f, "{a}-{b}-{c}-{d}-{e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_may_be_short_or_long() {
        let text = |input| RequestUuid::parse(input).map(|uuid| uuid.to_string());
        assert_eq!(text("1-2-3-4-5").as_deref(), Ok("00000001-0002-0003-0004-000000000005"));
        assert_eq!(text("f00000001-12-3-4-+A").as_deref(), Ok("00000001-0012-0003-0004-00000000000a"));
        for wrong in ["", "1-2-3-4", "1-2-3-4-", "1-2-3-4-5-6", "1-2-3-4-g", "00000000-0000-0000-0000-0000000000001"] {
            assert_eq!(text(wrong), Err(InvalidMessage::Uuid), "{wrong}");
        }
    }
}
