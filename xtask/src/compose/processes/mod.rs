//! The services as processes of this machine: their commands, environments, files, health checks and order are those of
//! `compose.yaml`; only addresses, ports and paths are others. PostgreSQL is a private server.

mod node;
mod place;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use synod_testkit::Tally;
use synod_testkit::postgres::TestServer;

use self::node::Node;
use self::place::Place;
use super::Deployment;
use super::file::{Condition, Service};
use super::limited::{output, text, until};
use super::outside::{Outside, describe};

/// How long a job may take.
const JOB_LIMIT: Duration = Duration::from_secs(60);
/// The port of PostgreSQL.
const DATABASE_PORT: u16 = 5432;
/// The superuser needs no password here, everybody else does.
const ACCESS: &str = "local all all trust\nhost all postgres 127.0.0.1/32 trust\n\
                      host all all 127.0.0.1/32 scram-sha-256\n";

/// What is tried, and how.
type Step<'a> = (&'static str, fn(&mut Machine<'a>) -> Result<(), String>);

/// Reports each step as a case; the first one that fails is the last one.
pub(super) fn run(deployment: &Deployment, tally: &mut Tally) {
    let begun = Machine::new(deployment);
    let mut machine = match begun {
        Ok(machine) => machine,
        Err(reason) => return tally.case("processes", "begin", Err(reason)),
    };
    let steps: [Step<'_>; 5] = [
        ("all services come up in their order", Machine::up),
        ("the nodes are fit and serve members", Machine::is_fit),
        ("a second run of the jobs changes nothing", Machine::up_again),
        ("killed nodes come back", Machine::kill_and_restart),
        ("the nodes end when they are asked to", Machine::down),
    ];
    for (name, step) in steps {
        let result = step(&mut machine).map_err(|reason| format!("{reason}\n{}", machine.logs()));
        let is_good = result.is_ok();
        tally.case("processes", name, result);
        if !is_good {
            break;
        }
    }
}

/// All services.
struct Machine<'a> {
    deployment: &'a Deployment,
    place: Place,
    database: TestServer,
    nodes: BTreeMap<String, Node>,
    /// The last line of each job.
    told: BTreeMap<String, String>,
}

impl<'a> Machine<'a> {
    fn new(deployment: &'a Deployment) -> Result<Self, String> {
        let server = TestServer::builder().file("pg_hba.conf", ACCESS).start();
        let database = server.map_err(|error| error.to_string())?;
        let mut place = Place::new(deployment)?;
        for (name, service) in &deployment.file.services {
            if is_database(service) {
                place.set_port(name, DATABASE_PORT, database.port());
            }
        }
        Ok(Self { deployment, place, database, nodes: BTreeMap::new(), told: BTreeMap::new() })
    }

