//! The project, as docker-compose runs it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::super::Deployment;
use super::super::limited::{output, text, until};
use super::super::outside::{Outside, describe, free_port};
use super::daemon::Daemon;
use super::images;

/// How long docker-compose may take.
const COMPOSE_LIMIT: Duration = Duration::from_secs(120);
/// How long a call of the daemon may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// How long a node may take until it is well again.
const RESTART_LIMIT: Duration = Duration::from_secs(60);

/// Ports of the machine: the variable of compose.yaml, the service and its port.
const PORTS: &[(&str, &str, u16)] = &[
    ("SYNOD_PUBLIC_PORT", "sequencer", 5008),
    ("SYNOD_SEQUENCER_ADMIN_PORT", "sequencer", 5009),
    ("SYNOD_SEQUENCER_HEALTH_PORT", "sequencer", 5061),
    ("SYNOD_SEQUENCER_METRICS_PORT", "sequencer", 10013),
    ("SYNOD_MEDIATOR_ADMIN_PORT", "mediator", 5007),
    ("SYNOD_MEDIATOR_HEALTH_PORT", "mediator", 5061),
    ("SYNOD_MEDIATOR_METRICS_PORT", "mediator", 10013),
];

/// A copy of the folder, on ports that are free.
pub(super) struct Project<'a> {
    deployment: &'a Deployment,
    folder: PathBuf,
    ports: Vec<u16>,
    synchronizer: String,
    daemon: Daemon,
}

impl<'a> Project<'a> {
    pub(super) fn new(deployment: &'a Deployment, daemon: Daemon) -> Result<Self, String> {
        let folder = daemon.folder().join("project/compose");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let source = deployment.folder.join(".");
        text(Command::new("cp").arg("-R").arg(source).arg(&folder), CALL_LIMIT)?;
        let ports = PORTS.iter().map(|_| free_port()).collect::<Result<_, _>>()?;
        Ok(Self { deployment, folder, ports, synchronizer: String::new(), daemon })
    }

    fn docker(&self, arguments: &[&str]) -> Result<String, String> {
        text(&mut self.daemon.client("docker", arguments), CALL_LIMIT)
    }

    fn compose(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = self.daemon.client("docker-compose", arguments);
        command.current_dir(&self.folder);
        for ((variable, ..), port) in PORTS.iter().zip(&self.ports) {
            command.env(variable, port.to_string());
        }
        text(&mut command, COMPOSE_LIMIT)
    }

    /// The container of a service, running or not.
    fn container(&self, service: &str) -> Result<String, String> {
        let label = format!("label=com.docker.compose.service={service}");
        let found = self.docker(&["ps", "--all", "--quiet", "--no-trunc", "--filter", &label])?;
        if found.lines().count() == 1 { Ok(found) } else { Err(format!("the containers of {service}: {found:?}")) }
    }

    fn inspect(&self, service: &str, format: &str) -> Result<String, String> {
        self.docker(&["inspect", "--format", format, &self.container(service)?])
    }

    pub(super) fn build(&mut self) -> Result<(), String> {
        let name = &self.deployment.file.services.get("sequencer").ok_or("no sequencer")?.image;
        images::build(&self.daemon, self.deployment, name)
    }

    pub(super) fn up(&mut self) -> Result<(), String> {
        self.compose(&["up", "--detach", "--no-build"])?;
        self.synchronizer = self.founded()?;
        Ok(())
    }

    /// The id that the job has printed, as soon as it has ended.
    fn founded(&self) -> Result<String, String> {
        let container = self.container("bootstrap")?;
        let mut wait = self.daemon.client("docker", &["wait", &container]);
        let code = text(&mut wait, COMPOSE_LIMIT)?;
        let out = self.docker(&["logs", &container])?;
        let last = out.lines().last().unwrap_or_default();
        if code == "0" && last.ends_with("::35-0") {
            return Ok(last.to_owned());
        }
        Err(format!("the job bootstrap ended with {code}: {out}"))
    }

