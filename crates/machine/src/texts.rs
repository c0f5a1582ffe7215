//! Canton's texts of rejections: they are part of the bytes of a deliver error.

use synod_types::Member;
use synod_wire::status::short_member;

/// Members in a Scala list.
pub(crate) fn list<'a>(members: impl IntoIterator<Item = &'a Member>) -> String {
    let members: Vec<String> = members.into_iter().map(short_member).collect();
    format!("List({})", members.join(", "))
}
