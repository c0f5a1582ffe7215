//! What a machine needs to run containers.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{command, run};

/// Programs, and the packages of Debian that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("dockerd", "docker.io"),
    ("docker", "docker.io"),
    ("iptables", "iptables"),
    ("docker-compose", "docker-compose"),
    ("mmdebstrap", "mmdebstrap"),
];

/// Where programs for root are, also where the `PATH` of a user does not have it.
const FOLDERS_OF_ROOT: &str = "/usr/sbin:/sbin";

/// Makes sure that everything is there; installs it only when that is wanted. `Err` tells what is missing.
pub(super) fn find(install: bool) -> Result<(), String> {
    is_possible()?;
    let mut packages: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| on_path(program).is_none()).map(|(_, package)| *package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let how = format!("apt-get install {}", packages.join(" "));
    if !install {
        return Err(format!("{how} (with --install or XTASK_INSTALL=yes we do it)"));
    }
    println!("containers: installing {}", packages.join(" "));
    let apt = |arguments: &[&str]| run(command("apt-get", arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    let arguments = ["install", "-y", "-qq", "--no-install-recommends"];
    apt(&["update", "-qq"])
        .and_then(|()| apt(&[arguments.as_slice(), &packages].concat()))
        .map_err(|error| format!("{how}: {error}"))
}

/// What cannot be installed.
fn is_possible() -> Result<(), String> {
    let own = fs::metadata("/proc/self").map_err(|error| format!("/proc: {error}"))?;
    if std::os::unix::fs::MetadataExt::uid(&own) != 0 {
        return Err("a Docker daemon of our own needs root".to_owned());
    }
    let filesystems = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.lines().any(|line| line.ends_with("\toverlay")) {
        return Err("the kernel has no overlay file system".to_owned());
    }
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    if !mounts.lines().any(|line| line.contains(" /sys/fs/cgroup") && line.contains(" cgroup")) {
        return Err("there are no cgroups".to_owned());
    }
    suite().map(|_| ())
}

/// The name of this machine's Debian: its own binaries have to run in what is made from its packages.
pub(super) fn suite() -> Result<String, String> {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim_matches('"'));
    match (field("ID="), field("VERSION_CODENAME=")) {
        (Some("debian"), Some(suite)) => Ok(suite.to_owned()),
        _ => Err("base images are made out of Debian's packages, and this is not Debian".to_owned()),
    }
}

/// The `PATH` with the programs for root.
pub(super) fn path() -> String {
    let inherited = env::var("PATH").unwrap_or_default();
    format!("{inherited}:{FOLDERS_OF_ROOT}")
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = path();
    let mut found = env::split_paths(&path).map(|folder| folder.join(program));
    found.find(|path: &PathBuf| Path::is_file(path))
}