    pub(super) fn is_fit(&mut self) -> Result<(), String> {
        let description = self.folder.join("here.toml");
        let port = |service: &str, target: u16| {
            let place = PORTS.iter().position(|(_, name, port)| *name == service && *port == target)?;
            self.ports.get(place).copied()
        };
        describe(&self.folder.join("config/synchronizer.toml"), &description, port)?;
        let public = port("sequencer", 5008).ok_or("no public API")?;
        let outside = Outside { binary: &self.deployment.binary, description, public };
        outside.is_fit(&self.synchronizer)?;
        outside.serves()
    }

    /// Nobody is root, and nothing but volumes can be written.
    pub(super) fn is_confined(&mut self) -> Result<(), String> {
        for node in self.nodes() {
            let container = self.container(node)?;
            let user = self.docker(&["exec", &container, "id", "-u"])?;
            let expected = self.deployment.image.user.split(':').next().unwrap_or_default();
            let mut write = self.daemon.client("docker", &["exec", &container, "touch", "/usr/local/bin/more"]);
            let is_written = output(&mut write, CALL_LIMIT)?.status.success();
            let label = self.inspect(node, "{{index .Config.Labels \"org.opencontainers.image.title\"}}")?;
            if user != expected || user == "0" || is_written || label != "Synod" {
                return Err(format!("{node}: user {user}, root written: {is_written}, label {label:?}"));
            }
        }
        let secrets = self.docker(&["exec", &self.container("sequencer")?, "ls", "/run/secrets"])?;
        if secrets == "database-password\nprivate-keys" { Ok(()) } else { Err(format!("the sequencer sees {secrets}")) }
    }

    fn nodes(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        ["sequencer", "mediator"].into_iter()
    }

    pub(super) fn up_again(&mut self) -> Result<(), String> {
        let seen = |project: &Self| -> Result<Vec<String>, String> {
            let services = project.nodes().chain(["postgres"]);
            services.map(|name| project.inspect(name, "{{.Id}} {{.State.StartedAt}}")).collect()
        };
        let before = seen(self)?;
        self.compose(&["up", "--detach", "--no-build"])?;
        let founded = self.founded()?;
        if founded != self.synchronizer {
            return Err(format!("{founded} is not {}", self.synchronizer));
        }
        let after = seen(self)?;
        if before == after { Ok(()) } else { Err(format!("{before:?} became {after:?}")) }
    }

    /// Kills the process of each node; the daemon has to start it again.
    pub(super) fn kill(&mut self) -> Result<(), String> {
        for node in self.nodes() {
            let before = self.inspect(node, "{{.State.StartedAt}}")?;
            let pid = self.inspect(node, "{{.State.Pid}}")?;
            // A daemon that is asked to kill does not start it again.
            text(Command::new("kill").args(["-KILL", &pid]), CALL_LIMIT)?;
            let mut last = String::new();
            let well = until(RESTART_LIMIT, || {
                last = self.inspect(node, "{{.State.StartedAt}} {{.State.Health.Status}}").unwrap_or_default();
                (last.ends_with(" healthy") && !last.starts_with(&before)).then_some(())
            });
            well.ok_or_else(|| format!("{node} is not well again: {last}"))?;
        }
        // The mediator may still be looking for its sequencer.
        let mut last = Ok(());
        let fit = until(RESTART_LIMIT, || {
            last = self.is_fit();
            last.is_ok().then_some(())
        });
        fit.map_or(last, Ok)
    }

    pub(super) fn down(&mut self) -> Result<(), String> {
        self.compose(&["down", "--volumes"])?;
        let left = ["ps --all --quiet", "volume ls --quiet"].map(|command| {
            let arguments: Vec<&str> = command.split(' ').collect();
            self.docker(&arguments)
        });
        for left in left {
            let left = left?;
            if !left.is_empty() {
                return Err(format!("left: {left}"));
            }
        }
        Ok(())
    }

    /// How the containers are, and the end of what each has logged.
    pub(super) fn logs(&self) -> String {
        let containers = self.docker(&["ps", "--all"]).unwrap_or_default();
        let logs = self.compose(&["logs", "--no-color", "--tail", "20"]).unwrap_or_default();
        format!("{containers}\n{logs}")
    }
}
