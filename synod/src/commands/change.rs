//! A change of the topology that several owners sign, each at its own node.

use std::process::ExitCode;

use serde_json::{Value, json};
use synod_crypto::Hash;
use synod_proto::protocol::v30::TopologyMapping;
use synod_runtime::exit;
use synod_topology::genesis::StoredTransaction;
use synod_topology::{Mapping, MappingCode, Operation};

use super::failure::Failure;
use super::targets::Target;
use crate::admin_client::{Deadline, Signing, TopologyChange, TopologyQuery, TopologyStore};
use crate::cli::{SigningArgs, StoreArg};

/// What is to be.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) operation: Operation,
    /// Which change of the mapping it is; the next when absent.
    pub(super) serial: Option<u32>,
    /// The message as it is sent.
    pub(super) proto: TopologyMapping,
    pub(super) mapping: Mapping,
}

impl Wanted {
    /// A mapping that is to be in force.
    pub(super) fn replace(mapping: Mapping) -> Self {
        Self { operation: Operation::Replace, serial: None, proto: mapping.to_proto(), mapping }
    }

    /// A mapping that is to be removed.
    pub(super) fn remove(mapping: Mapping) -> Self {
        Self { operation: Operation::Remove, ..Self::replace(mapping) }
    }

    /// Whether this is in force already.
    fn is_met_by(&self, current: &StoredTransaction) -> bool {
        let content = current.transaction.transaction();
        let is_same = content.operation() == self.operation && *content.mapping() == self.mapping;
        is_same && self.serial.is_none_or(|serial| serial == content.serial())
    }
}

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It was so before.
    Unchanged,
    /// It is so now.
    InForce,
    /// Others have to sign it.
    Proposed,
}

/// What came of a change.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) state: State,
    pub(super) transaction: StoredTransaction,
}

/// Owners who sign in a store.
struct Signers<'a> {
    owners: &'a [Target],
    name: &'a StoreArg,
    store: TopologyStore,
    signing: Signing,
    deadline: Deadline,
}

impl<'a> Signers<'a> {
    async fn new(
        owners: &'a [Target],
        name: &'a StoreArg,
        arguments: &SigningArgs,
        deadline: Deadline,
    ) -> Result<Self, Failure> {
        let first = owners.first().ok_or_else(|| Failure::usage("nobody is to sign"))?;
        let store = first.store(name).await?;
        let signing = Signing { keys: arguments.sign_with.clone(), force: arguments.force.clone() };
        Ok(Self { owners, name, store, signing, deadline })
    }

    fn not_observed(&self, owner: &Target, hash: &Hash) -> Failure {
        let seconds = self.deadline.limit().as_secs();
        let text = format!("{} has not observed the change {hash} within {seconds} s", owner.node.name);
        Failure::negative(text).help("it may still be, unless another change came first: see `synod topology list`")
    }

    fn not_in_force(&self, hash: &Hash) -> Failure {
        let text = format!("the change {hash} is not in force after {} s", self.deadline.limit().as_secs());
        let help = format!("it waits for signatures: `synod topology authorize {hash}` at the nodes of other owners");
        Failure::negative(text).help(help)
    }

    async fn check_same_store(&self, owner: &Target) -> Result<(), Failure> {
        if owner.store(self.name).await? == self.store {
            return Ok(());
        }
        Err(Failure::negative(format!("{} is part of another synchronizer than the first node", owner.node.name)))
    }

    /// Waits for a change that is in force, in the store, and in that of the synchronizer after the node's own.
    async fn in_force(&self, mut outcome: Outcome) -> Result<Outcome, Failure> {
        let Some(last) = self.owners.last() else { return Ok(outcome) };
        let content = outcome.transaction.transaction.transaction();
        let (code, hash) = (content.mapping().code(), *content.hash());
        let is_in = async |store: &TopologyStore| -> Result<Option<Outcome>, Failure> {
            Ok(find(last, store, code, &hash).await?.filter(|seen| seen.state == State::InForce))
        };
        if outcome.state == State::Proposed {
            let seen = self.deadline.until(async || is_in(&self.store).await).await?;
            outcome = seen.ok_or_else(|| self.not_in_force(&hash))?;
        }
        // What a node says about itself is brought to its synchronizer.
        if self.store == TopologyStore::Authorized
            && let Ok(synchronizer) = last.store(&StoreArg::Synchronizer).await
        {
            let seen = self.deadline.until(async || is_in(&synchronizer).await).await?;
            outcome = seen.ok_or_else(|| self.not_in_force(&hash))?;
        }
        Ok(outcome)
    }
}

