//! `cargo xtask replay`: feeds recorded blocks to the machine, and what mediators received to their rules, and compares every
//! outcome with what was recorded.

mod delivery;
mod download;
mod events;
mod feed;
mod files;
#[cfg(all(test, feature = "mediator"))]
mod mediator_tests;
#[cfg(feature = "mediator")]
mod mediators;
mod node;
mod operations;
mod start;
mod tables;
#[cfg(test)]
mod tests;
mod topology;

use std::fs;
use std::path::{Path, PathBuf};

use synod_testkit::Tally;
use synod_testkit::recordings::Recording;

use self::feed::Replayed;
use self::node::Node;
use crate::report;

/// Compares all recordings at the paths (each a recording, or a folder of recordings), prints what differs, and gives
/// the sum.
pub(crate) fn compare(paths: &[PathBuf], show: usize) -> Tally {
    let mut total = Tally::new();
    for path in paths {
        match folders(path) {
            Ok(folders) => folders.iter().for_each(|folder| compare_folder(folder, show, &mut total)),
            Err(reason) => {
                println!("{}: {reason}", path.display());
                total.case("folders", path.display().to_string(), Err(reason));
            }
        }
    }
    total
}

fn compare_folder(folder: &Path, show: usize, total: &mut Tally) {
    let mut tally = Tally::new();
    let name = match Recording::open(folder) {
        Ok(recording) => {
            compare_recording(&recording, &mut tally);
            recording.name()
        }
        Err(error) => {
            tally.case("folders", folder.display().to_string(), Err(error.to_string()));
            folder.display().to_string()
        }
    };
    report::print(&folder.display().to_string(), &tally, show);
    total.merge(&name, tally);
}

/// The recordings at a path: the folder itself, or its folders.
fn folders(path: &Path) -> Result<Vec<PathBuf>, String> {
    if Recording::open(path).is_ok() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    if found.is_empty() { Err("there is no recording".to_owned()) } else { Ok(found) }
}

/// Compares everything that a recording has.
fn compare_recording(recording: &Recording, tally: &mut Tally) {
    let mut replays = Vec::new();
    for name in recording.nodes().into_iter().filter(|name| name.starts_with("sequencer")) {
        let replay = Node::open(recording, name).and_then(|node| {
            let replayed = node.replay()?;
            Ok((node, replayed))
        });
        match replay {
            Ok(replay) => replays.push(replay),
            Err(reason) => tally.case("replays", name, Err(reason)),
        }
    }
    for (node, replayed) in &replays {
        let mut own = Tally::new();
        if let Err(reason) = compare_node(node, replayed, &mut own) {
            own.case("replays", node.name, Err(reason));
        }
        tally.merge(node.name, own);
    }
    if let Err(reason) = compare_mediators(recording, &replays, tally) {
        tally.case("replays", "mediators", Err(reason));
    }
    files::account(recording, tally);
}

fn compare_node(node: &Node<'_>, replayed: &Replayed, tally: &mut Tally) -> Result<(), String> {
    events::compare(node, replayed, tally)?;
    tables::compare(node, replayed, tally)?;
    topology::compare(node, replayed, tally)?;
    operations::compare(node, tally)?;
    delivery::compare_subscriptions(node, replayed, tally)?;
    download::compare(node, replayed, tally)?;
    delivery::compare_kept((node, replayed), (node.name, &node.member), tally)
}

/// The mediators kept what they received; which synchronizer it is from, the events say.
fn compare_mediators(recording: &Recording, replays: &[(Node<'_>, Replayed)], tally: &mut Tally) -> Result<(), String> {
    for name in recording.nodes().into_iter().filter(|name| name.starts_with("mediator")) {
        let member = node::member(recording, name, "MED")?;
        let mut own = Tally::new();
        let of_member = |(_, replayed): &&(Node<'_>, Replayed)| {
            replayed.members.iter().any(|registration| registration.member == member)
        };
        let (node, replayed) = replays.iter().find(of_member).ok_or_else(|| format!("{name} is nowhere registered"))?;
        delivery::compare_kept((node, replayed), (name, &member), &mut own)?;
        #[cfg(feature = "mediator")]
        mediators::compare((node, replayed), (name, &member), &mut own)?;
        tally.merge(name, own);
    }
    Ok(())
}
