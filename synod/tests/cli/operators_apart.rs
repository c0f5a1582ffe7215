//! Operators who reach their own nodes alone found a synchronizer by passing files on.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::{Process, next_port_base, synod, wait};

/// All ports of the nodes are open within this time, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(10);
const DONE: Option<i32> = Some(0);
const WAITING: Option<i32> = Some(75);
const MISTAKE: Option<i32> = Some(78);

/// What one operator has.
#[derive(Debug, Clone, Copy)]
struct Plan {
    name: &'static str,
    sequencer: bool,
    mediator: bool,
}

const fn plan(name: &'static str, sequencer: bool, mediator: bool) -> Plan {
    Plan { name, sequencer, mediator }
}

/// An operator with its nodes, each in a process of its own.
struct Operator {
    plan: Plan,
    dir: PathBuf,
    base: u16,
    nodes: Vec<Process>,
}

/// Ends of a command.
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn last_line(&self) -> &str {
        self.out.lines().last().unwrap_or_default()
    }
}

impl Operator {
    fn start(dir: &Path, plan: Plan, base: u16) -> Self {
        let dir = dir.join(plan.name);
        fs::create_dir_all(&dir).expect("a directory");
        let mut operator = Self { plan, dir, base, nodes: Vec::new() };
        if plan.sequencer {
            let more = format!("[public_api]\nport = {base}\n{}", operator.cometbft());
            operator.run_node("sequencer", base + 1, &more);
        }
        if plan.mediator {
            operator.run_node("mediator", base + 6, "");
        }
        operator
    }

    /// What its configuration says about CometBFT, when there is a file of all operators.
    fn cometbft(&self) -> String {
        let (operators, home) = (self.dir.with_file_name("operators.toml"), self.dir.join("cometbft"));
        if !operators.exists() {
            return String::new();
        }
        format!(
            "[cometbft]\noperator = \"{}\"\noperators_file = \"{}\"\nhome = \"{}\"\np2p_address = \"127.0.0.1\"\n\
             p2p_port = {}\nrpc_port = {}\n",
            self.plan.name,
            operators.display(),
            home.display(),
            self.base + 4,
            self.base + 5
        )
    }

    fn run_node(&mut self, kind: &str, admin: u16, more: &str) {
        let (config, database) = (self.dir.join(format!("{kind}.toml")), self.dir.join(format!("{kind}.db")));
        let text = format!(
            "name = \"{}-{kind}\"\n[storage]\nurl = \"sqlite://{}\"\n[admin_api]\nport = {admin}\n{more}",
            self.plan.name,
            database.display()
        );
        fs::write(&config, text).expect("written");
        // Without the ports of monitoring, which are fixed.
        let no_ports = ["HTTP_HEALTH", "METRICS", "GRPC_HEALTH"].map(|port| format!("SYNOD_MONITORING__{port}_PORT"));
        let no_ports: Vec<_> = no_ports.iter().map(|name| (name.as_str(), "0")).collect();
        let log = self.dir.join(format!("{kind}.log"));
        let mut process = Process::start_with(&[kind, "-c", &config.display().to_string()], &no_ports, &log);
        let open = || {
            process.assert_runs();
            std::net::TcpStream::connect(("127.0.0.1", admin)).ok()
        };
        wait(LIMIT, open).expect("the port opens");
        self.nodes.push(process);
    }

    fn file(&self) -> PathBuf {
        self.dir.join(format!("{}.json", self.plan.name))
    }

