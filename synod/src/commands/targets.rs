//! The nodes that a command is for.

use std::process::ExitCode;
use std::time::Duration;

use synod_types::ProtocolVersion;

use super::failure::Failure;
use super::{CommandResult, block_on};
use crate::admin_client::{AdminAccess, Deadline, NodeAdmin, NodeKind, TopologyStore};
use crate::bootstrap::SynchronizerDescription;
use crate::cli::{StoreArg, TargetArgs};

const VERSION: ProtocolVersion = ProtocolVersion::V35;

/// What a command may take beyond its limit: nothing of it waits on purpose.
const GRACE: Duration = Duration::from_secs(10);

/// A node that was reached.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) node: NodeAdmin,
    pub(super) kind: NodeKind,
}

/// A node that is to be reached.
#[derive(Debug)]
struct Address {
    name: String,
    url: String,
    access: AdminAccess,
    /// Known from the description.
    kind: Option<NodeKind>,
    /// Whether it is one of the owners.
    is_owner: bool,
}

impl Address {
    /// A node that is named by its URL alone.
    fn of_url(url: &str, access: &AdminAccess) -> Result<Self, Failure> {
        let name = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        let Some(name) = name else {
            let text = format!("`{url}` is no address; expected http://HOST:PORT or https://HOST:PORT");
            return Err(Failure::usage(text));
        };
        let (name, url) = (name.trim_end_matches('/').to_owned(), url.to_owned());
        Ok(Self { name, url, access: access.clone(), kind: None, is_owner: true })
    }

    async fn connect(&self) -> Result<Target, Failure> {
        let node = NodeAdmin::connect(&self.name, &self.url, &self.access, VERSION).await?;
        let kind = match self.kind {
            Some(kind) => kind,
            None => node.kind().await?,
        };
        Ok(Target { node, kind })
    }
}

const fn default_url(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Sequencer => "http://127.0.0.1:5009",
        NodeKind::Mediator => "http://127.0.0.1:5007",
    }
}

fn addresses(arguments: &TargetArgs, default: NodeKind) -> Result<Vec<Address>, Failure> {
    let access = &arguments.access;
    if let Some(file) = &arguments.config {
        let description = SynchronizerDescription::load(file, access)?;
        return selected(described(&description), &arguments.node);
    }
    if arguments.admin.is_empty() {
        return Ok(vec![Address::of_url(default_url(default), access)?]);
    }
    arguments.admin.iter().map(|url| Address::of_url(url, access)).collect()
}

/// The nodes of a description that have an address, the sequencers first.
fn described(description: &SynchronizerDescription) -> Vec<Address> {
    let owners = description.owner_names();
    let address = |kind, name: &String, url: &String, access: &AdminAccess| Address {
        is_owner: owners.contains(&name.as_str()),
        name: name.clone(),
        url: url.clone(),
        access: access.clone(),
        kind: Some(kind),
    };
    let sequencers = description.sequencers.iter();
    let sequencers = sequencers.map(|node| address(NodeKind::Sequencer, &node.name, &node.admin, &node.access));
    let mediators = description.mediators.iter();
    let mediators = mediators.map(|node| address(NodeKind::Mediator, &node.name, &node.admin, &node.access));
    sequencers.chain(mediators).filter(|address| !address.url.is_empty()).collect()
}

/// Those that are named; all without names.
fn selected(addresses: Vec<Address>, names: &[String]) -> Result<Vec<Address>, Failure> {
    let known: Vec<_> = addresses.iter().map(|address| address.name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(Failure::usage(format!("there is no node `{unknown}`; there are {}", known.join(", "))));
    }
    Ok(addresses.into_iter().filter(|address| names.is_empty() || names.contains(&address.name)).collect())
}

async fn connect(addresses: &[Address]) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::with_capacity(addresses.len());
    for address in addresses {
        targets.push(address.connect().await?);
    }
    Ok(targets)
}

/// All nodes that are meant.
pub(super) async fn all(arguments: &TargetArgs, default: NodeKind) -> Result<Vec<Target>, Failure> {
    connect(&addresses(arguments, default)?).await
}

