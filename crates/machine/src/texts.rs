//! Canton's texts of rejections: they are part of the bytes of a deliver error.

use synod_types::Member;

/// Characters of a fingerprint that are shown.
const SHOWN: usize = 12;

/// A member as Canton prints it: the namespace is cut after twelve characters (`readableHash`).
#[must_use]
pub fn short(member: &Member) -> String {
    let uid = member.uid();
    let namespace = uid.namespace_str();
    let (kind, identifier) = (member.kind().code(), uid.identifier());
    // Fingerprints are ASCII, so bytes are characters.
    match namespace.get(..SHOWN) {
        Some(shown) if namespace.len() > SHOWN => format!("{kind}::{identifier}::{shown}..."),
        _ => format!("{kind}::{identifier}::{namespace}"),
    }
}

/// Members in a Scala list.
pub(crate) fn list<'a>(members: impl IntoIterator<Item = &'a Member>) -> String {
    let members: Vec<String> = members.into_iter().map(short).collect();
    format!("List({})", members.join(", "))
}
