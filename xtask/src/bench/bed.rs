//! Where the measurements happen: a private database server, the binary, and sequencers in processes of their own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use synod_testkit::postgres::TestServer;
use tempfile::TempDir;

use super::process;
use crate::command::{cargo, run};
use crate::tools;
use crate::workspace::{field, metadata};

/// Ports that a sequencer and a mediator take, counted from their first; those of the next ones of their localnet are
/// `SHIFT` above.
const PORTS: u16 = 11;
const SHIFT: u16 = 100;
/// Where the ports of the sequencers begin, and how many bases are tried.
const FIRST_BASE: u16 = 21_000;
const BASES: u16 = 800;

/// Where a sequencer keeps its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    Postgres,
    Sqlite,
}

/// The server, and a folder for everything else; both end with it.
pub(super) struct Bed {
    server: Option<TestServer>,
    /// The server's process.
    server_pid: Option<u32>,
    dir: TempDir,
    binary: PathBuf,
}

/// A sequencer in a process of its own, alone on its synchronizer. Killed when dropped.
pub(super) struct Node {
    child: Child,
    pub(super) url: String,
}

/// Where a sequencer and its data are.
pub(super) struct Place {
    dir: PathBuf,
    /// Its first port; the eleven from there on are free.
    pub(super) port_base: u16,
    /// The database, empty at first.
    pub(super) database_url: String,
    name: String,
}

/// Ports of a node beside the public one.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodePorts {
    pub(super) admin: u16,
    pub(super) grpc_health: u16,
    pub(super) http_health: u16,
    pub(super) metrics: u16,
}

impl NodePorts {
    /// What says so to a node.
    fn variables(self) -> [(&'static str, String); 4] {
        [
            ("SYNOD_ADMIN_API__PORT", self.admin),
            ("SYNOD_MONITORING__GRPC_HEALTH_PORT", self.grpc_health),
            ("SYNOD_MONITORING__HTTP_HEALTH_PORT", self.http_health),
            ("SYNOD_MONITORING__METRICS_PORT", self.metrics),
        ]
        .map(|(variable, port)| (variable, port.to_string()))
    }
}

impl Bed {
    /// Builds the binary with optimization and starts the server.
    pub(super) fn prepare(database: Database) -> Result<Self, String> {
        build()?;
        let binary = released("synod")?;
        let server = match database {
            Database::Postgres => Some(TestServer::start().map_err(|error| error.to_string())?),
            Database::Sqlite => None,
        };
        let server_pid = server.as_ref().map(pid_of).transpose()?;
        let dir = tempfile::Builder::new().prefix("synod-bench-").tempdir().map_err(|error| error.to_string())?;
        Ok(Self { server, server_pid, dir, binary })
    }

    /// A place with an empty database.
    pub(super) fn place(&self, name: &str) -> Result<Place, String> {
        let dir = self.dir.path().join(name);
        fs::create_dir_all(&dir).map_err(|error| format!("make {}: {error}", dir.display()))?;
        let database_url = match &self.server {
            Some(server) => server.create_database(name).map_err(|error| error.to_string())?,
            None => format!("sqlite://{}", dir.join("sequencer.db").display()),
        };
        Ok(Place { dir, port_base: free_port_base()?, database_url, name: name.to_owned() })
    }

    /// Founds a synchronizer, or continues with the one that is there. Returns when it serves.
    pub(super) fn found(&self, place: &Place) -> Result<Node, String> {
        self.localnet(place, &["--database-url", &place.database_url])
    }

    /// Founds a synchronizer of so many operators, each with a CometBFT validator and an SQLite database, all sequencers
    /// in one process. Returns when they serve.
    pub(super) fn found_consortium(&self, place: &Place, operators: u16) -> Result<Node, String> {
        self.localnet(place, &["--bft", &operators.to_string()])
    }

    fn localnet(&self, place: &Place, more: &[&str]) -> Result<Node, String> {
        let (dir, base) = (place.dir.display().to_string(), place.port_base.to_string());
        let mut command = self.logged(place)?;
        command.args(["localnet", "--dir", &dir, "--port-base", &base]).args(more);
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| format!("start synod: {error}"))?;
        let mut first = String::new();
        // Its first line says that everything is served.
        let told = child.stdout.as_mut().map(|output| BufReader::new(output).read_line(&mut first));
        let node = Node { child, url: place.url() };
        match told {
            Some(Ok(length)) if length > 0 => Ok(node),
            _ => Err(format!("the localnet did not start:\n{}", place.log())),
        }
    }

    /// Starts the sequencer of a founded synchronizer. Returns at once.
    pub(super) fn start(&self, place: &Place) -> Result<Node, String> {
        let base = place.port_base;
        let ports = NodePorts { admin: base + 1, http_health: base + 2, metrics: base + 3, grpc_health: base + 9 };
        self.run_node(place, "sequencer", ports)
    }

    /// Starts a node of this kind, as `synod init` configures it, on these ports. Returns at once.
    pub(super) fn run_node(&self, place: &Place, kind: &str, ports: NodePorts) -> Result<Node, String> {
        let file = self.configured(place, kind)?;
        let mut command = self.logged(place)?;
        command.arg(kind).arg("-c").arg(&file).stdout(Stdio::null());
        command.envs(ports.variables()).env("SYNOD_LOGGING__LEVEL", "warn");
        if kind == "sequencer" {
            command.env("SYNOD_PUBLIC_API__PORT", place.port_base.to_string());
        }
        let child = command.spawn().map_err(|error| format!("start synod: {error}"))?;
        Ok(Node { child, url: place.url() })
    }

