//! `synod keys rotate`: new keys beside the old ones, then without them, as the Console's `rotate_node_keys` does it, for all
//! keys at once.

use std::process::ExitCode;

use serde_json::{Value, json};
use synod_topology::Mapping;
use synod_topology::mapping::{OwnerToKeyMapping, PublicKey};
use synod_types::{CantonTimestamp, Fingerprint};

use super::uses::own_mapping;
use crate::admin_client::{Deadline, NodeKey};
use crate::cli::{KeysRotateArgs, SigningArgs, StoreArg};
use crate::commands::change::{self, Wanted};
use crate::commands::failure::Failure;
use crate::commands::targets::{self, Target};
use crate::commands::{CommandResult, now};
use crate::render::key_usages;

/// An old key and the one that stands for it from now on.
struct Rotation {
    old: Fingerprint,
    new: PublicKey,
}

pub(super) fn run(arguments: &KeysRotateArgs) -> CommandResult {
    let KeysRotateArgs { keys, to, target, .. } = arguments;
    if to.is_some() && keys.len() != 1 {
        return Err(Failure::usage("--to is for one key").into());
    }
    targets::run(target, async |deadline| {
        let at = targets::one(target).await?;
        let rotations = rotate(&at, arguments, deadline).await?;
        if target.json {
            let told = |rotation: &Rotation| json!({ "old": rotation.old.to_string(), "new": rotation.new.fingerprint().to_string() });
            let rotated: Vec<Value> = rotations.iter().map(told).collect();
            println!("{}", json!({ "node": at.node.name, "rotated": rotated }));
        } else {
            let new = |rotation: &Rotation| println!("{} is replaced by {}", rotation.old, rotation.new.fingerprint());
            rotations.iter().for_each(new);
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn rotate(at: &Target, arguments: &KeysRotateArgs, deadline: Deadline) -> Result<Vec<Rotation>, Failure> {
    let stored = own_mapping(at).await?;
    let Mapping::OwnerToKeyMapping(mapping) = stored.transaction.transaction().mapping() else {
        return Err(Failure::negative("the keys of the node are no mapping of keys"));
    };
    let own = at.node.own_keys().await?;
    let olds = meant(at, &own, mapping, &arguments.keys)?;
    let mut rotations = Vec::with_capacity(olds.len());
    for old in olds {
        let new = match &arguments.to {
            Some(to) => existing(at, &own, &old.key, to)?,
            None => new_key(at, old, now()).await?,
        };
        rotations.push(Rotation { old: old.key.fingerprint().clone(), new });
    }
    let is_listed = |key: &&PublicKey| !mapping.keys().iter().any(|listed| listed.fingerprint() == key.fingerprint());
    let added = rotations.iter().map(|rotation| &rotation.new).filter(is_listed);
    let both: Vec<PublicKey> = mapping.keys().iter().chain(added).cloned().collect();
    let is_kept = |key: &&PublicKey| !rotations.iter().any(|rotation| rotation.old == *key.fingerprint());
    let after: Vec<PublicKey> = both.iter().filter(is_kept).cloned().collect();
    for (keys, what) in [(both, "the old keys are still in use, beside"), (after, "the old keys may be in use, beside")]
    {
        put(at, mapping, keys, deadline).await.map_err(|failure| failure.help(unfinished(what, &rotations)))?;
    }
    Ok(rotations)
}

/// How to go on after a rotation that stopped.
fn unfinished(what: &str, rotations: &[Rotation]) -> String {
    let go_on: Vec<_> = rotations
        .iter()
        .map(|rotation| format!("`synod keys rotate {} --to {}`", rotation.old, rotation.new.fingerprint()))
        .collect();
    format!("{what} the new ones or without them; go on with {}", go_on.join(", "))
}

/// The keys that are to be replaced.
fn meant<'a>(
    at: &Target,
    own: &'a [NodeKey],
    mapping: &OwnerToKeyMapping,
    named: &[Fingerprint],
) -> Result<Vec<&'a NodeKey>, Failure> {
    let is_listed = |key: &Fingerprint| mapping.keys().iter().any(|listed| listed.fingerprint() == key);
    if named.is_empty() {
        return Ok(own.iter().filter(|key| is_listed(key.key.fingerprint())).collect());
    }
    let mut keys = Vec::with_capacity(named.len());
    for name in named {
        let key = own.iter().find(|key| key.key.fingerprint() == name);
        let key = key.ok_or_else(|| {
            Failure::negative(format!("{} has no private key {name}", at.node.name))
                .help("`synod keys list` shows those that it has")
        })?;
        if !is_listed(name) {
            let text = format!("{} does not act as a member with the key {name}", at.node.name);
            return Err(Failure::negative(text).help(
                "a key of a namespace is not replaced here: delegate to another one with `synod topology propose`",
            ));
        }
        keys.push(key);
    }
    Ok(keys)
}

/// A key of the same kind and usages that the node has.
fn existing(at: &Target, own: &[NodeKey], old: &PublicKey, to: &Fingerprint) -> Result<PublicKey, Failure> {
    let key = own.iter().find(|key| key.key.fingerprint() == to);
    let key = key.ok_or_else(|| Failure::negative(format!("{} has no private key {to}", at.node.name)))?;
    match (old, &key.key) {
        (PublicKey::Signing(old), PublicKey::Signing(new)) if old.usages() != new.usages() => {
            let (old, new) = (key_usages(old.usages()).join(", "), key_usages(new.usages()).join(", "));
            Err(Failure::negative(format!("the key {to} is for {new}, and the old one for {old}")))
        }
        (PublicKey::Signing(_), PublicKey::Signing(_)) => Ok(key.key.clone()),
        _ => Err(Failure::negative(format!("the key {to} has another purpose than the old one"))),
    }
}

/// A new key of the same kind and usages, with the old one's name and the time.
async fn new_key(at: &Target, old: &NodeKey, now: CantonTimestamp) -> Result<PublicKey, Failure> {
    let PublicKey::Signing(key) = &old.key else {
        return Err(Failure::negative("keys for encryption are not replaced by this command"));
    };
    let name = old.name.as_deref().map(|name| rotated_name(name, now)).unwrap_or_default();
    let new = at.node.generate_key(key.spec(), key.usages(), &name).await?;
    Ok(PublicKey::Signing(new))
}

/// As the Console names them.
fn rotated_name(name: &str, now: CantonTimestamp) -> String {
    let first = name.split_once("-rotated").map_or(name, |(first, _)| first);
    format!("{first}-rotated-{now}")
}

/// Says in the node's own store which keys it has, and waits until its synchronizer knows.
async fn put(
    at: &Target,
    mapping: &OwnerToKeyMapping,
    keys: Vec<PublicKey>,
    deadline: Deadline,
) -> Result<(), Failure> {
    let mapping = OwnerToKeyMapping::new(mapping.member().clone(), keys);
    let mapping = mapping.map_err(|error| Failure::negative(format!("the keys cannot be listed: {error}")))?;
    let wanted = Wanted::replace(Mapping::from(mapping));
    let waiting = SigningArgs { sign_with: Vec::new(), force: Vec::new(), wait: true };
    change::propose(std::slice::from_ref(at), &StoreArg::Authorized, &wanted, &waiting, deadline).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_when_the_key_was_made() {
        let now = CantonTimestamp::from_micros(0).expect("a time");
        assert_eq!(rotated_name("first-signing", now), "first-signing-rotated-1970-01-01T00:00:00Z");
        assert_eq!(rotated_name(&rotated_name("a", now), now), rotated_name("a", now));
    }
}
