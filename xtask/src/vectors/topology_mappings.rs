//! `topology_mappings.jsonl.gz`: topology transactions, their hashes and signatures, and what Canton's parsers accept.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use serde_json::Value;
use synod_crypto::{Hash, decentralized_namespace, multi_transaction_hash, verify};
use synod_proto::protocol::v30::topology_mapping::Mapping as Proto;
use synod_proto::protocol::{v30, v31};
use synod_testkit::vectors::Case;
use synod_testkit::{Tally, fields};
use synod_topology::broadcast::TopologyTransactionsBroadcast;
use synod_topology::{
    Mapping, SignedTopologyTransaction, StaticSynchronizerParameters, TopologySignature, TopologyTransaction,
};
use synod_types::{Namespace, ProtocolVersion};
use synod_wire::MessageKind;

use super::aliases::Aliases;
use super::input::Input;

/// Compares the file.
pub(crate) fn check(input: &mut Input<'_>, tally: &mut Tally) {
    let mut aliases = Aliases::default();
    for case in input.by_ref() {
        let result = match case.kind() {
            "key" | "encryption_key" => match aliases.define(&case) {
                Ok(()) => continue,
                Err(reason) => Err(reason),
            },
            "transaction" => transaction(&case),
            "signed_transaction" => signed_transaction(&case, &aliases),
            "multi_hash" => multi_hash(&case),
            "broadcast" => broadcast(&case),
            "decentralized_namespace" => namespace_of_owners(&case),
            "static_parameters" => static_parameters(&case),
            "static_parameters_parse" => static_parameters_parse(&case),
            "transaction_parse" => transaction_parse(&case),
            "signed_transaction_parse" => signed_transaction_parse(&case, &aliases),
            other => Err(format!("unknown kind {other}")),
        };
        tally.case(case.kind(), case.label(), result);
    }
}

/// The protocol version of a case.
pub(super) fn version(case: &Case) -> Result<ProtocolVersion, String> {
    let number = i32::try_from(case.integer("pv")?).map_err(|error| error.to_string())?;
    ProtocolVersion::of_number(number).map_err(|error| error.to_string())
}

fn optional_text<'a>(case: &'a Case, field: &str) -> Option<&'a str> {
    case.optional(field).and_then(Value::as_str)
}

fn transaction(case: &Case) -> Result<(), String> {
    let (version, bytes) = (version(case)?, case.bytes("bytes")?);
    let found = TopologyTransaction::parse(&bytes, version).map_err(|error| error.to_string())?;
    let mapping = found.mapping();
    fields::same("mapping", &case.text("mapping")?, &mapping.code().name())?;
    fields::same("code", &case.integer("code")?, &i64::from(mapping.code().number()))?;
    fields::same("short_code", &case.text("short_code")?, &mapping.code().short_code())?;
    fields::same("operation", &case.integer("operation")?, &i64::from(found.operation().number()))?;
    fields::same("serial", &case.integer("serial")?, &i64::from(found.serial()))?;
    fields::same("tx_hash", &case.text("tx_hash")?, &found.hash().to_hex().as_str())?;
    fields::same("unique_key", &case.text("unique_key")?, &mapping.unique_key().to_hex().as_str())?;
    fields::same("namespace", &case.text("namespace")?, &mapping.namespace().as_str())?;
    fields::same("uid", &optional_text(case, "uid"), &mapping.uid().map(|uid| uid.as_str()))?;
    let synchronizer = mapping.synchronizer().map(|synchronizer| synchronizer.as_str());
    fields::same("restricted_to_synchronizer", &optional_text(case, "restricted_to_synchronizer"), &synchronizer)?;

    let required = mapping.required_authorization(None, false).referenced();
    let expected = fields::value(&case.value, "referenced_authorizations_first")?;
    let set = |field| fields::texts(expected, field).map(|texts| texts.into_iter().collect::<BTreeSet<_>>());
    fields::same("namespaces", &set("namespaces")?, &required.namespaces.iter().map(Namespace::as_str).collect())?;
    fields::same("extra_keys", &set("extra_keys")?, &required.extra_keys.iter().map(|key| key.as_str()).collect())?;

    same_mapping("mapping_proto", &case.bytes("mapping_proto")?, mapping)?;
    let again = TopologyTransaction::new(found.operation(), found.serial(), mapping.clone(), version);
    same_transaction("bytes", &bytes, &again.map_err(|error| error.to_string())?)
}

/// Compares a mapping with its message; sets have no order there.
fn same_mapping(what: &str, expected: &Bytes, found: &Mapping) -> Result<(), String> {
    let expected = v30::TopologyMapping::decode(expected.clone()).map_err(|error| error.to_string())?;
    fields::same(what, &sorted(expected), &sorted(found.to_proto()))
}