    /// The configuration of a node, written at its first start.
    fn configured(&self, place: &Place, kind: &str) -> Result<PathBuf, String> {
        let file = place.dir.join(format!("{kind}.toml"));
        if file.exists() {
            return Ok(file);
        }
        let mut command = Command::new(&self.binary);
        command.arg("init").arg(kind).arg("--dir").arg(&place.dir).args(["--name", &format!("{kind}1")]);
        if self.server.is_some() {
            command.args(["--store", "postgres", "--database-url", &place.database_url]);
        }
        run(command.stdin(Stdio::null()).stdout(Stdio::null()))?;
        Ok(file)
    }

    /// Founds the synchronizer of this description with nodes that run.
    pub(super) fn bootstrap(&self, place: &Place, description: &str) -> Result<(), String> {
        let file = place.write("synchronizer.toml", description)?;
        let mut command = Command::new(&self.binary);
        run(command.arg("bootstrap").arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()))
    }

    /// A command of the binary that logs to the place's file.
    fn logged(&self, place: &Place) -> Result<Command, String> {
        let log = fs::File::options().create(true).append(true).open(place.dir.join("log"));
        let mut command = Command::new(&self.binary);
        // CometBFT is among the tools.
        command.env("PATH", tools::path());
        command.stdin(Stdio::null()).stderr(log.map_err(|error| format!("open the log: {error}"))?);
        Ok(command)
    }

    /// A `synod bench` against `url`, with these arguments.
    pub(super) fn generator(&self, url: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["bench", url, "--json"]).args(arguments).stdin(Stdio::null()).stderr(Stdio::inherit());
        command
    }

    /// Runs `synod bench` to its end; its report. A run that found something wrong has a report too.
    pub(super) fn load(&self, url: &str, arguments: &[&str]) -> Result<Value, String> {
        let output = self.generator(url, arguments).output().map_err(|error| format!("run synod bench: {error}"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        eprintln!("  {}", text.trim());
        serde_json::from_str(&text).map_err(|error| format!("the answer of synod bench: {error}: {text}"))
    }

    /// Syncs of the log of the whole server so far; none without a server.
    pub(super) fn syncs(&self) -> Result<Option<f64>, String> {
        let Some(server) = &self.server else { return Ok(None) };
        let version: u32 = number(server, "postgres", "SHOW server_version_num")?;
        let sum = if version < 180_000 {
            "SELECT wal_sync FROM pg_stat_wal"
        } else {
            "SELECT sum(fsyncs)::BIGINT FROM pg_stat_io WHERE object = 'wal'"
        };
        number(server, "postgres", sum).map(Some)
    }

    /// Blocks that are stored at a place; none without a server.
    pub(super) fn blocks(&self, place: &Place) -> Result<Option<f64>, String> {
        self.server.as_ref().map(|server| number(server, &place.name, "SELECT count(*) FROM blocks")).transpose()
    }

    /// Seconds of CPU that the server has used; none without a server.
    pub(super) fn server_cpu_seconds(&self) -> Option<f64> {
        self.server_pid.map(process::family_cpu_seconds)
    }
}

/// Builds the binary and this program with optimization; both at once, because cargo builds shared dependencies again for
/// another choice of packages.
pub(super) fn build() -> Result<(), String> {
    let what = ["--package", "synod", "--package", "xtask", "--bin", "synod", "--bin", "xtask"];
    run(cargo(&["build", "--quiet", "--release", "--locked"]).args(what))
}

/// A program that [`build`] has built.
pub(super) fn released(program: &str) -> Result<PathBuf, String> {
    Ok(Path::new(field(&metadata(false)?, "target_directory")).join("release").join(program))
}

fn pid_of(server: &TestServer) -> Result<u32, String> {
    let data = server.sql("postgres", "SHOW data_directory").map_err(|error| error.to_string())?;
    let file = Path::new(&data).join("postmaster.pid");
    let text = fs::read_to_string(&file).map_err(|error| format!("read {}: {error}", file.display()))?;
    let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
    pid.ok_or_else(|| format!("{} has no number", file.display()))
}

fn number<T: std::str::FromStr>(server: &TestServer, database: &str, sql: &str) -> Result<T, String> {
    let answer = server.sql(database, sql).map_err(|error| error.to_string())?;
    answer.parse().map_err(|_| format!("`{sql}` was answered with `{answer}`"))
}

impl Place {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port_base)
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf, String> {
        let file = self.dir.join(name);
        fs::write(&file, text).map_err(|error| format!("write {}: {error}", file.display()))?;
        Ok(file)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Node {
    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end and waits for that.
    pub(super) fn stop(mut self) -> Result<(), String> {
        run(Command::new("kill").args(["-TERM", &self.pid().to_string()]))?;
        let status = self.child.wait().map_err(|error| format!("wait for synod: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("synod ended with {status}")) }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended already when it was stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first port of up to four sequencers whose ports were free a moment ago.
fn free_port_base() -> Result<u16, String> {
    let start = u16::try_from(std::process::id() % u32::from(BASES)).unwrap_or(0);
    let bases = (0..BASES).map(|step| FIRST_BASE + (start + step) % BASES * 12);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    bases
        .into_iter()
        .find(|base| (0..4).all(|index| (0..PORTS).all(|offset| is_free(base + index * SHIFT + offset))))
        .ok_or_else(|| "no free ports".to_owned())
}
