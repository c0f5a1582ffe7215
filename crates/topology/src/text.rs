//! Texts for people, as Canton shortens them.

use std::fmt::Display;

/// Characters of a fingerprint that are shown.
const SHOWN: usize = 12;

/// The text of an identifier, with its last part (a fingerprint) cut after twelve characters.
pub(crate) fn short(identifier: &impl ToString) -> String {
    let text = identifier.to_string();
    let start = text.rfind("::").map_or(0, |at| at + 2);
    match text.get(start..start + SHOWN) {
        Some(shown) if text.len() > start + SHOWN => format!("{}{shown}...", &text[..start]),
        _ => text,
    }
}

/// The texts of all items, separated by commas.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_cut() {
        let text = format!("PAR::p1::1220{}", "ab".repeat(32));
        assert_eq!(short(&text), "PAR::p1::1220abababab...");
        assert_eq!(short(&"p1::short"), "p1::short");
        assert_eq!(short(&"1220ababababab"), "1220abababab...");
    }
}
