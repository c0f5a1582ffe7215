//! One server in a temporary folder.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::find_binaries;

/// How often another port is tried when somebody takes the free one that was found before the server does.
const PORT_ATTEMPTS: usize = 5;

const KEEPER: &str = include_str!("keeper.sh");

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// PostgreSQL is not installed.
    #[error(
        "PostgreSQL is not installed: `apt-get install postgresql`, or name the folder of initdb and postgres in SYNOD_POSTGRES_BIN"
    )]
    NotInstalled,
    /// We are root, PostgreSQL refuses to run as root, and there is no other user to run it as.
    #[error("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")]
    NoUser,
    /// A step before the start failed.
    #[error("{step}")]
    Io {
        /// The step.
        step: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The server did not start.
    #[error("PostgreSQL did not start:\n{log}")]
    Start {
        /// What it logged.
        log: String,
    },
    /// A client program failed.
    #[error("{program} failed: {output}")]
    Client {
        /// The program.
        program: &'static str,
        /// What it printed.
        output: String,
    },
}

/// A private PostgreSQL server: an empty cluster in a temporary folder, on a free port of 127.0.0.1, superuser `postgres`
/// without a password. Its settings are PostgreSQL's defaults, which means that `fsync` and `synchronous_commit` are on.
///
/// It ends when this value is dropped, and also when the process ends in any other way (panic, signal, a value in a
/// `static`): a small process keeps it, which stops the server as soon as its standard input closes.
#[derive(Debug)]
pub struct TestServer {
    keeper: Child,
    /// What the keeper answers.
    answers: Option<BufReader<ChildStdout>>,
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
}

/// Settings of a server before its start.
#[derive(Debug, Default)]
pub struct TestServerBuilder {
    settings: Vec<(String, String)>,
    files: Vec<(String, Vec<u8>)>,
}

impl TestServer {
    /// Starts a server with PostgreSQL's default settings. Takes about a second.
    pub fn start() -> Result<Self, PostgresError> {
        Self::builder().start()
    }

    /// A server with other settings.
    #[must_use]
    pub fn builder() -> TestServerBuilder {
        TestServerBuilder::default()
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with the Unix socket `.s.PGSQL.<port>`.
    #[must_use]
    pub fn socket_folder(&self) -> &Path {
        &self.folder
    }

    /// URL of a database for the superuser, over TCP. The database `postgres` always exists.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and gives its URL.
    pub fn create_database(&self, name: &str) -> Result<String, PostgresError> {
        self.client("createdb", &[name])?;
        Ok(self.url(name))
    }

    /// Runs SQL as the superuser and gives the rows as `psql` prints them: unaligned, without headings.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, PostgresError> {
        self.client("psql", &["-d", database, "-AtqX", "-v", "ON_ERROR_STOP=1", "-c", sql])
    }

    /// Ends the server as a crash does, and returns when it has ended. Its data stay.
    pub fn stop(&mut self) -> Result<(), PostgresError> {
        self.tell("stop")
    }

    /// Starts the server again, on the same port, and returns when it takes connections.
    pub fn start_again(&mut self) -> Result<(), PostgresError> {
        self.tell("start")
    }

    fn tell(&mut self, command: &'static str) -> Result<(), PostgresError> {
        let failed = |source| PostgresError::Io { step: command, source };
        if let Some(stdin) = &mut self.keeper.stdin {
            stdin.write_all(format!("{command}\n").as_bytes()).map_err(failed)?;
        }
        match self.answer().map_err(failed)?.as_str() {
            "ready" => Ok(()),
            _ => Err(PostgresError::Start { log: self.log() }),
        }
    }

    /// The next line of the keeper.
    fn answer(&mut self) -> io::Result<String> {
        let mut answer = String::new();
        if let Some(answers) = &mut self.answers {
            answers.read_line(&mut answer)?;
        }
        Ok(answer.trim().to_owned())
    }

