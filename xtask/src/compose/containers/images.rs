//! Base images out of Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::super::Deployment;
use super::super::limited::text;
use super::daemon::Daemon;
use super::programs::{self, suite};
use crate::workspace::root;

/// How long it may take to fetch and to unpack the packages of an image.
const PACKAGES_LIMIT: Duration = Duration::from_secs(240);
/// How long the daemon may take with an image.
const IMAGE_LIMIT: Duration = Duration::from_secs(120);

/// The image with PostgreSQL's packages, under which our stand-in for the official one is built.
const POSTGRES_PACKAGES: &str = "synod-postgres-packages:1";
/// What stands in for the official image.
const STAND_IN: &[(&str, &str)] = &[
    ("Dockerfile", include_str!("images/postgres/Dockerfile")),
    ("entrypoint.sh", include_str!("images/postgres/entrypoint.sh")),
];

/// What slim images do without, below /usr/share.
const NOT_NEEDED: &[&str] = &["doc", "info", "locale", "man"];

/// Root file systems as archives.
pub(super) struct Archives {
    debian: PathBuf,
    postgres: PathBuf,
}

/// Makes them, or finds those that an earlier run has made.
pub(super) fn archives() -> Result<Archives, String> {
    let suite = suite()?;
    let folder = root().join("target/tools/images");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let debian = folder.join(format!("{suite}.tar"));
    let postgres = folder.join(format!("{suite}-postgresql.tar"));
    let made = thread::scope(|scope| {
        let first = scope.spawn(|| bootstrap(&suite, &[], &debian));
        let second = bootstrap(&suite, &["--include=postgresql"], &postgres);
        first.join().map_or_else(|_| Err("making an image failed".to_owned()), |first| first.and(second))
    });
    made.map(|()| Archives { debian, postgres })
}

fn bootstrap(suite: &str, more: &[&str], to: &Path) -> Result<(), String> {
    if to.exists() {
        return Ok(());
    }
    println!("containers: fetching the packages of {}", to.display());
    let unfinished = to.with_extension("unfinished.tar");
    let mut command = Command::new("mmdebstrap");
    // It is thrown away when the machine goes down half way.
    command.args(["--variant=minbase", "--quiet", "--dpkgopt=force-unsafe-io"]).args(more);
    command.args(NOT_NEEDED.iter().map(|folder| format!("--dpkgopt=path-exclude=/usr/share/{folder}/*")));
    command.arg(suite).arg(&unfinished).env("PATH", programs::path()).env("LC_ALL", "C");
    text(&mut command, PACKAGES_LIMIT).map_err(|error| format!("a base image: {error}"))?;
    fs::rename(&unfinished, to).map_err(|error| format!("{}: {error}", to.display()))
}

/// Gives the daemon the images that the Dockerfile and compose.yaml name.
pub(super) fn import(daemon: &Daemon, deployment: &Deployment, archives: &Archives) -> Result<(), String> {
    let debian = deployment.image.arguments.get("DEBIAN_IMAGE").ok_or("the Dockerfile has no DEBIAN_IMAGE")?;
    let mut images = vec![(&archives.debian, debian.as_str())];
    let stand_in = deployment.file.services.values().map(|service| service.image.as_str());
    let stand_in = stand_in.into_iter().find(|image| image.starts_with("postgres:")).ok_or("no PostgreSQL")?;
    images.push((&archives.postgres, POSTGRES_PACKAGES));
    for (archive, name) in images {
        let archive = archive.to_string_lossy();
        text(&mut daemon.client("docker", &["import", &archive, name]), IMAGE_LIMIT)?;
    }
    let folder = daemon.folder().join("postgres");
    let written = fs::create_dir(&folder)
        .and_then(|()| STAND_IN.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text)));
    written.map_err(|error| format!("{}: {error}", folder.display()))?;
    let argument = format!("POSTGRES_PACKAGES={POSTGRES_PACKAGES}");
    let folder = folder.to_string_lossy();
    let build = ["build", "--quiet", "--build-arg", &argument, "--tag", stand_in, &folder];
    text(&mut daemon.client("docker", &build), IMAGE_LIMIT).map(|_| ())
}

/// Makes the image of Synod, with a binary that is there.
pub(super) fn build(daemon: &Daemon, deployment: &Deployment, name: &str) -> Result<(), String> {
    let context = daemon.folder().join("context");
    fs::create_dir(&context).map_err(|error| format!("{}: {error}", context.display()))?;
    let mut strip = Command::new("strip");
    let program = context.join("synod");
    // Most of a binary for tests is what a debugger needs; it runs as it is, too.
    if text(strip.arg("-o").arg(&program).arg(&deployment.binary), IMAGE_LIMIT).is_err() {
        fs::copy(&deployment.binary, &program).map_err(|error| format!("{}: {error}", program.display()))?;
    }
    let file = deployment.folder.join("Dockerfile");
    let (file, context) = (file.to_string_lossy(), context.to_string_lossy());
    let build = ["build", "--quiet", "--target", "prebuilt", "--tag", name, "--file", &file, &context];
    text(&mut daemon.client("docker", &build), IMAGE_LIMIT).map(|_| ())
}
