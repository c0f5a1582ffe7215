//! Names as Canton prints them: fingerprints are cut (`readableHash`).

use synod_types::PhysicalSynchronizerId;

pub(crate) use synod_wire::status::short_member;

/// Characters of a fingerprint that are shown.
const SHOWN: usize = 12;

/// A fingerprint, cut after twelve characters.
pub(crate) fn short_fingerprint(fingerprint: &str) -> String {
    // Fingerprints are ASCII, so bytes are characters.
    match fingerprint.get(..SHOWN) {
        Some(shown) if fingerprint.len() > SHOWN => format!("{shown}..."),
        _ => fingerprint.to_owned(),
    }
}

/// `identifier::122057...::35-0`
pub(crate) fn short_synchronizer(psid: &PhysicalSynchronizerId) -> String {
    let uid = psid.logical().uid();
    let (identifier, namespace) = (uid.identifier(), short_fingerprint(uid.namespace_str()));
    format!("{identifier}::{namespace}::{}-{}", psid.protocol_version(), psid.serial())
}

#[cfg(test)]
mod tests {
    use synod_types::Member;

    use super::*;

    #[test]
    fn namespaces_are_cut() {
        let member = Member::parse("PAR::ghost::1220925e1dcf26192e126b24cd70e406").expect("member");
        assert_eq!(short_member(&member), "PAR::ghost::1220925e1dcf...");
        let psid = PhysicalSynchronizerId::parse("other::12205790dd646e696515::35-0").expect("id");
        assert_eq!(short_synchronizer(&psid), "other::12205790dd64...::35-0");
        assert_eq!(short_fingerprint("short"), "short");
    }
}