/// Has the owners sign a change, until it is in force or all have signed.
pub(super) async fn propose(
    owners: &[Target],
    store: &StoreArg,
    wanted: &Wanted,
    arguments: &SigningArgs,
    deadline: Deadline,
) -> Result<Outcome, Failure> {
    let signers = Signers::new(owners, store, arguments, deadline).await?;
    let next = match current(&owners[0], &signers.store, &wanted.mapping).await? {
        Some(transaction) if wanted.is_met_by(&transaction) => {
            return Ok(Outcome { state: State::Unchanged, transaction });
        }
        Some(transaction) => transaction.transaction.transaction().serial().saturating_add(1),
        None => 1,
    };
    let serial = wanted.serial.unwrap_or(next);
    let change = TopologyChange { operation: wanted.operation, serial, mapping: wanted.proto.clone() };
    let mut outcome: Option<Outcome> = None;
    for owner in owners {
        signers.check_same_store(owner).await?;
        let signed = owner.node.propose(&signers.store, &change, &signers.signing, deadline.remaining()).await?;
        let hash = signed.transaction().hash();
        let before = outcome.as_ref().map(|outcome| *outcome.transaction.transaction.transaction().hash());
        if let Some(before) = before.filter(|before| before != hash) {
            let text = format!("{} signed {hash}, others {before}: they do not agree", owner.node.name);
            return Err(Failure::negative(text));
        }
        let code = wanted.mapping.code();
        let seen = deadline.until(async || find(owner, &signers.store, code, hash).await).await?;
        let seen = seen.ok_or_else(|| signers.not_observed(owner, hash))?;
        let is_done = seen.state == State::InForce;
        outcome = Some(seen);
        if is_done {
            break;
        }
    }
    let outcome = outcome.ok_or_else(|| Failure::usage("nobody is to sign"))?;
    if arguments.wait { signers.in_force(outcome).await } else { Ok(outcome) }
}

/// Has the owners sign what is proposed, by its hash.
pub(super) async fn authorize(
    owners: &[Target],
    store: &StoreArg,
    hash: &str,
    arguments: &SigningArgs,
    deadline: Deadline,
) -> Result<Outcome, Failure> {
    let signers = Signers::new(owners, store, arguments, deadline).await?;
    let mut outcome = by_prefix(&owners[0], &signers.store, hash).await?;
    if outcome.state == State::InForce {
        return Ok(Outcome { state: State::Unchanged, ..outcome });
    }
    let content = outcome.transaction.transaction.transaction();
    let (code, hash) = (content.mapping().code(), *content.hash());
    for owner in owners {
        signers.check_same_store(owner).await?;
        let signed = owner.node.sign_by_hash(&signers.store, &hash, &signers.signing).await?;
        // Nobody waits at the node: it has observed it when all signatures are there.
        let observed = async || -> Result<Option<Outcome>, Failure> {
            let seen = find(owner, &signers.store, code, &hash).await?;
            Ok(seen.filter(|seen| {
                let there: Vec<_> = seen.transaction.transaction.signing_fingerprints().collect();
                seen.state == State::InForce || signed.signing_fingerprints().all(|key| there.contains(&key))
            }))
        };
        outcome = deadline.until(observed).await?.ok_or_else(|| signers.not_observed(owner, &hash))?;
        if outcome.state == State::InForce {
            break;
        }
    }
    if arguments.wait { signers.in_force(outcome).await } else { Ok(outcome) }
}