/// Compares a transaction that we wrote with Canton's bytes.
fn same_transaction(what: &str, expected: &Bytes, found: &TopologyTransaction) -> Result<(), String> {
    let open = |bytes: &Bytes| -> Result<v30::TopologyTransaction, String> {
        let data = synod_wire::versioned::unwrap(bytes).map_err(|error| error.to_string())?.data;
        v30::TopologyTransaction::decode(data).map_err(|error| error.to_string())
    };
    let (expected_proto, found_proto) = (open(expected)?, open(found.bytes())?);
    if expected_proto == found_proto {
        return fields::same_bytes(what, expected, found.bytes());
    }
    let sort = |mut proto: v30::TopologyTransaction| {
        proto.mapping = proto.mapping.map(sorted);
        proto
    };
    fields::same(what, &sort(expected_proto), &sort(found_proto))
}

fn sorted(mut proto: v30::TopologyMapping) -> v30::TopologyMapping {
    match &mut proto.mapping {
        Some(Proto::DecentralizedNamespaceDefinition(definition)) => definition.owners.sort(),
        Some(Proto::SequencerConnectionSuccessor(successor)) => {
            successor.connection.iter_mut().for_each(|connection| connection.endpoints.sort());
        }
        _ => {}
    }
    proto
}

fn signed_transaction(case: &Case, aliases: &Aliases) -> Result<(), String> {
    let (version, bytes) = (version(case)?, case.bytes("bytes")?);
    let found = SignedTopologyTransaction::parse(&bytes, version).map_err(|error| error.to_string())?;
    fields::same_bytes("bytes", &bytes, &found.encode(version))?;
    fields::same_bytes("plain_proto", &case.bytes("plain_proto")?, &found.to_proto().encode_to_vec())?;
    let unversioned = SignedTopologyTransaction::parse_unversioned(&case.bytes("plain_proto")?, version);
    fields::same_bytes("plain_proto", &bytes, &unversioned.map_err(|error| error.to_string())?.encode(version))?;
    fields::same_bytes("transaction", &case.bytes("transaction")?, found.transaction().bytes())?;
    fields::same("tx_hash", &case.text("tx_hash")?, &found.transaction().hash().to_hex().as_str())?;
    fields::same("proposal", &case.boolean("proposal")?, &found.is_proposal())?;
    let expected = case.list("signatures")?;
    fields::same("number of signatures", &expected.len(), &found.signatures().len())?;
    for expected in expected {
        let alias = fields::text(expected, "key")?;
        let mut signatures = found.signatures().iter();
        let signature = signatures.find(|signature| aliases.of(signature.authorizing_key()) == alias);
        let signature = signature.ok_or_else(|| format!("no signature by {alias}"))?;
        signature_of(expected, &found, signature, aliases)?;
    }
    Ok(())
}

fn signature_of(
    expected: &Value,
    transaction: &SignedTopologyTransaction,
    signature: &TopologySignature,
    aliases: &Aliases,
) -> Result<(), String> {
    let hash = transaction.transaction().hash();
    let signed = signature.signed_hash(hash);
    fields::same("type", &fields::text(expected, "type")?, &type_of(signature))?;
    fields::same("hash", &fields::text(expected, "hash")?, &signed.to_hex().as_str())?;
    fields::same("covers", &fields::boolean(expected, "covers")?, &signature.covers(hash))?;
    let proto = signature.signature().to_proto().encode_to_vec();
    fields::same_bytes("signature_proto", &fields::bytes(expected, "signature_proto")?, &proto)?;
    let key = aliases.key(fields::text(expected, "key")?)?;
    let valid = verify(&signed, key, signature.signature(), key.usages()).is_ok();
    fields::same("valid", &fields::boolean(expected, "valid")?, &valid)
}

fn type_of(signature: &TopologySignature) -> &'static str {
    match signature.covered_transactions() {
        None => "SingleTransactionSignature",
        Some(_) => "MultiTransactionSignature",
    }
}

fn multi_hash(case: &Case) -> Result<(), String> {
    let hashes = fields::texts(&case.value, "tx_hashes")?.into_iter().map(Hash::from_hex).collect::<Result<_, _>>();
    let hash = multi_transaction_hash(&hashes.map_err(|error| error.to_string())?);
    fields::same("combined_hash", &case.text("combined_hash")?, &hash.to_hex().as_str())
}

fn namespace_of_owners(case: &Case) -> Result<(), String> {
    let owners = fields::texts(&case.value, "owners")?.into_iter().map(Namespace::parse).collect::<Result<_, _>>();
    let namespace = decentralized_namespace(&owners.map_err(|error| error.to_string())?);
    fields::same("namespace", &case.text("namespace")?, &namespace.as_str())
}

