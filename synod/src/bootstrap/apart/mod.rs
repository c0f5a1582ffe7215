//! Founding by operators who do not reach each other's nodes: each runs the same command against its own, and passes a
//! file on. A run does everything that is possible with what is known by then, and tells what is missing, and from whom.
//!
//! | file | what |
//! |---|---|
//! | `shared` | what the descriptions of all have to have in common |
//! | `letter` | the file that is passed on |
//! | `material` | all that is known, put together |
//! | `report` | what is told at the end |
//!
//! Steps: who all nodes are; the owners' namespace, signed by all owners; parameters, mediators and sequencers, signed by
//! all owners; the own sequencers; the own mediators. With two operators that is five runs, in turns.

mod encoding;
mod letter;
mod material;
mod report;
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use synod_client::{ClientError, ConnectOptions, SequencerConnection};
use synod_runtime::settings::Mistakes;
use synod_types::MemberKind;

use self::letter::{Letter, ToldNode, ToldSigned};
use self::material::{Letters, Paths, check_known, unknown};
use self::report::{NodeRow, Report, WaitingFor};
use self::shared::SharedDescription;
use super::agreement::{Agreement, Part, Signatures, trust_threshold};
use super::identity::NodeIdentity;
use super::nodes::{ReachedNode, reach};
use super::signing::sign;
use super::{BootstrapError, SequencerEntry, SynchronizerDescription};

/// How long the public API of another operator's sequencer may take to answer.
const LOOK_LIMIT: Duration = Duration::from_secs(3);

/// One operator's run.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    pub(crate) name: String,
    pub(crate) export: PathBuf,
    pub(crate) imports: Vec<PathBuf>,
}

/// Everything that is known in a run.
struct Known {
    nodes: BTreeMap<String, NodeIdentity>,
    running: BTreeSet<String>,
    agreement: Option<Agreement>,
    signatures: Signatures,
    /// Checksum of the genesis that sequencers run with.
    genesis: Option<String>,
    waiting: Vec<WaitingFor>,
}

/// Does what is possible now, writes the file, and tells what is missing.
///
/// # Errors
/// [`BootstrapError`]: another run goes on from there. A file that cannot be used is a mistake like one in the
/// configuration; then nothing was done.
pub(crate) async fn run(description: &SynchronizerDescription, operator: &Operator) -> Result<Report, BootstrapError> {
    let shared = SharedDescription::of(description);
    let paths = Paths { export: &operator.export, imports: &operator.imports };
    let letters = Letters::read(paths, &operator.name, &shared)?;
    let own = reach(description.nodes().filter(|node| node.operator == Some(&operator.name))).await?;
    let mut known = know(description, &letters, &own).await?;
    // What was found out is passed on also when a step fails.
    let done = go_on(description, &own, &mut known).await;
    let letter = known.letter(&operator.name)?;
    letter
        .write(&operator.export, &shared)
        .map_err(|source| BootstrapError::Write { path: operator.export.clone(), source })?;
    done?;
    Ok(known.report(description, operator, &own))
}

/// Puts together what files and the own nodes say.
async fn know(
    description: &SynchronizerDescription,
    letters: &Letters,
    own: &[ReachedNode],
) -> Result<Known, BootstrapError> {
    let mut nodes = letters.identities();
    check_known(description, &nodes)?;
    for node in own {
        let said = nodes.get(node.name());
        if node.synchronizer.is_some() && said.is_some_and(|said| said.uid == node.uid) {
            // It runs with what was said then, whatever its keys are now.
            continue;
        }
        let identity = node.identity().await?;
        if said.is_some_and(|said| !said.is_same(&identity)) {
            return Err(BootstrapError::OtherIdentity(node.name().to_owned()));
        }
        nodes.insert(node.name().to_owned(), identity);
    }
    let mut running = letters.running();
    running.extend(own.iter().filter(|node| node.synchronizer.is_some()).map(|node| node.name().to_owned()));
    let agreement = match unknown(description, &nodes).is_empty() {
        true => Some(Agreement::new(description, &nodes)?),
        false => None,
    };
    let mut signatures = Signatures::default();
    let mut genesis = letters.genesis().map(str::to_owned);
    if let Some(agreement) = &agreement {
        let psid = agreement.psid.to_string();
        for node in own {
            node.check_synchronizer(Some(&psid))?;
        }
        let sequencer = own.iter().find(|node| node.kind == MemberKind::Sequencer && node.synchronizer.is_some());
        if let Some(sequencer) = sequencer {
            let begun = sequencer.admin.genesis().await?;
            agreement.accept_genesis(&mut signatures, &begun)?;
            genesis = Some(known_genesis(sequencer.name(), genesis, checksum_of(agreement, &begun))?);
        }
        letters.accept(agreement, &mut signatures)?;
    }
    Ok(Known { nodes, running, agreement, signatures, genesis, waiting: Vec::new() })
}