    /// What the server has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn client(&self, program: &'static str, arguments: &[&str]) -> Result<String, PostgresError> {
        let port = self.port.to_string();
        let output = Command::new(self.binaries.join(program))
            .args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-w"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| PostgresError::Io { step: "run a client program of PostgreSQL", source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
        }
        Err(PostgresError::Client { program, output: String::from_utf8_lossy(&output.stderr).into_owned() })
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Nothing can be done about an error here, and the next start does not depend on it.
        let _ = self.keeper.wait();
    }
}

impl TestServerBuilder {
    /// Adds a line to `postgresql.conf`; the value is quoted here.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a file to the data folder, or replaces one (`pg_hba.conf`); a name that ends in `.key` is for the server
    /// alone to read.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// Starts the server and waits until it takes connections.
    pub fn start(self) -> Result<TestServer, PostgresError> {
        let binaries = find_binaries().ok_or(PostgresError::NotInstalled)?;
        let user = unprivileged_user()?;
        let mut log = String::new();
        for _ in 0..PORT_ATTEMPTS {
            match self.attempt(&binaries, user)? {
                Ok(server) => return Ok(server),
                Err(failure) => log = failure,
            }
            if !log.contains("Address already in use") {
                break;
            }
        }
        Err(PostgresError::Start { log })
    }

    /// One attempt on one port: the server, or its log when it did not start.
    fn attempt(&self, binaries: &Path, user: Option<(u32, u32)>) -> Result<Result<TestServer, String>, PostgresError> {
        let port = free_port().map_err(|source| PostgresError::Io { step: "find a free port", source })?;
        let folder =
            self.prepare(port, user).map_err(|source| PostgresError::Io { step: "make the folder", source })?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", KEEPER, "keeper"]).arg(binaries).arg(&folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: an interrupt from the terminal ends the tests first, and the server through the pipe.
        command.process_group(0).env_remove("LC_ALL").env("LANG", "C");
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        let mut keeper =
            command.spawn().map_err(|source| PostgresError::Io { step: "start the keeper of the server", source })?;
        let answers = keeper.stdout.take().map(BufReader::new);
        let mut server = TestServer { keeper, answers, binaries: binaries.to_owned(), folder, port };
        let answer = server.answer().map_err(|source| PostgresError::Io { step: "wait for the server", source })?;
        if answer == "ready" {
            return Ok(Ok(server));
        }
        let start = fs::read_to_string(server.folder.join("start.log")).unwrap_or_default();
        Ok(Err(format!("{start}\n{}", server.log())))
    }

    fn prepare(&self, port: u16, user: Option<(u32, u32)>) -> io::Result<PathBuf> {
        let folder = tempfile::Builder::new().prefix("synod-postgres-").tempdir()?.keep();
        fs::create_dir(folder.join("files"))?;
        for (name, content) in &self.files {
            fs::write(folder.join("files").join(name), content)?;
        }
        let mut settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\n",
            folder.display()
        );
        for (name, value) in &self.settings {
            settings.push_str(&format!("{name} = '{}'\n", value.replace('\'', "''")));
        }
        fs::write(folder.join("settings"), settings)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))?;
        if let Some((uid, gid)) = user {
            give(&folder, uid, gid)?;
        }
        Ok(folder)
    }
}

fn give(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    chown(path, Some(uid), Some(gid))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// User and group to run the server as, when we are root; `None` when we are somebody else, and it runs as us.
fn unprivileged_user() -> Result<Option<(u32, u32)>, PostgresError> {
    let me = fs::metadata("/proc/self").map_or(u32::MAX, |metadata| metadata.uid());
    if me != 0 {
        return Ok(None);
    }
    let users =
        fs::read_to_string("/etc/passwd").map_err(|source| PostgresError::Io { step: "read /etc/passwd", source })?;
    ["postgres", "nobody"].iter().find_map(|name| ids(&users, name)).map(Some).ok_or(PostgresError::NoUser)
}

/// User and group number from a line `name:password:uid:gid:…`.
fn ids(users: &str, name: &str) -> Option<(u32, u32)> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut parts = line.split(':').skip(2);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
