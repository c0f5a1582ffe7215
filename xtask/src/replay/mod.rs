//! `cargo xtask replay`: feeds recorded blocks to the machine and compares every outcome with what was recorded.

use std::fs;
use std::path::{Path, PathBuf};

use synod_testkit::Tally;
use synod_testkit::recordings::Recording;

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

fn compare_recording(recording: &Recording, tally: &mut Tally) {
    tally.case("recordings", recording.name(), Err("no comparison is written for recordings".to_owned()));
}
