//! Numbers inside of identifiers, read as the JVM reads them.

use crate::InvalidIdentifier;

/// First digit of each run of ten decimal digits in the basic multilingual plane (Unicode category Nd).
/// The JVM's `Integer.parseInt` takes any of them.
const DECIMAL_ZEROS: [u32; 37] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

fn digit(character: char) -> Option<i64> {
    let code = u32::from(character);
    DECIMAL_ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code)).map(|zero| i64::from(code - zero))
}

/// A 32-bit signed number: optional sign, then decimal digits of any script (JVM `Integer.parseInt`).
pub(crate) fn parse_int(text: &str) -> Result<i32, InvalidIdentifier> {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    if digits.is_empty() {
        return Err(InvalidIdentifier::number(text));
    }
    let mut value = 0_i64;
    for character in digits.chars() {
        let next = digit(character).ok_or_else(|| InvalidIdentifier::number(text))?;
        value = value * 10 + next;
        if value > i64::from(i32::MAX) + 1 {
            return Err(InvalidIdentifier::number(text));
        }
    }
    i32::try_from(sign * value).map_err(|_| InvalidIdentifier::number(text))
}

/// As [`parse_int`], and not negative.
pub(crate) fn parse_non_negative(text: &str) -> Result<u32, InvalidIdentifier> {
    u32::try_from(parse_int(text)?).map_err(|_| InvalidIdentifier::number(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_jvm_does() {
        for (text, value) in
            [("0", 0), ("+1", 1), ("01", 1), ("2147483647", i32::MAX), ("-2147483648", i32::MIN), ("\u{663}", 3)]
        {
            assert_eq!(parse_int(text), Ok(value), "{text}");
        }
        for text in ["", "+", "-", "1 ", " 1", "a", "2147483648", "99999999999999999999999", "1::2"] {
            assert!(parse_int(text).is_err(), "{text}");
        }
        assert!(parse_non_negative("-1").is_err());
    }
}