/// All sequencers have to run with the same genesis.
fn known_genesis(node: &str, told: Option<String>, found: String) -> Result<String, BootstrapError> {
    match told {
        Some(told) if told != found => Err(BootstrapError::OtherGenesis(node.to_owned())),
        _ => Ok(found),
    }
}

fn checksum_of(agreement: &Agreement, genesis: &Bytes) -> String {
    let parameters = agreement.parameters.to_proto().encode_to_vec();
    encoding::checksum(&[parameters.as_slice(), genesis].concat())
}

/// The steps, up to the first one that has to wait for somebody.
async fn go_on(
    description: &SynchronizerDescription,
    own: &[ReachedNode],
    known: &mut Known,
) -> Result<(), BootstrapError> {
    let waits = |operator: &str, what: String| WaitingFor { operator: operator.to_owned(), what };
    if own.iter().all(|node| node.synchronizer.is_some()) {
        return same_synchronizer(own);
    }
    let Some(agreement) = &known.agreement else {
        let unknown = unknown(description, &known.nodes);
        known.waiting = unknown.iter().map(|(who, nodes)| waits(who, format!("who {} is", nodes.join(", ")))).collect();
        return Ok(());
    };
    for part in [Part::Namespace, Part::State] {
        for node in own {
            if agreement.unsigned(&known.signatures, part).contains(&node.name()) {
                sign(&node.admin, agreement, part, &mut known.signatures).await?;
            }
        }
        let missing = agreement.unsigned(&known.signatures, part);
        if !missing.is_empty() {
            known.waiting =
                by_operator(description, &missing).into_iter().map(|who| waits(who, part.name().to_owned())).collect();
            return Ok(());
        }
    }
    let genesis = agreement.genesis(&known.signatures)?;
    let sum = known_genesis("what was signed here", known.genesis.clone(), checksum_of(agreement, &genesis))?;
    for node in own.iter().filter(|node| node.kind == MemberKind::Sequencer) {
        if node.synchronizer.is_none() {
            node.admin.initialize_sequencer(&genesis, &agreement.parameters).await?;
        }
        known.running.insert(node.name().to_owned());
        known.genesis = Some(sum.clone());
    }
    initialize_mediators(description, own, known).await
}

/// The own mediators begin when as many sequencers run as they have to believe.
async fn initialize_mediators(
    description: &SynchronizerDescription,
    own: &[ReachedNode],
    known: &mut Known,
) -> Result<(), BootstrapError> {
    let Some(agreement) = &known.agreement else { return Ok(()) };
    let psid = agreement.psid.to_string();
    let waiting: Vec<_> =
        own.iter().filter(|node| node.kind == MemberKind::Mediator && node.synchronizer.is_none()).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let threshold = trust_threshold(description.sequencers.len());
    let mut running = 0;
    let mut silent = Vec::new();
    for sequencer in &description.sequencers {
        if running < threshold && (known.running.contains(&sequencer.name) || is_served(sequencer, &psid).await?) {
            known.running.insert(sequencer.name.clone());
            running += 1;
        } else {
            silent.push(sequencer.name.as_str());
        }
    }
    if running < threshold {
        let waits = |who: &str| WaitingFor { operator: who.to_owned(), what: "its sequencer to run".to_owned() };
        known.waiting = by_operator(description, &silent).into_iter().map(waits).collect();
        return Ok(());
    }
    for mediator in waiting {
        mediator.admin.initialize_mediator(&psid, &description.sequencers, threshold).await?;
        known.running.insert(mediator.name().to_owned());
    }
    Ok(())
}