/// All nodes of a kind that are meant. One of another kind that is named is a mistake.
pub(super) async fn all_of(arguments: &TargetArgs, kind: NodeKind) -> Result<Vec<Target>, Failure> {
    let mut addresses = addresses(arguments, kind)?;
    if arguments.node.is_empty() {
        addresses.retain(|address| address.kind.is_none_or(|found| found == kind));
    }
    let targets = connect(&addresses).await?;
    match targets.iter().find(|target| target.kind != kind) {
        Some(other) => Err(Failure::usage(format!("{} is a {}; this is for a {kind}", other.node.name, other.kind))),
        None if targets.is_empty() => Err(Failure::usage(format!("there is no {kind} among the nodes"))),
        None => Ok(targets),
    }
}

/// The nodes of the owners: of a description its owners, or the nodes that are named.
pub(super) async fn owners(arguments: &TargetArgs) -> Result<Vec<Target>, Failure> {
    let mut addresses = addresses(arguments, NodeKind::Sequencer)?;
    if arguments.node.is_empty() {
        addresses.retain(|address| address.is_owner);
    }
    if addresses.is_empty() {
        return Err(Failure::usage("no owner is among the nodes that can be reached"));
    }
    connect(&addresses).await
}

/// One node of the synchronizer, any: what it knows of the synchronizer all know.
pub(super) async fn any(arguments: &TargetArgs) -> Result<Target, Failure> {
    let addresses = addresses(arguments, NodeKind::Sequencer)?;
    let first = addresses.first().ok_or_else(|| Failure::usage("there is no node"))?;
    first.connect().await
}

/// The node that is meant, and no other.
pub(super) async fn one(arguments: &TargetArgs) -> Result<Target, Failure> {
    let addresses = addresses(arguments, NodeKind::Sequencer)?;
    if let [one] = addresses.as_slice() {
        return one.connect().await;
    }
    let names: Vec<_> = addresses.iter().map(|address| address.name.as_str()).collect();
    let text = format!("this is for one node, and there are {}", names.join(", "));
    Err(Failure::usage(text).help("--node NAME chooses one of FILE, --admin URL names one"))
}

/// Any node for the synchronizer, the one that is meant for another store.
pub(super) async fn for_store(arguments: &TargetArgs, store: &StoreArg) -> Result<Target, Failure> {
    match store {
        StoreArg::Synchronizer => any(arguments).await,
        StoreArg::Authorized | StoreArg::Temporary(_) => one(arguments).await,
    }
}

/// The owners for the synchronizer, the node that is meant for another store.
pub(super) async fn signers(arguments: &TargetArgs, store: &StoreArg) -> Result<Vec<Target>, Failure> {
    match store {
        StoreArg::Synchronizer => owners(arguments).await,
        StoreArg::Authorized | StoreArg::Temporary(_) => Ok(vec![one(arguments).await?]),
    }
}

impl Target {
    /// The store of this name at this node.
    pub(super) async fn store(&self, store: &StoreArg) -> Result<TopologyStore, Failure> {
        match store {
            StoreArg::Authorized => Ok(TopologyStore::Authorized),
            StoreArg::Synchronizer => Ok(TopologyStore::Synchronizer(self.node.synchronizer(self.kind).await?)),
            StoreArg::Temporary(name) => {
                let (wanted, known) = (TopologyStore::Temporary(name.clone()), self.node.topology_stores().await?);
                if known.contains(&wanted.to_string()) {
                    return Ok(wanted);
                }
                let text = format!("{} has no store `{wanted}`; it has {}", self.node.name, known.join(", "));
                Err(Failure::negative(text))
            }
        }
    }
}

/// Runs a command that talks to nodes, for not much longer than its limit.
pub(super) fn run(
    arguments: &TargetArgs,
    work: impl AsyncFnOnce(Deadline) -> Result<ExitCode, Failure>,
) -> CommandResult {
    let limit = Duration::from_secs(arguments.timeout);
    block_on(async {
        match tokio::time::timeout(limit + GRACE, work(Deadline::after(limit))).await {
            Ok(done) => Ok(done?),
            Err(_) => {
                let text = format!("a node did not answer within {} s", (limit + GRACE).as_secs());
                Err(Failure::negative(text).help("what was sent may still be done").into())
            }
        }
    })
}
