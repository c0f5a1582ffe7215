//! Trees of recipients.

use std::collections::BTreeSet;

use serde_json::Value;
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_types::{Member, Recipient};
use synod_wire::Recipients;

use super::super::verdict::accepted;

/// The trees that a JSON list of nodes describes.
pub(super) fn of_json(trees: &[Value]) -> Result<Recipients, String> {
    let mut nodes = Vec::new();
    let mut pending: Vec<(usize, &Value)> = trees.iter().rev().map(|tree| (0, tree)).collect();
    while let Some((depth, node)) = pending.pop() {
        nodes.push((depth, recipient_set(&fields::texts(node, "recipients")?)?));
        pending.extend(fields::list(node, "children")?.iter().rev().map(|child| (depth + 1, child)));
    }
    Recipients::from_preorder(nodes).ok_or_else(|| "the trees of the case are malformed".to_owned())
}

fn recipient_set(texts: &[&str]) -> Result<BTreeSet<Recipient>, String> {
    texts.iter().map(|text| Recipient::parse(text).map_err(super::text_of)).collect()
}

/// Whether a recipient is one of the groups in a field of the case.
pub(super) fn groups(case: &Case) -> Result<impl Fn(&Recipient) -> bool + use<>, String> {
    let groups = recipient_set(&fields::texts(&case.value, "group_recipients_of_member")?)?;
    Ok(move |recipient: &Recipient| groups.contains(recipient))
}

pub(super) fn member(case: &Case) -> Result<Member, String> {
    Member::parse(case.text("member")?).map_err(super::text_of)
}

fn same_texts(case: &Case, field: &str, found: BTreeSet<Recipient>) -> Result<(), String> {
    let expected: Vec<String> = fields::texts(&case.value, field)?.into_iter().map(str::to_owned).collect();
    fields::same(field, &expected, &found.iter().map(ToString::to_string).collect())
}

pub(super) fn recipients(case: &Case) -> Result<(), String> {
    let built = of_json(case.list("recipients")?)?;
    let bytes = case.bytes("bytes")?;
    fields::same_bytes("bytes", &bytes, &built.encode())?;
    fields::same("parsed", &built, &Recipients::parse(&bytes).map_err(super::text_of)?)?;
    same_texts(case, "all_recipients_sorted", built.all_recipients())?;
    same_texts(case, "leaf_recipients_sorted", built.leaf_recipients())
}

pub(super) fn for_member(case: &Case) -> Result<(), String> {
    let recipients = of_json(case.list("recipients")?)?;
    let found = recipients.for_member(&member(case)?, &groups(case)?);
    let expected = case.optional("result").map(|_| of_json(case.list("result")?)).transpose()?;
    fields::same("result", &expected, &found)?;
    match (fields::optional_bytes(&case.value, "result_bytes")?, found) {
        (Some(bytes), Some(found)) => fields::same_bytes("result_bytes", &bytes, &found.encode()),
        (None, None) => Ok(()),
        (bytes, found) => Err(format!("result_bytes: expected {bytes:?}, found {found:?}")),
    }
}

pub(super) fn parse(case: &Case) -> Result<(), String> {
    let bytes = case.bytes("bytes")?;
    accepted(case, Recipients::parse(&bytes), |found| {
        if case.optional("recipients").is_some() {
            fields::same("recipients", &of_json(case.list("recipients")?)?, &found)?;
            return fields::same_bytes("reserialized", &case.bytes("reserialized")?, &found.encode());
        }
        fields::same_bytes("bytes", &bytes, &found.encode())
    })
}
