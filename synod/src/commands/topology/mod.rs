//! `synod topology`

mod files;
mod list;
mod propose;

use super::CommandResult;
use crate::admin_client::{TopologyQuery, TopologyStore};
use crate::cli::{SelectionArgs, TopologyCommand};

pub(super) fn run(command: TopologyCommand) -> CommandResult {
    match command {
        TopologyCommand::List(arguments) => list::run(&arguments),
        TopologyCommand::Propose(arguments) => propose::propose(&arguments),
        TopologyCommand::Authorize(arguments) => propose::authorize(&arguments),
        TopologyCommand::Export(arguments) => files::export(&arguments),
        TopologyCommand::Import(arguments) => files::import(&arguments),
    }
}

fn query(store: TopologyStore, selection: &SelectionArgs) -> TopologyQuery {
    TopologyQuery {
        store,
        proposals: selection.proposals,
        removals: selection.removals,
        at: selection.at,
        codes: selection.kind.clone(),
        namespace: selection.namespace.clone(),
    }
}