fn broadcast(case: &Case) -> Result<(), String> {
    let (version, bytes) = (version(case)?, case.bytes("broadcast_proto")?);
    let found = TopologyTransactionsBroadcast::parse(&bytes, version).map_err(|error| error.to_string())?;
    fields::same("psid", &case.text("psid")?, &found.psid.to_string().as_str())?;
    let transactions: Vec<Bytes> = found.transactions.iter().map(|transaction| transaction.encode(version)).collect();
    fields::same("transactions", &fields::bytes_list(&case.value, "transactions")?, &transactions)?;
    fields::same_bytes("broadcast_proto", &bytes, &found.encode(version))?;
    let content = match version {
        ProtocolVersion::V34 => {
            let content =
                v30::envelope_content::SomeEnvelopeContent::TopologyTransactionsBroadcast(found.to_proto(version));
            v30::EnvelopeContent { some_envelope_content: Some(content) }.encode_to_vec()
        }
        ProtocolVersion::V35 | ProtocolVersion::Dev => {
            let content =
                v31::envelope_content::SomeEnvelopeContent::TopologyTransactionsBroadcast(found.to_proto(version));
            v31::EnvelopeContent { some_envelope_content: Some(content) }.encode_to_vec()
        }
    };
    fields::same_bytes("bytes", &case.bytes("bytes")?, &MessageKind::EnvelopeContent.wrap(version, &content))
}

fn static_parameters(case: &Case) -> Result<(), String> {
    let plain = case.bytes("proto")?;
    let found = StaticSynchronizerParameters::parse_unversioned(&plain).map_err(|error| error.to_string())?;
    fields::same("protocol version", &version(case)?, &found.protocol_version)?;
    fields::same_bytes("proto", &plain, &found.to_proto().encode_to_vec())?;
    let Some(bytes) = fields::optional_bytes(&case.value, "bytes")? else { return Ok(()) };
    let versioned = StaticSynchronizerParameters::parse(&bytes).map_err(|error| error.to_string())?;
    fields::same("proto", &found, &versioned)?;
    fields::same_bytes("bytes", &bytes, &found.encode())
}

fn static_parameters_parse(case: &Case) -> Result<(), String> {
    let found = StaticSynchronizerParameters::parse_unversioned(&case.bytes("bytes")?);
    fields::same("accept", &case.boolean("accept")?, &found.is_ok())?;
    let Ok(found) = found else { return Ok(()) };
    let expected = v30::StaticSynchronizerParameters::decode(case.bytes("reserialized")?);
    let mut expected = expected.map_err(|error| error.to_string())?;
    for set in [
        &mut expected.required_symmetric_key_schemes,
        &mut expected.required_hash_algorithms,
        &mut expected.required_crypto_key_formats,
        &mut expected.required_signature_formats,
    ] {
        set.sort_unstable();
    }
    if let Some(specs) = &mut expected.required_signing_specs {
        specs.algorithms.sort_unstable();
        specs.keys.sort_unstable();
    }
    if let Some(specs) = &mut expected.required_encryption_specs {
        specs.algorithms.sort_unstable();
        specs.keys.sort_unstable();
    }
    fields::same("reserialized", &expected, &found.to_proto())
}

fn transaction_parse(case: &Case) -> Result<(), String> {
    let version = version(case)?;
    let found = TopologyTransaction::parse(&case.bytes("bytes")?, version);
    fields::same("accept", &case.boolean("accept")?, &found.is_ok())?;
    let Ok(found) = found else { return Ok(()) };
    fields::same("tx_hash", &case.text("tx_hash")?, &found.hash().to_hex().as_str())?;
    fields::same("unique_key", &case.text("unique_key")?, &found.mapping().unique_key().to_hex().as_str())?;
    let again = TopologyTransaction::new(found.operation(), found.serial(), found.mapping().clone(), version);
    let again = again.map_err(|error| error.to_string())?;
    same_transaction("reserialized_from_fields", &case.bytes("reserialized_from_fields")?, &again)
}

fn signed_transaction_parse(case: &Case, aliases: &Aliases) -> Result<(), String> {
    let version = version(case)?;
    let found = SignedTopologyTransaction::parse(&case.bytes("bytes")?, version);
    fields::same("accept", &case.boolean("accept")?, &found.is_ok())?;
    let Ok(found) = found else { return Ok(()) };
    // Canton's are a set.
    let signers: BTreeSet<String> = found
        .signatures()
        .iter()
        .map(|signature| format!("{}:{}", aliases.of(signature.authorizing_key()), type_of(signature)))
        .collect();
    let expected: BTreeSet<String> =
        fields::texts(&case.value, "signers")?.into_iter().map(ToOwned::to_owned).collect();
    fields::same("signers", &expected, &signers)
}