    fn service(&self, name: &str) -> Result<&'a Service, String> {
        self.deployment.file.services.get(name).ok_or_else(|| format!("there is no service {name}"))
    }

    /// Starts each service when what it depends on is as it has to be.
    fn up(&mut self) -> Result<(), String> {
        for name in self.deployment.file.order()? {
            let service = self.service(name)?;
            for (on, condition) in &service.depends_on {
                self.wait(on, *condition).map_err(|reason| format!("{name} waits for {on}: {reason}"))?;
            }
            self.place.prepare(name, service)?;
            let started = match (is_database(service), service.is_lasting()) {
                (true, _) => self.make_databases(name, service),
                (false, true) => self.start(name, service),
                (false, false) => self.work(name, service),
            };
            started.map_err(|reason| format!("{name}: {reason}"))?;
        }
        Ok(())
    }

    /// What the image of PostgreSQL does with a new cluster.
    fn make_databases(&mut self, name: &str, service: &Service) -> Result<(), String> {
        for script in service.mounts.iter().filter(|mount| mount.target.ends_with(".sh")) {
            let script = self.place.path(name, &script.target);
            let mut command = Command::new("/bin/sh");
            command.arg(script).envs(&service.environment).env("PATH", place::programs());
            command.env("PGHOST", "127.0.0.1").env("PGPORT", self.database.port().to_string());
            text(&mut command, JOB_LIMIT)?;
        }
        self.wait(name, Condition::Healthy)
    }

    fn start(&mut self, name: &str, service: &Service) -> Result<(), String> {
        let command = self.place.command(name, service)?;
        self.nodes.insert(name.to_owned(), Node::start(command, self.place.log(name))?);
        Ok(())
    }

    /// Runs a job to its end.
    fn work(&mut self, name: &str, service: &Service) -> Result<(), String> {
        let out = text(&mut self.place.command(name, service)?, JOB_LIMIT)?;
        let last = out.lines().last().unwrap_or_default().to_owned();
        self.told.insert(name.to_owned(), last);
        Ok(())
    }

    fn wait(&mut self, name: &str, condition: Condition) -> Result<(), String> {
        if condition == Condition::Completed {
            return if self.told.contains_key(name) { Ok(()) } else { Err("it has not run".to_owned()) };
        }
        let service = self.service(name)?;
        let check = service.health.as_ref().ok_or("it does not tell its health")?;
        let mut last = String::new();
        let healthy = until(check.limit, || {
            let asked = self.place.health_command(name, service, check).and_then(|mut command| {
                command.env("PGPORT", self.database.port().to_string());
                output(&mut command, JOB_LIMIT)
            });
            if let Some(node) = self.nodes.get_mut(name)
                && let Err(reason) = node.runs()
            {
                return Some(Err(reason));
            }
            match asked {
                Ok(output) if output.status.success() => return Some(Ok(())),
                Ok(output) => last = String::from_utf8_lossy(&output.stderr).into_owned(),
                Err(reason) => return Some(Err(reason)),
            }
            None
        });
        healthy.unwrap_or_else(|| Err(format!("it is not healthy within {:?}: {last}", check.limit)))
    }

    fn synchronizer(&self) -> Result<String, String> {
        let id = self.told.get("bootstrap").cloned().unwrap_or_default();
        if id.ends_with("::35-0") { Ok(id) } else { Err(format!("no synchronizer id: {id:?}")) }
    }

    fn is_fit(&mut self) -> Result<(), String> {
        let description = self.place.root().join("synchronizer.toml");
        let place = self.place.ports();
        let port = |service: &str, port: u16| place.get(&(service.to_owned(), port)).copied();
        describe(&self.deployment.folder.join("config/synchronizer.toml"), &description, port)?;
        let public = port("sequencer", 5008).ok_or("no public API")?;
        let outside = Outside { binary: &self.deployment.binary, description, public };
        outside.is_fit(&self.synchronizer()?)?;
        outside.serves()
    }

    fn up_again(&mut self) -> Result<(), String> {
        let before = (self.synchronizer()?, self.place.secrets()?);
        for (name, service) in &self.deployment.file.services {
            if !service.is_lasting() {
                self.work(name, service)?;
            }
        }
        let after = (self.synchronizer()?, self.place.secrets()?);
        if before == after { Ok(()) } else { Err("the synchronizer or the secrets are others".to_owned()) }
    }

    fn kill_and_restart(&mut self) -> Result<(), String> {
        for name in self.nodes.keys().cloned().collect::<Vec<_>>() {
            let service = self.service(&name)?;
            if let Some(node) = self.nodes.remove(&name) {
                node.kill();
            }
            let check = service.health.as_ref().ok_or("it does not tell its health")?;
            let asked = output(&mut self.place.health_command(&name, service, check)?, JOB_LIMIT)?;
            if asked.status.code() != Some(1) {
                return Err(format!("the health check of {name}, which is dead, ended with {}", asked.status));
            }
            self.start(&name, service)?;
            self.wait(&name, Condition::Healthy).map_err(|reason| format!("{name}: {reason}"))?;
        }
        // The mediator may still be looking for its sequencer.
        let mut last = Ok(());
        let fit = until(JOB_LIMIT, || {
            last = self.is_fit();
            last.is_ok().then_some(())
        });
        fit.map_or(last, Ok)
    }

    fn down(&mut self) -> Result<(), String> {
        for (name, node) in std::mem::take(&mut self.nodes) {
            node.terminate(self.service(&name)?.stop_limit).map_err(|reason| format!("{name}: {reason}"))?;
        }
        Ok(())
    }

    /// The end of what each node has logged.
    fn logs(&self) -> String {
        let log = |name: &String| fs::read_to_string(self.place.log(name)).unwrap_or_default();
        let end = |text: String| {
            let lines: Vec<&str> = text.lines().rev().take(20).collect();
            lines.into_iter().rev().map(|line| format!("{line}\n")).collect::<String>()
        };
        self.nodes.keys().map(|name| format!("--- {name}\n{}", end(log(name)))).collect()
    }
}

/// Whether a service is PostgreSQL.
fn is_database(service: &Service) -> bool {
    Path::new(&service.image).file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres:"))
}
