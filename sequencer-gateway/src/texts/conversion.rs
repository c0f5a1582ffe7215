//! What Canton says about a text that is no member (`Member.fromProtoPrimitive`).

use synod_types::{InvalidIdentifier, MemberKind};

/// Canton's delimiter between the parts of identifiers.
const DELIMITER: &str = "::";
/// Shortest text that has a code, two delimiters and one character.
const SHORTEST: usize = 8;
/// Characters of a wrong identifier that are shown.
const SHOWN: usize = 200;

/// `ValueConversionError(field,error)`.
pub(crate) fn failed_conversion(field: &str, error: &str) -> String {
    format!("ValueConversionError({field},{error})")
}

/// Why `text` is no member.
pub(crate) fn unreadable_member(text: &str, error: &InvalidIdentifier) -> String {
    if text.chars().count() < SHORTEST {
        return format!("Invalid member `{text}`, expecting <three-letter-code>::id::fingerprint.");
    }
    let code: String = text.chars().take(3).collect();
    let rest = &text[code.len()..];
    let Some(uid) = rest.strip_prefix(DELIMITER) else {
        return format!("Expected delimiter {DELIMITER} after three letter code of `{text}`");
    };
    let kinds = [MemberKind::Mediator, MemberKind::Participant, MemberKind::Sequencer];
    if !kinds.iter().any(|kind| kind.code() == code) {
        return format!("Unknown three letter type {code}");
    }
    match uid.find(DELIMITER) {
        Some(0) => format!("Invalid unique identifier `{uid}` with empty identifier."),
        None if uid.is_empty() => "Empty string is not a valid unique identifier.".to_owned(),
        None => format!("Invalid unique identifier `{uid}` with missing namespace."),
        Some(_) => {
            let shown: String = uid.chars().take(SHOWN).collect();
            format!("Identifier decoding of `{shown}` failed with: {error}")
        }
    }
}

#[cfg(test)]
mod tests {
    use synod_types::Member;

    use super::*;

    fn reason(text: &str) -> String {
        unreadable_member(text, &Member::parse(text).expect_err("no member"))
    }

    #[test]
    fn each_mistake_has_its_text() {
        for (text, expected) in [
            ("xyz", "Invalid member `xyz`, expecting <three-letter-code>::id::fingerprint."),
            ("nonsense", "Expected delimiter :: after three letter code of `nonsense`"),
            ("XXX::a::b", "Unknown three letter type XXX"),
            ("PAR::abcdef", "Invalid unique identifier `abcdef` with missing namespace."),
            ("PAR::::abcd", "Invalid unique identifier `::abcd` with empty identifier."),
        ] {
            assert_eq!(reason(text), expected);
        }
        assert!(reason("PAR::a/b::1220").starts_with("Identifier decoding of `a/b::1220` failed with: "));
        assert_eq!(failed_conversion("member", "error"), "ValueConversionError(member,error)");
    }
}
