//! Where on this machine things are that a container has at its own address and paths.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use synod_testkit::postgres::find_binaries;
use tempfile::TempDir;

use super::super::Deployment;
use super::super::file::{HealthCheck, Service};
use super::super::image::Image;
use super::super::outside::free_port;
use crate::tools;

/// The address on which a container serves others.
const ANY: &str = "0.0.0.0";
/// The address on which a process does.
const LOOPBACK: &str = "127.0.0.1";

/// Ports and paths.
pub(super) struct Place {
    folder: TempDir,
    source: PathBuf,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    entrypoint: Vec<String>,
    /// Ports of this machine for those of services.
    ports: BTreeMap<(String, u16), u16>,
}

impl Place {
    pub(super) fn new(deployment: &Deployment) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix("synod-compose-").tempdir();
        let Image { environment, entrypoint, .. } = &deployment.image;
        let mut place = Self {
            folder: folder.map_err(|error| format!("a temporary folder: {error}"))?,
            source: deployment.folder.clone(),
            binary: deployment.binary.clone(),
            environment: environment.clone(),
            entrypoint: entrypoint.clone(),
            ports: BTreeMap::new(),
        };
        // Known before the first service is started: services name the ports of others.
        for (name, service) in &deployment.file.services {
            let image = environment.iter().filter(|(key, _)| key.ends_with("PORT"));
            let of_image = image.filter_map(|(_, value)| value.parse().ok());
            for target in of_image.chain(service.ports.iter().map(|port| port.target)) {
                place.ports.insert((name.clone(), target), free_port()?);
            }
        }
        Ok(place)
    }

    pub(super) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn ports(&self) -> &BTreeMap<(String, u16), u16> {
        &self.ports
    }

    pub(super) fn set_port(&mut self, service: &str, port: u16, here: u16) {
        self.ports.insert((service.to_owned(), port), here);
    }

    pub(super) fn log(&self, service: &str) -> PathBuf {
        self.root().join(format!("{service}.log"))
    }

    /// Where a path of a container is on this machine.
    pub(super) fn path(&self, service: &str, path: &str) -> PathBuf {
        self.root().join("containers").join(service).join(path.trim_start_matches('/'))
    }

    /// Makes the files and volumes of a service.
    pub(super) fn prepare(&self, name: &str, service: &Service) -> Result<(), String> {
        // Files name paths of volumes.
        let (files, volumes): (Vec<_>, Vec<_>) = service.mounts.iter().partition(|mount| mount.is_file());
        for mount in volumes.into_iter().chain(files) {
            let here = self.path(name, &mount.target);
            let made = if mount.is_file() {
                self.file(name, service, &self.source.join(&mount.source), &here)
            } else {
                self.volume(&mount.source, &here).map_err(|error| error.to_string())
            };
            made.map_err(|reason| format!("{name}: {}: {reason}", mount.target))?;
        }
        Ok(())
    }

    fn volume(&self, name: &str, here: &Path) -> io::Result<()> {
        let volume = self.root().join("volumes").join(name);
        fs::create_dir_all(&volume)?;
        fs::create_dir_all(here.parent().unwrap_or(here))?;
        symlink(volume, here)
    }

    /// A file with the addresses and paths of this machine.
    fn file(&self, name: &str, service: &Service, from: &Path, here: &Path) -> Result<(), String> {
        let text = fs::read_to_string(from).map_err(|error| format!("{}: {error}", from.display()))?;
        let text = if from.extension().is_some_and(|extension| extension == "toml") {
            let table: toml::Table = text.parse().map_err(|error| format!("{}: {error}", from.display()))?;
            self.table(name, table).to_string()
        } else {
            let paths = |text: String, target: &str| text.replace(target, &self.path(name, target).to_string_lossy());
            service.mounts.iter().fold(text, |text, mount| paths(text, &mount.target))
        };
        let written = fs::create_dir_all(here.parent().unwrap_or(here)).and_then(|()| fs::write(here, text));
        written.map_err(|error| error.to_string())
    }

    fn table(&self, service: &str, table: toml::Table) -> toml::Table {
        let translated = table.into_iter().map(|(key, value)| {
            let value = match value {
                toml::Value::Integer(port) if key.ends_with("port") => {
                    let here = u16::try_from(port).ok().and_then(|port| self.port(service, port));
                    toml::Value::Integer(here.map_or(port, i64::from))
                }
                other => self.value(service, other),
            };
            (key, value)
        });
        translated.collect()
    }

    fn value(&self, service: &str, value: toml::Value) -> toml::Value {
        match value {
            toml::Value::String(text) => toml::Value::String(self.text(service, &text)),
            toml::Value::Table(table) => toml::Value::Table(self.table(service, table)),
            toml::Value::Array(items) => {
                toml::Value::Array(items.into_iter().map(|item| self.value(service, item)).collect())
            }
            other => other,
        }
    }

    fn port(&self, service: &str, port: u16) -> Option<u16> {
        self.ports.get(&(service.to_owned(), port)).copied()
    }

    /// A text of a container as one of this machine: a path, an address, or anything with addresses in it.
    pub(super) fn text(&self, service: &str, text: &str) -> String {
        if text == ANY {
            return LOOPBACK.to_owned();
        }
        if text.starts_with('/') {
            let here = self.path(service, text);
            return if here.exists() { here.display().to_string() } else { text.to_owned() };
        }
        let own = self.ports.iter().filter(|((name, _), _)| name == service);
        let mut done = text.to_owned();
        for ((_, port), here) in own {
            done = replace_port(&done, &format!("{LOOPBACK}:{port}"), *here);
        }
        for ((name, port), here) in &self.ports {
            done = replace_port(&done, &format!("{name}:{port}"), *here);
            // Databases are named without their port.
            if *port == super::DATABASE_PORT {
                done = done.replace(&format!("@{name}/"), &format!("@{LOOPBACK}:{here}/"));
            }
        }
        done
    }

    /// What a container of the service runs.
    pub(super) fn command(&self, name: &str, service: &Service) -> Result<Command, String> {
        let entrypoint = service.entrypoint.as_ref().unwrap_or(&self.entrypoint);
        let words: Vec<&String> = entrypoint.iter().chain(&service.command).collect();
        self.run(name, service, &words)
    }

    /// What finds out how the service is.
    pub(super) fn health_command(&self, name: &str, service: &Service, check: &HealthCheck) -> Result<Command, String> {
        self.run(name, service, &check.test.iter().collect::<Vec<_>>())
    }

    fn run(&self, name: &str, service: &Service, words: &[&String]) -> Result<Command, String> {
        let (program, arguments) = words.split_first().ok_or("no command")?;
        let mut command = if program.as_str() == "synod" {
            Command::new(&self.binary)
        } else {
            let mut command = Command::new(program);
            command.env("PATH", programs());
            command
        };
        command.args(arguments.iter().map(|argument| self.text(name, argument))).current_dir(self.root());
        for (key, value) in self.environment.iter().chain(&service.environment) {
            let port = value.parse().ok().filter(|_| key.ends_with("PORT")).and_then(|port| self.port(name, port));
            command.env(key, port.map_or_else(|| self.text(name, value), |port| port.to_string()));
        }
        Ok(command)
    }

    /// The content of each file in a volume with secrets.
    pub(super) fn secrets(&self) -> Result<BTreeMap<PathBuf, String>, String> {
        let mut found = BTreeMap::new();
        let context = |error: io::Error| format!("the secrets: {error}");
        for volume in fs::read_dir(self.root().join("volumes")).map_err(context)? {
            let volume = volume.map_err(context)?.path();
            if !volume.to_string_lossy().ends_with("-secrets") {
                continue;
            }
            for file in fs::read_dir(&volume).map_err(context)? {
                let path = file.map_err(context)?.path();
                let text = fs::read_to_string(&path).map_err(context)?;
                found.insert(path, text);
            }
        }
        if found.len() == 7 { Ok(found) } else { Err(format!("{} secrets", found.len())) }
    }
}

/// The `PATH` with PostgreSQL's programs.
pub(super) fn programs() -> OsString {
    let usual = tools::path();
    let folders = find_binaries().into_iter().chain(env::split_paths(&usual));
    env::join_paths(folders).unwrap_or(usual.clone())
}

/// Replaces addresses that end with this port, and not those whose port only begins with it.
fn replace_port(text: &str, address: &str, here: u16) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(address) {
        done.push_str(before);
        if after.starts_with(|next: char| next.is_ascii_digit()) {
            done.push_str(address);
        } else {
            done.push_str(&format!("{LOOPBACK}:{here}"));
        }
        rest = after;
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_port_is_another_one() {
        assert_eq!(replace_port("http://a:50 a:501 a:50/x", "a:50", 7), "http://127.0.0.1:7 a:501 127.0.0.1:7/x");
    }
}
