//! What an operator is told at the end of a run.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

/// How far the founding is, and what comes next.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(super) operator: String,
    /// Whether all nodes of the operator run.
    pub(crate) founded: bool,
    /// Known as soon as all owners are.
    pub(crate) synchronizer_id: Option<String>,
    /// Names all that is agreed in: the same at each operator.
    pub(super) agreement: Option<String>,
    pub(super) nodes: Vec<NodeRow>,
    /// Empty when all nodes of the operator run.
    pub(super) waiting_for: Vec<WaitingFor>,
    /// The file that was written.
    pub(super) export: PathBuf,
    /// Operators with nodes that do not run, as far as is known: they need the file.
    pub(super) pass_on_to: BTreeSet<String>,
}

/// A node, as far as it is known.
#[derive(Debug, Serialize)]
pub(super) struct NodeRow {
    pub(super) name: String,
    pub(super) operator: String,
    pub(super) id: Option<String>,
    pub(super) running: bool,
}

/// What is missing, and whose it is.
#[derive(Debug, Serialize)]
pub(super) struct WaitingFor {
    pub(super) operator: String,
    pub(super) what: String,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        for node in &self.nodes {
            let state = if node.running { "runs" } else { "not yet" };
            let id = node.id.as_deref().unwrap_or("not known yet");
            writeln!(f, "node         {} of {}: {state}, {id}", node.name, node.operator)?;
        }
        if let Some(agreement) = &self.agreement {
            writeln!(f, "agreement    {agreement} (compare it with the others, by another way than the files)")?;
        }
        writeln!(f, "file         {} (public: no private key is in it)", self.export.display())?;
        if !self.pass_on_to.is_empty() {
            writeln!(f, "pass it on   to {}", list(&self.pass_on_to))?;
        }
        for waiting in &self.waiting_for {
            writeln!(f, "waiting for  {}: {}", waiting.operator, waiting.what)?;
        }
        match (&self.synchronizer_id, self.founded) {
            (Some(synchronizer_id), true) => write!(f, "{synchronizer_id}"),
            _ => {
                let from: BTreeSet<_> = self.waiting_for.iter().map(|waiting| waiting.operator.clone()).collect();
                write!(f, "next         run again with --import and the newest file of {}", list(&from))
            }
        }
    }
}