/// What is in force of the same mapping, its removal too.
pub(super) async fn current(
    target: &Target,
    store: &TopologyStore,
    mapping: &Mapping,
) -> Result<Option<StoredTransaction>, Failure> {
    let query = TopologyQuery { removals: true, ..TopologyQuery::of(store.clone()).kind(mapping.code()) };
    let found = target.node.transactions(&query).await?;
    let key = mapping.unique_key();
    Ok(found.into_iter().find(|stored| stored.transaction.transaction().mapping().unique_key() == key))
}

/// A change of this hash, in force or proposed.
async fn find(
    target: &Target,
    store: &TopologyStore,
    code: MappingCode,
    hash: &Hash,
) -> Result<Option<Outcome>, Failure> {
    let in_force = TopologyQuery { removals: true, ..TopologyQuery::of(store.clone()).kind(code) };
    let proposed = TopologyQuery { proposals: true, ..in_force.clone() };
    for (query, state) in [(in_force, State::InForce), (proposed, State::Proposed)] {
        let found = target.node.transactions(&query).await?;
        let found = found.into_iter().find(|stored| stored.transaction.transaction().hash() == hash);
        if let Some(transaction) = found {
            return Ok(Some(Outcome { state, transaction }));
        }
    }
    Ok(None)
}

/// The one change whose hash begins like this.
async fn by_prefix(target: &Target, store: &TopologyStore, prefix: &str) -> Result<Outcome, Failure> {
    let prefix = prefix.trim_end_matches('…').to_ascii_lowercase();
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Failure::usage(format!("`{prefix}` is no hash, and no hash begins like that")));
    }
    let in_force = TopologyQuery { removals: true, ..TopologyQuery::of(store.clone()) };
    let proposed = TopologyQuery { proposals: true, ..in_force.clone() };
    let mut found = Vec::new();
    for (query, state) in [(proposed, State::Proposed), (in_force, State::InForce)] {
        let transactions = target.node.transactions(&query).await?.into_iter();
        let meant = transactions.filter(|one| one.transaction.transaction().hash().to_hex().starts_with(&prefix));
        found.extend(meant.map(|transaction| Outcome { state, transaction }));
        // A proposal is what is meant where there is one.
        if !found.is_empty() {
            break;
        }
    }
    let name = &target.node.name;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::negative(format!("nothing in the store `{store}` of {name} has a hash like {prefix}"))
            .help("`synod topology list --proposals` shows what may be signed")),
        count => Err(Failure::usage(format!("{count} hashes in the store `{store}` of {name} begin like {prefix}"))),
    }
}

impl Outcome {
    /// For scripts.
    pub(super) fn to_json(&self) -> Value {
        let signed = &self.transaction.transaction;
        let content = signed.transaction();
        let signers: Vec<_> = signed.signing_fingerprints().map(ToString::to_string).collect();
        json!({
            "state": match self.state {
                State::Unchanged => "unchanged",
                State::InForce => "in_force",
                State::Proposed => "proposed",
            },
            "hash": content.hash().to_hex(),
            "code": content.mapping().code().short_code(),
            "serial": content.serial(),
            "valid_from": self.transaction.valid_from.to_string(),
            "signed_by": signers,
        })
    }

    /// For people.
    fn text(&self) -> String {
        let content = self.transaction.transaction.transaction();
        let (code, serial) = (content.mapping().code().short_code(), content.serial());
        let (hash, from) = (content.hash().to_hex(), self.transaction.valid_from);
        match self.state {
            State::Unchanged => format!("unchanged: {code} with serial {serial} is in force since {from}"),
            State::InForce => format!("in force: {code} with serial {serial} from {from}, {hash}"),
            State::Proposed => format!(
                "proposed: {code} with serial {serial}, {hash}\nother owners have to sign it at their nodes: `synod \
                 topology authorize {hash}`"
            ),
        }
    }

    /// Prints it. The exit code says whether others have to sign.
    pub(super) fn print(&self, as_json: bool) -> ExitCode {
        if as_json {
            println!("{}", self.to_json());
        } else {
            println!("{}", self.text());
        }
        match self.state {
            State::Unchanged | State::InForce => ExitCode::SUCCESS,
            State::Proposed => ExitCode::from(exit::WAITING),
        }
    }
}
