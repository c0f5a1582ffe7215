//! Programs that the tests need and that cargo does not bring: found, or installed into `target/tools`.

use std::env;
use std::path::{Path, PathBuf};

use synod_testkit::postgres::find_binaries;

use crate::command::{cargo, command, run};
use crate::workspace::root;

/// Pinned: what it finds must not change by itself.
const CARGO_DENY: &str = "0.20.2";

/// Pinned: the version that the product is tested with.
const COMETBFT: &str = "github.com/cometbft/cometbft/cmd/cometbft@v0.38.25";

/// Folder of installed programs.
fn tools() -> PathBuf {
    root().join("target/tools/bin")
}

/// The `PATH` for tests: ours first.
pub(crate) fn path() -> std::ffi::OsString {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = [tools()].into_iter().chain(env::split_paths(&inherited));
    env::join_paths(folders).unwrap_or_default()
}

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&path()).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Makes sure that everything is there.
pub(crate) fn install() -> Result<(), String> {
    postgres()?;
    if root().join("abci-app").is_dir() {
        cometbft()?;
    }
    Ok(())
}

fn postgres() -> Result<(), String> {
    if let Some(folder) = find_binaries() {
        println!("PostgreSQL: {}", folder.display());
        return Ok(());
    }
    let how = "PostgreSQL is needed by the tests: install the package postgresql, or name the folder of initdb and \
               postgres in SYNOD_POSTGRES_BIN";
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(how.to_owned());
    }
    println!("PostgreSQL: not found, installing the package");
    let apt = |arguments: &[&str]| run(command("apt-get", arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["update", "-q"])
        .and_then(|()| apt(&["install", "-y", "-q", "--no-install-recommends", "postgresql"]))
        .map_err(|error| format!("{how} ({error})"))?;
    find_binaries().map(|_| ()).ok_or_else(|| how.to_owned())
}

fn cometbft() -> Result<(), String> {
    if let Some(path) = find("cometbft") {
        println!("CometBFT: {}", path.display());
        return Ok(());
    }
    println!("CometBFT: not found, building {COMETBFT}");
    run(command("go", &["install", COMETBFT]).env("GOBIN", tools()))
        .map_err(|error| format!("CometBFT is needed by the tests: `go install {COMETBFT}`, which needs Go ({error})"))
}

/// The program `cargo-deny`, installed when it is not there.
pub(crate) fn cargo_deny() -> Result<PathBuf, String> {
    if let Some(path) = find("cargo-deny") {
        return Ok(path);
    }
    println!("cargo-deny: not found, building version {CARGO_DENY}");
    let target = root().join("target/tools/build");
    let folder = root().join("target/tools");
    let folder = folder.to_string_lossy();
    // Without optimizations: it runs for a second, and takes minutes less to build.
    let arguments =
        ["install", "cargo-deny", "--version", CARGO_DENY, "--locked", "--debug", "--quiet", "--root", &folder];
    run(cargo(&arguments).env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "0"))?;
    find("cargo-deny").ok_or_else(|| "cargo-deny was installed, but is not there".to_owned())
}