    fn read_file(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.file()).expect("it was written")).expect("JSON")
    }

    /// `synod bootstrap` against its own nodes, with these files of others.
    fn bootstrap(&self, imports: &[PathBuf]) -> Run {
        self.bootstrap_to(&self.file(), imports)
    }

    fn bootstrap_to(&self, export: &Path, imports: &[PathBuf]) -> Run {
        let text = |path: &Path| path.display().to_string();
        let mut arguments = vec!["bootstrap".to_owned(), "-c".to_owned(), text(&self.dir.join("synchronizer.toml"))];
        arguments.extend(["--operator".to_owned(), self.plan.name.to_owned(), "--export".to_owned(), text(export)]);
        arguments.extend(imports.iter().flat_map(|path| ["--import".to_owned(), text(path)]));
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let done = synod(&arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Run { code: done.status.code(), out: text(&done.stdout), err: text(&done.stderr) }
    }

    /// A run that ends so. What it tells.
    fn expect(&self, code: Option<i32>, imports: &[PathBuf]) -> Run {
        let run = self.bootstrap(imports);
        assert_eq!(run.code, code, "{}: {}{}", self.plan.name, run.out, run.err);
        run
    }
}

/// Operators apart.
struct Operators {
    _dir: TempDir,
    all: Vec<Operator>,
}

impl Operators {
    fn start(plans: &[Plan], more: &str) -> Self {
        Self::start_in(tempfile::tempdir().expect("a directory"), next_port_base(), plans, more)
    }

    fn start_in(dir: TempDir, base: u16, plans: &[Plan], more: &str) -> Self {
        let all = (0..).zip(plans).map(|(index, plan)| Operator::start(dir.path(), *plan, base + index * 100));
        let operators = Self { all: all.collect(), _dir: dir };
        for own in &operators.all {
            operators.describe(own, more);
        }
        operators
    }

    /// Writes the operator's `synchronizer.toml`, in which the administration of its own nodes alone is named.
    fn describe(&self, own: &Operator, more: &str) {
        let (mut sequencers, mut mediators) = (String::new(), String::new());
        for operator in &self.all {
            let Plan { name, sequencer, mediator } = operator.plan;
            let admin = |port: u16| match name == own.plan.name {
                true => format!("admin = \"http://127.0.0.1:{port}\"\n"),
                false => String::new(),
            };
            let base = operator.base;
            if sequencer {
                sequencers += &format!(
                    "[[sequencers]]\nname = \"{name}-sequencer\"\noperator = \"{name}\"\n{}\
                     public = \"http://127.0.0.1:{base}\"\n",
                    admin(base + 1)
                );
            }
            if mediator {
                mediators +=
                    &format!("[[mediators]]\nname = \"{name}-mediator\"\noperator = \"{name}\"\n{}", admin(base + 6));
            }
        }
        let text = format!("name = \"apart\"\n{more}\n{sequencers}{mediators}");
        fs::write(own.dir.join("synchronizer.toml"), text).expect("written");
    }

    /// Files of all but this one that are there.
    fn files_of_others(&self, index: usize) -> Vec<PathBuf> {
        let others = self.all.iter().enumerate().filter(|(other, _)| *other != index);
        others.map(|(_, other)| other.file()).filter(|file| file.exists()).collect()
    }

    /// Members register, send, receive, and have a transaction approved.
    fn probe(&self) {
        let base = self.all[0].base;
        let probed = synod(&["probe", &format!("http://127.0.0.1:{base}"), "--json"]);
        let found: serde_json::Value = serde_json::from_slice(&probed.stdout).expect("JSON");
        assert_eq!(found["ok"], true, "{found}");
        assert!(found["approved_in_ms"].is_u64(), "{found}");
    }

    fn stop(self) {
        for node in self.all.into_iter().flat_map(|operator| operator.nodes) {
            assert_eq!(node.terminate(STOP_LIMIT), Some(0));
        }
    }
}

fn assert_waits(run: &Run, text: &str) {
    assert!(run.out.contains(text), "`{text}` is missing in:\n{}", run.out);
}