/// Whether a sequencer of this synchronizer answers where the description says. One that cannot be looked at does not.
async fn is_served(sequencer: &SequencerEntry, psid: &str) -> Result<bool, BootstrapError> {
    // Read before, when the description was.
    let trusted_certificates = sequencer.public_authorities(&mut Mistakes::default());
    let options = ConnectOptions { trusted_certificates, ..ConnectOptions::default() };
    // One that waits for its synchronizer takes connections, and answers nothing.
    let looking = tokio::time::timeout(LOOK_LIMIT, SequencerConnection::open(&sequencer.public, &options));
    let timeout = |_| Err(ClientError::Timeout { what: "an answer", limit: LOOK_LIMIT });
    match looking.await.unwrap_or_else(timeout) {
        Ok(connection) if connection.psid().to_string() != psid => Err(BootstrapError::OtherSynchronizer {
            node: sequencer.name.clone(),
            found: connection.psid().to_string(),
            expected: psid.to_owned(),
        }),
        Ok(_) => Ok(true),
        Err(error) => {
            tracing::info!(sequencer = sequencer.name, error = %synod_runtime::Chain(&error), "does not serve");
            Ok(false)
        }
    }
}

fn same_synchronizer(own: &[ReachedNode]) -> Result<(), BootstrapError> {
    let expected = own.iter().find_map(|node| node.synchronizer.as_deref());
    own.iter().try_for_each(|node| node.check_synchronizer(expected))
}

/// The operators of these nodes, each once.
fn by_operator<'a>(description: &'a SynchronizerDescription, names: &[&str]) -> BTreeSet<&'a str> {
    let of = description.nodes().filter(|node| names.contains(&node.name));
    of.filter_map(|node| node.operator).collect()
}

impl Known {
    /// All of it, to be passed on.
    fn letter(&self, operator: &str) -> Result<Letter, BootstrapError> {
        let nodes = self.nodes.iter().map(|(name, identity)| ToldNode {
            name: name.clone(),
            identity: identity.clone(),
            running: self.running.contains(name),
        });
        let signed = match &self.agreement {
            Some(agreement) => agreement.signed(&self.signatures)?,
            None => Vec::new(),
        };
        let signers = |transaction: &_| -> Vec<String> {
            let signers = self.agreement.iter().flat_map(|agreement| agreement.signers(transaction));
            signers.map(str::to_owned).collect()
        };
        let signed = signed.into_iter().map(|transaction| ToldSigned { signed_by: signers(&transaction), transaction });
        Ok(Letter {
            from: operator.to_owned(),
            synchronizer_id: self.agreement.as_ref().map(|agreement| agreement.psid.to_string()),
            agreement: self.agreement.as_ref().map(|agreement| agreement.digest().to_hex()),
            nodes: nodes.collect(),
            signed: signed.collect(),
            genesis: self.genesis.clone(),
        })
    }

    fn report(self, description: &SynchronizerDescription, operator: &Operator, own: &[ReachedNode]) -> Report {
        let nodes = description.nodes().map(|node| NodeRow {
            name: node.name.to_owned(),
            operator: node.operator.unwrap_or_default().to_owned(),
            id: self.nodes.get(node.name).map(|identity| identity.uid.to_string()),
            running: self.running.contains(node.name),
        });
        let nodes: Vec<_> = nodes.collect();
        let founded = self.waiting.is_empty();
        let others = nodes.iter().filter(|node| node.operator != operator.name && !node.running);
        let agreed = self.agreement.as_ref().map(|agreement| agreement.psid.to_string());
        Report {
            operator: operator.name.clone(),
            founded,
            synchronizer_id: agreed.or_else(|| own.iter().find_map(|node| node.synchronizer.clone())),
            agreement: self.agreement.as_ref().map(|agreement| agreement.digest().to_hex()),
            export: operator.export.clone(),
            pass_on_to: others.map(|node| node.operator.clone()).collect(),
            waiting_for: self.waiting,
            nodes,
        }
    }
}
