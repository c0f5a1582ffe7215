//! Merkle sequences.

use serde_json::Value;
use synod_crypto::{Hash, HashBuilder, HashPurpose};
use synod_mediator::messages::{Blindable, MerkleSeq, ViewCommonData};
use synod_testkit::fields;
use synod_testkit::vectors::Case;
use synod_wire::versioned;

use super::text_of;

/// Reads the sequence, and compares hash, elements and places with those of a sequence made of the leaves.
pub(super) fn merkle_seq(case: &Case) -> Result<(), String> {
    let leaf_hashes = fields::bytes_list(&case.value, "leaf_hashes")?;
    let leaf_hashes =
        leaf_hashes.iter().map(|bytes| Hash::from_multihash(bytes).map_err(text_of)).collect::<Result<Vec<_>, _>>()?;
    let expected_root = fields::optional_bytes(&case.value, "root_hash")?;
    let root = |hash: Option<Hash>| hash.map(|hash| hash.multihash().to_vec().into());
    fields::same("root of the leaves", &expected_root, &root(balanced(&leaf_hashes)))?;

    let proto = case.bytes("proto")?;
    fields::same_bytes("bytes", &case.bytes("bytes")?, &versioned::wrap(super::VERSION, &proto))?;
    let seq = MerkleSeq::parse_proto(&proto).map_err(text_of)?;
    let leaves = case.list("leaves")?;
    fields::same("blinded parts", &leaves.contains(&Value::Null), &seq.has_blinded_parts())?;
    let indices = fields::texts(&case.value, "indices_leaf_to_root")?;
    fields::same("indices", &leaves.len(), &indices.len())?;
    fields::same("leaf hashes", &leaves.len(), &leaf_hashes.len())?;

    let mut found = seq.elements().iter();
    let mut found_hashes = Vec::new();
    let visible = leaves.iter().zip(indices).zip(&leaf_hashes).filter(|((leaf, _), _)| !leaf.is_null());
    for ((leaf, index), hash) in visible {
        let element = found.next().ok_or("there are too few elements")?;
        let Blindable::Unblinded(bytes) = &element.content else { return Err("an element is blinded".to_owned()) };
        fields::same_bytes("leaf", &fields::as_bytes(leaf)?, bytes)?;
        let found_hash = ViewCommonData::parse(bytes).map_err(text_of)?.hash();
        fields::same("leaf hash", hash, &found_hash)?;
        found_hashes.push(found_hash);
        fields::same("index", &index.to_owned(), &super::request::steps(&seq.index(element)))?;
    }
    fields::same("number of elements", &0, &found.count())?;
    fields::same("root hash", &expected_root, &root(seq.root_hash(&found_hashes)))
}

/// The root of the sequence that Canton makes of these: neighbours in pairs, an odd last one goes up as it is.
fn balanced(leaves: &[Hash]) -> Option<Hash> {
    let mut layer: Vec<Hash> = leaves.iter().map(|leaf| inner(&[*leaf])).collect();
    while layer.len() > 1 {
        layer = layer.chunks(2).map(|pair| if pair.len() == 2 { inner(pair) } else { pair[0] }).collect();
    }
    layer.first().copied()
}

fn inner(children: &[Hash]) -> Hash {
    let builder = HashBuilder::new(HashPurpose::MERKLE_TREE_INNER_NODE).add_count(children.len());
    children.iter().fold(builder, |builder, child| builder.add_without_length_prefix(&child.multihash())).finish()
}