#[test]
fn two_operators_found_a_synchronizer_in_turns() {
    let plans = [plan("alice", true, false), plan("bob", false, true)];
    let operators = Operators::start(&plans, "owners = [\"alice-sequencer\", \"bob-mediator\"]");
    let [alice, bob] = operators.all.as_slice() else { panic!("two") };
    let (from_alice, from_bob) = ([alice.file()], [bob.file()]);

    assert_waits(&alice.expect(WAITING, &[]), "waiting for  bob: who bob-mediator is");
    let before = fs::read(alice.file()).expect("written");
    alice.expect(WAITING, &[]);
    assert_eq!(fs::read(alice.file()).expect("there"), before, "a second run without news changes nothing");
    assert_waits(&bob.expect(WAITING, &from_alice), "waiting for  alice: signature of the owners' namespace");
    let signed = alice.expect(WAITING, &from_bob);
    assert_waits(&signed, "waiting for  bob: signature of parameters, mediators and sequencers");
    assert_waits(&bob.expect(WAITING, &from_alice), "waiting for  alice: its sequencer to run");
    let founded = alice.expect(DONE, &from_bob);
    assert_waits(&founded, "pass it on   to bob");
    let id = founded.last_line();
    assert!(id.starts_with("apart::1220") && id.ends_with("::35-0"), "{id}");
    // Nothing but its sequencer was missing, and that can be seen.
    assert_eq!(bob.expect(DONE, &[]).last_line(), id);
    operators.probe();

    let kept = [alice, bob].map(|operator| fs::read(operator.file()).expect("there"));
    assert_eq!(alice.expect(DONE, &from_bob).last_line(), id, "again");
    assert_eq!(bob.expect(DONE, &from_alice).last_line(), id, "again");
    assert_eq!(alice.read_file()["agreement"], bob.read_file()["agreement"]);
    assert_eq!(alice.read_file()["genesis"], bob.read_file()["genesis"]);
    let done = [alice, bob].map(|operator| fs::read(operator.file()).expect("there"));
    alice.expect(DONE, &from_bob);
    bob.expect(DONE, &from_alice);
    assert_eq!(done, [alice, bob].map(|operator| fs::read(operator.file()).expect("there")), "nothing is new");
    assert_ne!(kept[0], done[0], "that bob's mediator runs is passed on");

    // Also without any file: the nodes know.
    for operator in [alice, bob] {
        fs::remove_file(operator.file()).expect("there");
        assert_eq!(operator.expect(DONE, &[]).last_line(), id, "without files");
    }
    operators.stop();
}

#[test]
fn three_operators_pass_one_file_around_and_one_is_late() {
    let plans = [plan("alice", true, true), plan("bob", false, true), plan("carol", false, true)];
    let more = "owners = [\"alice-sequencer\", \"bob-mediator\", \"carol-mediator\"]\nowner_threshold = 2\n\
                mediator_threshold = 2";
    let operators = Operators::start(&plans, more);
    let [alice, bob, carol] = operators.all.as_slice() else { panic!("three") };
    // Two of three are not enough to begin, whatever the threshold is: the namespace is signed by all.
    bob.expect(WAITING, &[]);
    alice.expect(WAITING, &[bob.file()]);
    for _ in 0..2 {
        assert_waits(&bob.expect(WAITING, &[alice.file()]), "waiting for  carol: who carol-mediator is");
        assert_waits(&alice.expect(WAITING, &[bob.file()]), "waiting for  carol: who carol-mediator is");
    }
    // Each passes the file on that it had from the one before, and no other one.
    let ring = [(carol, alice), (bob, carol), (alice, bob)];
    let runs = (0..12).map(|step| {
        let (to, from) = ring[step % 3];
        (to.plan.name, to.bootstrap(&[from.file()]))
    });
    let mut ids = std::collections::BTreeMap::new();
    for (name, run) in runs {
        assert!([DONE, WAITING].contains(&run.code), "{name}: {}{}", run.out, run.err);
        if run.code == DONE {
            ids.insert(name, run.last_line().to_owned());
        }
        if ids.len() == 3 {
            break;
        }
    }
    assert_eq!(ids.len(), 3, "all have ended: {ids:?}");
    assert!(ids.values().all(|id| *id == ids["alice"]), "{ids:?}");
    operators.probe();
    operators.stop();
}

