//! Where PostgreSQL is installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Environment variable that names the folder with PostgreSQL's programs, when they are in none of the usual places.
const OVERRIDE: &str = "SYNOD_POSTGRES_BIN";

/// Where distributions put PostgreSQL: `<folder>/<major version>/bin`.
const VERSIONED: &[&str] = &["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];

/// The folder with `postgres`, `initdb` and `pg_ctl`: named by `SYNOD_POSTGRES_BIN`, on the `PATH`, or where
/// distributions put them (the highest version). `None` when there is none.
#[must_use]
pub fn find_binaries() -> Option<PathBuf> {
    if let Some(folder) = env::var_os(OVERRIDE) {
        return Some(PathBuf::from(folder)).filter(|folder| is_complete(folder));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    on_path(env::split_paths(&path)).or_else(|| VERSIONED.iter().find_map(|folder| highest(Path::new(folder))))
}

/// The `PATH` often has links to some of the programs only; the folder that the link leads to has all.
fn on_path(folders: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    let home = |folder: PathBuf| fs::canonicalize(folder.join("postgres")).ok()?.parent().map(Path::to_owned);
    folders.filter_map(home).find(|folder| is_complete(folder))
}

fn highest(folder: &Path) -> Option<PathBuf> {
    let version = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.trim_start_matches("postgresql@").parse::<u32>().ok()
    };
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter_map(|entry| Some((version(&entry)?, entry.path().join("bin"))))
        .filter(|(_, folder)| is_complete(folder))
        .collect();
    versions.sort();
    versions.pop().map(|(_, folder)| folder)
}

fn is_complete(folder: &Path) -> bool {
    ["postgres", "initdb", "pg_ctl", "psql", "createdb"].iter().all(|program| folder.join(program).is_file())
}
