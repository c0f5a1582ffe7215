//! Programs that the tests need and that cargo does not bring: found in the pinned version, or installed into
//! `target/tools`.

use std::env;
use std::path::{Path, PathBuf};

use synod_testkit::postgres::find_binaries;

use crate::command::{cargo, command, run};
use crate::workspace::root;

/// A program that has to be there in exactly one version: what a gate finds, and what the product is tested with, must
/// not depend on what else is installed on a machine.
struct Pinned {
    name: &'static str,
    /// Asks the program for its version.
    ask: &'static str,
    version: &'static str,
}

const CARGO_DENY: Pinned = Pinned { name: "cargo-deny", ask: "--version", version: "0.20.2" };

const COMETBFT: Pinned = Pinned { name: "cometbft", ask: "version", version: "0.38.25" };

impl Pinned {
    /// The program that a search of [`path`] finds first, when it has the pinned version. Another one further down the
    /// path does not count: nothing would run it.
    fn find(&self) -> Option<PathBuf> {
        let found = env::split_paths(&path()).map(|folder| folder.join(self.name)).find(|path| path.is_file())?;
        let version = version_of(&found, self.ask);
        if version.as_deref() == Some(self.version) {
            return Some(found);
        }
        let version = version.as_deref().unwrap_or("of unknown version");
        println!("{} is {version}, {} is needed", found.display(), self.version);
        None
    }

    /// The program, built into the folder of tools by `build` unless it is there.
    fn find_or_build(&self, build: impl FnOnce() -> Result<(), String>) -> Result<PathBuf, String> {
        if let Some(path) = self.find() {
            return Ok(path);
        }
        println!("{}: building version {}", self.name, self.version);
        build()?;
        self.find().ok_or_else(|| format!("{} was built, but is not there in version {}", self.name, self.version))
    }
}

/// What a program says its version is; `None` when it does not say.
fn version_of(program: &Path, ask: &str) -> Option<String> {
    let output = command(&program.to_string_lossy(), &[ask]).output().ok().filter(|output| output.status.success())?;
    version_in(&String::from_utf8_lossy(&output.stdout)).map(str::to_owned)
}

/// The first word of a text that begins with a digit, perhaps after a `v`.
fn version_in(text: &str) -> Option<&str> {
    let plain = text.split_whitespace().map(|word| word.strip_prefix('v').unwrap_or(word));
    plain.into_iter().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))
}

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

/// Makes sure that CometBFT is there.
pub(crate) fn cometbft() -> Result<(), String> {
    let package = format!("github.com/cometbft/cometbft/cmd/cometbft@v{}", COMETBFT.version);
    let path = COMETBFT.find_or_build(|| {
        run(command("go", &["install", &package]).env("GOBIN", tools())).map_err(|error| {
            format!("CometBFT is needed by the tests: `go install {package}`, which needs Go ({error})")
        })
    })?;
    println!("CometBFT: {}", path.display());
    Ok(())
}

/// The program `cargo-deny`, installed when it is not there.
pub(crate) fn cargo_deny() -> Result<PathBuf, String> {
    let target = root().join("target/tools/build");
    let folder = root().join("target/tools");
    let folder = folder.to_string_lossy();
    // Without optimizations: it runs for a second, and takes minutes less to build.
    let arguments = [
        "install",
        "cargo-deny",
        "--version",
        CARGO_DENY.version,
        "--locked",
        "--force",
        "--debug",
        "--quiet",
        "--root",
        &folder,
    ];
    CARGO_DENY
        .find_or_build(|| run(cargo(&arguments).env("CARGO_TARGET_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "0")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        assert_eq!(version_in("0.38.25\n"), Some("0.38.25"));
        assert_eq!(version_in("cargo-deny 0.20.2"), Some("0.20.2"));
        assert_eq!(version_in("v0.37.4"), Some("0.37.4"));
        assert_eq!(version_in("cargo 1.95.0-nightly (f2d3ce0bd 2026-03-21)"), Some("1.95.0-nightly"));
        assert_eq!(version_in("none"), None);
    }

    #[test]
    fn another_version_on_the_path_does_not_count() {
        let cargo = |version| Pinned { name: "cargo", ask: "--version", version };
        let there = version_of(Path::new("cargo"), "--version").expect("cargo runs this test");
        let there: &'static str = there.leak();
        assert!(cargo(there).find().is_some());
        assert_eq!(cargo("0.0.1").find(), None);
        let error = cargo("0.0.1").find_or_build(|| Ok(())).expect_err("building did not bring it");
        assert!(error.contains("0.0.1"), "{error}");
    }

    #[test]
    fn what_says_no_version_has_none() {
        assert_eq!(version_of(Path::new("true"), ""), None);
        assert_eq!(version_of(Path::new("false"), ""), None);
        assert_eq!(version_of(&root().join("none"), "--version"), None);
    }
}