/// A synchronizer of two, as far as it can be founded without trust in one another's files.
fn two_that_have_begun() -> Operators {
    let plans = [plan("alice", true, false), plan("bob", false, true)];
    let operators = Operators::start(&plans, "owners = [\"alice-sequencer\", \"bob-mediator\"]");
    operators.all[0].expect(WAITING, &[]);
    operators.all[1].expect(WAITING, &operators.files_of_others(1));
    operators
}

/// The text with the checksum that belongs to it: over the same without white space, and with an empty checksum.
fn summed(text: &str) -> String {
    let old = text.rsplit("\"checksum\": \"").next().and_then(|rest| rest.split('"').next()).expect("a checksum");
    let without = text.replace(old, "");
    let compact: String = without.lines().map(|line| line.trim_start().replacen("\": ", "\":", 1)).collect();
    let sum: String = Sha256::digest(compact.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    text.replace(old, &sum)
}

#[test]
fn files_that_cannot_be_used_are_refused_and_change_nothing() {
    let operators = two_that_have_begun();
    let [alice, bob] = operators.all.as_slice() else { panic!("two") };
    let before = fs::read(alice.file()).expect("written");
    let text = fs::read_to_string(bob.file()).expect("written");
    assert_eq!(summed(&text), text, "the checksum is the one that is written down");
    let changed = alice.dir.join("changed.json");
    let refused = |content: &str, told: &str| {
        fs::write(&changed, content).expect("written");
        let run = alice.expect(MISTAKE, std::slice::from_ref(&changed));
        assert!(run.err.contains(told) && run.err.contains("changed.json"), "`{told}` is missing in:\n{}", run.err);
        assert_eq!(fs::read(alice.file()).expect("there"), before, "nothing was done");
    };
    let file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    refused(&text.replace("\"running\": false", "\"running\": true"), "checksum is wrong");
    refused(&text[..text.len() / 2], "checksum is wrong");
    refused("some text", "is no file of");
    refused(&text.replace("\"format_version\": 1", "\"format_version\": 7"), "has format version 7");
    // With a good checksum.
    refused(
        &summed(&text.replace("\"owner_threshold\": 2", "\"owner_threshold\": 1")),
        "`owner_threshold` is 1 there, 2 here",
    );
    let (bobs, alices) =
        (file["nodes"][1]["id"].as_str().expect("an id"), file["nodes"][0]["id"].as_str().expect("an id"));
    refused(&summed(&text.replace(bobs, alices)), "says what is not true of bob-mediator");
    let signed = file["signed"][0]["transaction"].as_str().expect("signed by bob");
    // Within the signature: the fingerprint of its key follows it.
    let (head, tail) = signed.split_at(signed.len() - 140);
    let other = if tail.starts_with('A') { "B" } else { "A" };
    refused(&summed(&text.replace(signed, &format!("{head}{other}{}", &tail[1..]))), "has a wrong signature");

    // An operator does not write over the file of another one.
    let run = alice.bootstrap_to(&bob.file(), &[]);
    assert_eq!(run.code, MISTAKE, "{}{}", run.out, run.err);
    assert!(run.err.contains("is the file of bob"), "{}", run.err);
    // White space is nobody's concern, and the good file still counts.
    fs::write(&changed, text.replace('\n', "\r\n")).expect("written");
    alice.expect(WAITING, &[changed]);
    operators.stop();
}

#[test]
fn files_of_another_synchronizer_are_refused() {
    let operators = two_that_have_begun();
    let [alice, bob] = operators.all.as_slice() else { panic!("two") };
    let own = alice.dir.join("synchronizer.toml");
    let text = fs::read_to_string(&own).expect("written");
    let differs = |from: &str, to: &str, told: &str| {
        fs::write(&own, text.replace(from, to)).expect("written");
        let run = alice.bootstrap_to(&alice.dir.join("new.json"), &[bob.file()]);
        assert_eq!(run.code, MISTAKE, "{}{}", run.out, run.err);
        assert!(run.err.contains("is of another description") && run.err.contains(told), "{told}: {}", run.err);
    };
    differs("name = \"apart\"", "name = \"another\"", "`name` is \"apart\" there, \"another\" here");
    differs("owners = [\"alice-sequencer\", \"bob-mediator\"]", "owners = [\"alice-sequencer\"]", "`owners`");
    differs(
        "[[sequencers]]",
        "[parameters]\nmax_request_size = 1000000\n[[sequencers]]",
        "`parameters.max_request_size`",
    );
    // Its own file is of another one then, too.
    assert_eq!(alice.bootstrap(&[]).code, MISTAKE);

    // A node that has other keys than a file says is told of, before anything is signed.
    fs::write(&own, &text).expect("written");
    let stranger = Operators::start(&[plan("alice", true, false)], "");
    let config = fs::read_to_string(&own).expect("there");
    let moved = config.replace(&(alice.base + 1).to_string(), &(stranger.all[0].base + 1).to_string());
    fs::write(&own, moved).expect("written");
    let run = alice.bootstrap_to(&alice.dir.join("new.json"), &[bob.file()]);
    assert_ne!(run.code, DONE, "{}", run.out);
    assert!(run.err.contains("alice-sequencer says something else about itself than a file does"), "{}", run.err);
    stranger.stop();
    operators.stop();
}

#[test]
fn an_operator_is_told_what_its_description_lacks() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("synchronizer.toml");
    let text = "name = \"s\"\n[[sequencers]]\nname = \"a\"\noperator = \"alice\"\npublic = \"http://127.0.0.1:1\"\n\
                [[mediators]]\nname = \"m\"\nadmin = \"http://127.0.0.1:2\"\n";
    fs::write(&path, text).expect("written");
    let config = path.display().to_string();
    let export = dir.path().join("file.json").display().to_string();
    let run = |more: &[&str]| {
        let done = synod(&[&["bootstrap", "-c", &config], more].concat());
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, told) = run(&[]);
    assert_eq!(code, MISTAKE, "{told}");
    assert!(told.contains("`a` has no `admin`"), "{told}");
    let (code, told) = run(&["--operator", "alice", "--export", &export]);
    assert_eq!(code, MISTAKE, "{told}");
    assert!(told.contains("`a` has no `admin`") && told.contains("`m` has no `operator`"), "{told}");
    let (_, told) = run(&["--operator", "bob", "--export", &export]);
    assert!(told.contains("they are alice"), "{told}");
    for incomplete in [["--operator", "alice"].as_slice(), &["--export", &export], &["--import", &export]] {
        assert_eq!(run(incomplete).0, Some(2), "{incomplete:?}");
    }
    assert!(!Path::new(&export).exists());
}

#[test]
fn a_consortium_is_founded_by_operators_apart() {
    let (dir, base) = (tempfile::tempdir().expect("a directory"), next_port_base());
    let plans = [plan("alice", true, true), plan("bob", true, true)];
    let mut entries = String::new();
    for (index, plan) in (0..).zip(plans) {
        let home = dir.path().join(plan.name).join("cometbft").display().to_string();
        let address = format!("127.0.0.1:{}", base + index * 100 + 4);
        let made = synod(&["init", "operator", "--home", &home, "--name", plan.name, "--p2p-address", &address]);
        assert!(made.status.success(), "{made:?}");
        entries += &String::from_utf8_lossy(&made.stdout);
    }
    fs::write(dir.path().join("operators.toml"), entries).expect("written");
    let operators = Operators::start_in(dir, base, &plans, "");
    let mut ids = Vec::new();
    for _ in 0..6 {
        let runs = (0..2).map(|index| operators.all[index].bootstrap(&operators.files_of_others(index)));
        let runs: Vec<_> = runs.collect();
        for run in &runs {
            assert!([DONE, WAITING].contains(&run.code), "{}{}", run.out, run.err);
        }
        if runs.iter().all(|run| run.code == DONE) {
            ids = runs.iter().map(|run| run.last_line().to_owned()).collect();
            break;
        }
    }
    assert_eq!(ids.len(), 2, "both have ended");
    assert_eq!(ids[0], ids[1]);
    operators.probe();
    operators.stop();
}
