//! The commands of daily operation, against one running synchronizer with two owners: each for people and for scripts, and
//! with what they refuse.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use synod_proto::topology::admin::v30::CreateTemporaryTopologyStoreRequest;
use synod_rpc::topology::admin::v30::topology_manager_write_service_client::TopologyManagerWriteServiceClient;

use crate::bootstrap::Nodes;
use crate::support::synod;

/// What a command ended with.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Ran {
    let output = synod(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

impl Ran {
    /// What it printed, which has to be all that there was to do.
    fn done(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// What it printed for scripts.
    fn json(self) -> Value {
        let out = self.done();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
    }

    /// What it printed; others have to sign.
    fn waiting(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(75), ""), "{}", self.out);
        self.out
    }

    /// Ends with this code, tells this on standard error, and nothing on standard output.
    #[track_caller]
    fn refused(self, code: i32, told: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (Some(code), ""), "{}", self.err);
        for part in told {
            assert!(self.err.contains(part), "`{part}` is missing in {}", self.err);
        }
    }
}

/// A running synchronizer that its sequencer `first` and its mediator `m0` own together.
struct Net {
    nodes: Nodes,
    config: String,
    dir: PathBuf,
}

impl Net {
    fn start() -> Self {
        let nodes = Nodes::start_with(1, "[features]\nenable_preview_commands = true");
        let description = nodes.describe("owners = [\"first\", \"m0\"]\nowner_threshold = 2");
        nodes.bootstrap(&description);
        let dir = description.parent().expect("a folder").to_owned();
        Self { nodes, config: description.display().to_string(), dir }
    }

    /// For all nodes of the file.
    fn all(&self, arguments: &[&str]) -> Ran {
        run(&[arguments, &["-c", &self.config]].concat())
    }

    /// For one node of the file.
    fn at(&self, node: &str, arguments: &[&str]) -> Ran {
        run(&[arguments, &["-c", &self.config, "--node", node]].concat())
    }

    fn file(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let file = self.file(name);
        fs::write(&file, content).expect("written");
        file
    }

    fn admin(&self, port: u16) -> String {
        format!("http://127.0.0.1:{port}")
    }

    /// Transactions of a kind, as JSON.
    fn listed(&self, code: &str) -> Vec<Value> {
        let listed = self.all(&["topology", "list", "--kind", code, "--json"]).json();
        listed["transactions"].as_array().expect("a list").clone()
    }

    /// The member that a node is.
    fn member(&self, kind: &str, node: usize) -> String {
        let status = self.all(&["status", "--json"]).json();
        format!("{kind}::{}", status["nodes"][node]["id"].as_str().expect("an id"))
    }
}

#[test]
fn an_operator_keeps_a_synchronizer_in_shape() {
    let net = Net::start();
    topology_is_listed(&net);
    nodes_that_are_not_there_are_named(&net);
    parameters_are_told_and_changed(&net);
    what_one_owner_proposes_another_signs(&net);
    changes_are_proposed_from_files(&net);
    participants_get_permissions(&net);
    topology_goes_through_files(&net);
    keys_are_made_told_and_passed_on(&net);
    keys_are_rotated(&net);
    traffic_is_told_and_bought(&net);
    nodes_forget_what_is_old(&net);
    let probed = run(&["probe", &net.admin(net.nodes.base), "--json"]);
    assert_eq!(probed.json()["ok"], true);
    net.nodes.stop();
}

fn topology_is_listed(net: &Net) {
    let table = net.all(&["topology", "list"]).done();
    let mut lines = table.lines();
    let headings: Vec<_> = lines.next().expect("headings").split_whitespace().collect();
    assert_eq!(headings[..4], ["HASH", "CODE", "SERIAL", "OPERATION"], "{table}");
    assert!(lines.clone().all(|line| line.starts_with("1220")), "{table}");
    assert!(
        lines.any(|line| line.contains(" mds ") && line.contains("group 0") && line.contains("1 of MED::")),
        "{table}"
    );
    let listed = net.all(&["topology", "list", "--json"]).json();
    assert_eq!((&listed["node"], &listed["store"]), (&json!("first"), &json!("synchronizer")));
    let codes: Vec<_> =
        listed["transactions"].as_array().expect("a list").iter().map(|one| one["code"].clone()).collect();
    for code in ["nsd", "otk", "dnd", "dop", "mds", "sds"] {
        assert!(codes.contains(&json!(code)), "{code} is missing in {codes:?}");
    }
    let [parameters] = net.listed("dop").try_into().expect("one");
    assert_eq!(parameters["proposal"], false);
    assert_eq!(
        parameters["mapping"]["synchronizer_parameters_state"]["synchronizer_parameters"]["max_request_size"],
        10_485_760
    );
    assert_eq!(parameters["signed_by"].as_array().map(Vec::len), Some(2));
    let own = net.at("m0", &["topology", "list", "--store", "authorized", "--kind", "otk", "--json"]).json();
    assert!(own["transactions"][0]["subject"].as_str().expect("a text").starts_with("MED::mediator0::"), "{own}");
    let wide = net.all(&["topology", "list", "--kind", "dop", "--wide"]).done();
    assert!(wide.contains(parameters["hash"].as_str().expect("a hash")), "{wide}");
    let before = net.all(&["topology", "list", "--at", "2020-01-01T00:00:00Z", "--kind", "dop", "--json"]).json();
    assert_eq!(before["transactions"].as_array().map(Vec::len), Some(1), "it began with these");
    assert_eq!(net.all(&["topology", "list", "--proposals"]).done().lines().count(), 1);
    net.all(&["topology", "list", "--store", "authorized"]).refused(2, &["first, m0", "--node"]);
    net.all(&["topology", "list", "--kind", "xyz"]).refused(2, &["xyz", "nsd, dnd"]);
    net.all(&["topology", "list", "--at", "today"]).refused(2, &["today"]);
    net.all(&["topology", "list", "--store", "mine"]).refused(2, &["temporary:NAME"]);
    net.at("first", &["topology", "list", "--store", "temporary:mine"])
        .refused(1, &["first has no store `temporary:mine`", "authorized, synchronizer"]);
}

fn nodes_that_are_not_there_are_named(net: &Net) {
    run(&["topology", "list", "--admin", "http://127.0.0.1:1"])
        .refused(69, &["127.0.0.1:1 at http://127.0.0.1:1", "help: "]);
    run(&["keys", "list", "--admin", "127.0.0.1:1"]).refused(2, &["no address"]);
    net.at("nobody", &["keys", "list"]).refused(2, &["`nobody`", "first, m0"]);
    run(&["parameters", "get", "-c", "/nowhere/synchronizer.toml"]).refused(78, &["/nowhere/synchronizer.toml"]);
    run(&["prune", "status", "--node", "first"]).refused(2, &["--config"]);
}

fn parameters_are_told_and_changed(net: &Net) {
    let told = net.all(&["parameters", "get"]).done();
    assert!(told.lines().any(|line| line.split_whitespace().eq(["max_request_size", "10485760"])), "{told}");
    assert!(told.lines().any(|line| line.split_whitespace().eq(["traffic_control", "off"])), "{told}");
    let set = ["parameters", "set", "max_request_size=9000000", "acs_commitments_catch_up=off"];
    let done = net.all(&set).done();
    assert!(done.starts_with("in force: dop with serial 2 "), "{done}");
    let again = net.all(&[set.as_slice(), &["--json"]].concat()).json();
    assert_eq!((&again["state"], &again["serial"]), (&json!("unchanged"), &json!(2)));
    let told = net.all(&["parameters", "get", "--json"]).json();
    assert_eq!((&told["max_request_size"], &told["acs_commitments_catch_up"]), (&json!(9_000_000), &Value::Null));
    let one = net.at("m0", &["parameters", "get", "onboarding_restriction", "--json"]).json();
    assert_eq!(one, json!({ "onboarding_restriction": "unrestricted-open" }));
    net.all(&["parameters", "get", "colour"]).refused(2, &["`colour`", "max_request_size"]);
    net.all(&["parameters", "set", "colour=red"]).refused(2, &["colour", "max_request_size"]);
    net.all(&["parameters", "set", "max_request_size"]).refused(2, &["NAME=VALUE"]);
    net.all(&["parameters", "set", "reconciliation_interval_ms=1"]).refused(2, &["reconciliation_interval"]);
    net.all(&["parameters", "set", "preparation_time_record_time_tolerance_ms=86400001"])
        .refused(2, &["deduplication"]);
}

fn what_one_owner_proposes_another_signs(net: &Net) {
    let proposed = net.at("first", &["parameters", "set", "max_request_size=9000001", "--json"]).waiting();
    let proposed: Value = serde_json::from_str(&proposed).expect("JSON");
    assert_eq!((&proposed["state"], &proposed["serial"]), (&json!("proposed"), &json!(3)), "{proposed}");
    let again = net.at("first", &["parameters", "set", "max_request_size=9000001"]).waiting();
    assert!(
        again.starts_with("proposed: dop with serial 3") && again.contains("synod topology authorize 1220"),
        "{again}"
    );
    let late = ["parameters", "set", "max_request_size=9000001", "--wait", "--timeout", "1"];
    net.at("first", &late).refused(1, &["is not in force after 1 s", "synod topology authorize"]);
    let listed = net.at("m0", &["topology", "list", "--proposals"]).done();
    let hash = proposed["hash"].as_str().expect("a hash");
    let short = &hash[..12];
    assert!(listed.contains(short), "{listed}");
    let signed = net.at("m0", &["topology", "authorize", short, "--wait", "--json"]).json();
    assert_eq!(signed["state"], "in_force", "{signed}");
    let told = net.all(&["parameters", "get", "max_request_size", "--json"]).json();
    assert_eq!(told, json!({ "max_request_size": 9_000_001 }));
    let again = net.at("m0", &["topology", "authorize", hash]).done();
    assert!(again.starts_with("unchanged: dop with serial 3"), "{again}");
    net.all(&["topology", "authorize", "1220ffffffffffff"]).refused(1, &["1220ffffffffffff", "--proposals"]);
    net.all(&["topology", "authorize", "nothing"]).refused(2, &["no hash"]);
}

fn changes_are_proposed_from_files(net: &Net) {
    let [mut parameters] = net.listed("dop").try_into().expect("one");
    let same = net.write("same.json", json!({ "transactions": [parameters] }).to_string());
    let unchanged = net.all(&["topology", "propose", &same, "--json"]).json();
    assert_eq!(unchanged["state"], "unchanged");
    parameters["mapping"]["synchronizer_parameters_state"]["synchronizer_parameters"]["max_request_size"] =
        json!(9_000_002);
    let stale = net.write("stale.json", parameters.to_string());
    net.all(&["topology", "propose", &stale]).refused(1, &["TOPOLOGY_SERIAL_MISMATCH", "help: without a serial"]);
    let next = net.write("next.json", json!({ "mapping": parameters["mapping"] }).to_string());
    let done = net.all(&["topology", "propose", &next, "--wait"]).done();
    assert!(done.starts_with("in force: dop with serial 4"), "{done}");
    let malformed = net.write("malformed.json", "{\"mapping\": ");
    net.all(&["topology", "propose", &malformed]).refused(2, &["malformed.json", "no JSON"]);
    let unknown = net.write("unknown.json", "{\"mapping\": {\"colour\": {}}}");
    net.all(&["topology", "propose", &unknown]).refused(2, &["unknown.json", "colour"]);
    net.all(&["topology", "propose", &net.file("none.json")]).refused(2, &["none.json", "cannot be read"]);
    net.at("first", &["topology", "propose", &next, "--store", "temporary:none"]).refused(1, &["temporary:none"]);
    let foreign = ["topology", "propose", &next, "--sign-with", &format!("1220{}", "ab".repeat(32))];
    net.all(&[foreign.as_slice(), &["--serial", "5"]].concat()).refused(1, &["refused Authorize"]);
}

fn participants_get_permissions(net: &Net) {
    let alice = format!("PAR::alice::1220{}", "ab".repeat(32));
    let set = ["permissions", "set", &alice, "--permission", "confirmation", "--login-after", "2026-01-31T12:00:00Z"];
    let done = net.all(&set).done();
    assert!(done.starts_with("in force: pdp with serial 1"), "{done}");
    assert_eq!(net.all(&[set.as_slice(), &["--json"]].concat()).json()["state"], "unchanged");
    let listed = net.all(&["permissions", "list", "--json"]).json();
    let expected = json!({ "permissions": [{
        "participant": alice,
        "permission": "confirmation",
        "confirmation_requests_max_rate": null,
        "login_after": "2026-01-31T12:00:00Z",
        "serial": 1,
    }]});
    assert_eq!(listed, expected);
    let table = net.all(&["permissions", "list"]).done();
    assert!(table.contains("PAR::alice::1220abababab… ") && table.contains(" confirmation "), "{table}");
    let removed = net.all(&["permissions", "remove", &alice, "--json"]).json();
    assert_eq!((&removed["state"], &removed["serial"]), (&json!("in_force"), &json!(2)));
    assert_eq!(net.all(&["permissions", "list", "--json"]).json(), json!({ "permissions": [] }));
    let again = net.all(&["permissions", "remove", &alice]).done();
    assert!(again.starts_with("unchanged: "), "{again}");
    net.all(&["permissions", "set", "alice", "--permission", "submission"]).refused(2, &["PAR::alice"]);
    net.all(&["permissions", "set", &alice, "--permission", "everything"]).refused(2, &["everything"]);
    let mine = net.at("first", &["permissions", "set", &alice, "--permission", "submission"]).waiting();
    assert!(mine.starts_with("proposed: pdp with serial 3"), "{mine}");
}

fn topology_goes_through_files(net: &Net) {
    let identity = net.file("m0.topology");
    let exported = net.at("m0", &["topology", "export", &identity, "--identity", "--json"]).json();
    assert_eq!(exported["transactions"], 2);
    create_store(net.nodes.base + 1, "offline");
    let store = ["--store", "temporary:offline"];
    let imported = net.at("first", &[["topology", "import", &identity].as_slice(), &store].concat()).done();
    assert_eq!(imported, "2 transactions are in the store `temporary:offline` of first\n");
    let listed = net.at("first", &[["topology", "list", "--json"].as_slice(), &store].concat()).json();
    let codes: Vec<_> =
        listed["transactions"].as_array().expect("a list").iter().map(|one| one["code"].clone()).collect();
    assert_eq!(codes, ["nsd", "otk"]);
    let all = net.file("all.topology");
    let exported = net.all(&["topology", "export", &all]).done();
    assert!(exported.contains("transactions are in"), "{exported}");
    let known = net.all(&["topology", "import", &all, "--json"]).json();
    assert_eq!(known["store"], "synchronizer", "what is known changes nothing");
    let garbage = net.write("garbage.topology", "no topology");
    net.all(&["topology", "import", &garbage]).refused(2, &["garbage.topology", "no export"]);
    let empty = net.write("empty.topology", "");
    net.all(&["topology", "import", &empty]).refused(2, &["empty"]);
    net.all(&["topology", "import", &net.file("none")]).refused(2, &["cannot be read"]);
    net.all(&["topology", "export", "/nowhere/file"]).refused(2, &["cannot be written"]);
}

#[tokio::main(flavor = "current_thread")]
async fn create_store(port: u16, name: &str) {
    let mut service =
        TopologyManagerWriteServiceClient::connect(format!("http://127.0.0.1:{port}")).await.expect("connects");
    let request = CreateTemporaryTopologyStoreRequest { name: name.to_owned(), protocol_version: 35 };
    service.create_temporary_topology_store(request).await.expect("created");
}

/// The own keys of a node with these usages.
fn keys(net: &Net, node: &str, usage: &str) -> Vec<Value> {
    let listed = net.at(node, &["keys", "list", "--json"]).json();
    let keys = listed["nodes"][0]["keys"].as_array().expect("a list").clone();
    keys.into_iter().filter(|key| key["usage"].as_array().expect("a list").contains(&json!(usage))).collect()
}

fn fingerprint(key: &Value) -> &str {
    key["fingerprint"].as_str().expect("a text")
}

fn keys_are_made_told_and_passed_on(net: &Net) {
    let table = net.all(&["keys", "list"]).done();
    let uses = "authorized nsd/1, synchronizer nsd/1";
    assert_eq!(table.lines().filter(|line| line.contains(" namespace ") && line.contains(uses)).count(), 2, "{table}");
    let generate = ["keys", "generate", "--usage", "protocol", "--name", "spare", "--spec", "ec-p256"];
    let made = net.at("first", &generate).done();
    let made = made.trim_end();
    net.all(&generate).refused(2, &["first, m0"]);
    net.at("first", &["keys", "generate"]).refused(2, &["--usage"]);
    let found: Vec<_> = keys(net, "first", "protocol").into_iter().filter(|key| fingerprint(key) == made).collect();
    let expected = json!({
        "fingerprint": made, "name": "spare", "purpose": "signing", "usage": ["protocol"], "spec": "ec-p256",
        "private": true, "used_in": [],
    });
    assert_eq!(found, [expected]);
    let public = net.file("spare.pub");
    net.at("first", &["keys", "export", made, &public]).done();
    let imported = net.at("m0", &["keys", "import", &public, "--name", "theirs", "--json"]).json();
    assert_eq!(imported["fingerprint"], made);
    let known = net.at("m0", &["keys", "list", "--all"]).done();
    assert!(
        known.lines().any(|line| line.contains(&made[..12]) && line.contains("theirs") && line.contains(" no ")),
        "{known}"
    );
    private_keys_go_through_files(net, made);
    net.at("m0", &["keys", "export", &format!("1220{}", "ab".repeat(32)), &public]).refused(1, &["m0 has no key"]);
    let garbage = net.write("garbage.pub", "no key");
    net.at("m0", &["keys", "import", &garbage]).refused(1, &["refused ImportPublicKey"]);
}

fn private_keys_go_through_files(net: &Net, key: &str) {
    let (pair, secret, other) =
        (net.file("spare.key"), net.write("secret", "pass word\n"), net.write("other", "wrong"));
    let export = ["keys", "export", key, &pair, "--private", "--password-file", &secret];
    net.at("first", &export).done();
    assert_eq!(mode(Path::new(&pair)), 0o600);
    net.at("first", &export).refused(2, &["spare.key", "exists"]);
    let import = |password: &str| {
        net.at("m0", &["keys", "import", &pair, "--private", "--password-file", password, "--name", "moved"])
    };
    import(&other).refused(1, &["refused ImportKeyPair"]);
    import(&secret).done();
    let moved: Vec<_> = keys(net, "m0", "protocol").into_iter().filter(|found| fingerprint(found) == key).collect();
    assert_eq!(moved.len(), 1);
    let refused = ["keys", "export", key, &net.file("never.key"), "--private"];
    net.at("m0", &refused).refused(1, &["only allowed when preview is enabled", "features.enable_preview_commands"]);
    net.at("m0", &["keys", "import", &pair, "--private", "--password-file", "/nowhere"]).refused(2, &["/nowhere"]);
}

fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).expect("a file").permissions().mode() & 0o777
}

/// The keys with which a node acts as a member.
fn member_keys(net: &Net, node: &str) -> Vec<String> {
    let listed = net.at(node, &["keys", "list", "--json"]).json();
    let keys = listed["nodes"][0]["keys"].as_array().expect("a list").clone();
    let is_used = |key: &Value| key["used_in"].as_array().expect("a list").iter().any(|one| one["code"] == "otk");
    keys.iter().filter(|key| is_used(key)).map(|key| fingerprint(key).to_owned()).collect()
}

fn keys_are_rotated(net: &Net) {
    let before = member_keys(net, "first");
    let rotated = net.at("first", &["keys", "rotate", "--all", "--json"]).json();
    assert_eq!(rotated["rotated"].as_array().map(Vec::len), Some(before.len()));
    let after = member_keys(net, "first");
    assert_eq!(after.len(), before.len());
    assert!(after.iter().all(|key| !before.contains(key)), "{before:?} {after:?}");
    let names = net.at("first", &["keys", "list"]).done();
    assert!(names.contains("-rotated-"), "{names}");
    let old =
        keys(net, "m0", "protocol").into_iter().find(|key| !key["used_in"].as_array().expect("a list").is_empty());
    let old = old.expect("a key of the mediator");
    let new = net.at("m0", &["keys", "generate", "--usage", "protocol"]).done();
    let done = net.at("m0", &["keys", "rotate", fingerprint(&old), "--to", new.trim_end()]).done();
    assert_eq!(done, format!("{} is replaced by {new}", fingerprint(&old)));
    assert!(member_keys(net, "m0").contains(&new.trim_end().to_owned()));
    let namespace = keys(net, "m0", "namespace").remove(0);
    net.at("m0", &["keys", "rotate", fingerprint(&namespace)])
        .refused(1, &["not act as a member", "synod topology propose"]);
    net.at("m0", &["keys", "rotate", new.trim_end(), "--to", fingerprint(&namespace)])
        .refused(1, &["is for namespace"]);
    net.at("m0", &["keys", "rotate", &before[0]]).refused(1, &["m0 has no private key", "synod keys list"]);
    net.at("m0", &["keys", "rotate"]).refused(2, &["FINGERPRINT"]);
}

fn traffic_is_told_and_bought(net: &Net) {
    let mediator = net.member("MED", 1);
    let purchase = ["traffic", "purchase", &mediator, "--total", "5000000"];
    net.all(&["parameters", "set", "traffic_control.max_base_traffic_amount=1000000"]).done();
    let bought = net.all(&purchase).done();
    assert!(bought.starts_with("in force: ") && bought.contains("5000000 bytes in total, serial 1"), "{bought}");
    let again = net.all(&[purchase.as_slice(), &["--json"]].concat()).json();
    assert_eq!((&again["state"], &again["serial"]), (&json!("unchanged"), &json!(1)));
    let state = net.all(&["traffic", "state", &mediator, "--json"]).json();
    assert_eq!(state["members"][0]["extra_traffic_purchased"], 5_000_000, "{state}");
    let table = net.all(&["traffic", "state"]).done();
    assert!(table.lines().any(|line| line.starts_with("MED::") && line.contains(" 5000000 ")), "{table}");
    assert!(net.all(&["traffic", "state", "--as-of", "last-update"]).done().contains("MED::"));
    let late = ["traffic", "purchase", &mediator, "--total", "6000000", "--serial", "1"];
    net.all(&late).refused(1, &["TRAFFIC_CONTROL_SERIAL_TOO_LOW", "help: without --serial"]);
    let stranger = format!("PAR::nobody::1220{}", "ab".repeat(32));
    net.all(&["traffic", "purchase", &stranger, "--total", "1"])
        .refused(1, &["does not know the traffic", "traffic state"]);
    net.at("m0", &["traffic", "state"]).refused(2, &["m0 is a mediator"]);
    net.all(&["parameters", "set", "traffic_control=off"]).done();
    let off = ["traffic", "purchase", &mediator, "--total", "7000000"];
    net.all(&off).refused(1, &["TRAFFIC_CONTROL_DISABLED", "turns it on"]);
}

fn nodes_forget_what_is_old(net: &Net) {
    let status = net.all(&["prune", "status", "--json"]).json();
    assert_eq!((&status["nodes"][0]["kind"], &status["nodes"][1]["kind"]), (&json!("sequencer"), &json!("mediator")));
    let members = status["nodes"][0]["members"].as_array().expect("members");
    assert!(members.iter().any(|member| member["member"] == net.member("MED", 1)), "{status}");
    let told = net.all(&["prune", "status"]).done();
    assert!(told.contains("first (sequencer) keeps events from") && told.contains("m0 (mediator)"), "{told}");
    let done = net.all(&["prune", "run", "--keep", "3650d", "--dry-run", "--json"]).json();
    assert_eq!(done["nodes"].as_array().map(Vec::len), Some(2), "{done}");
    let none = net.at("m0", &["prune", "run", "--keep", "3650d"]).done();
    assert!(none.starts_with("m0 (mediator): has no verdicts up to"), "{none}");
    let wanted = ["prune", "run", "--before", "2100-01-01T00:00:00Z"];
    net.at("first", &wanted).refused(1, &["first refused Prune", "--disable-lagging"]);
    let dry = net.at("first", &[wanted.as_slice(), &["--disable-lagging", "--dry-run"]].concat()).done();
    assert!(dry.contains("would forget events before 2100") && dry.contains("would be shut out"), "{dry}");
    let mediator = net.admin(net.nodes.mediator_port(0));
    let schedule = |arguments: &[&str]| run(&[&["prune", "schedule"], arguments, &["--admin", &mediator]].concat());
    assert!(schedule(&["get"]).done().contains("there is no schedule"));
    let set = ["set", "--cron", "0 0 3 * * ?", "--max-duration", "1h", "--retention", "30d", "--json"];
    let expected = json!({ "cron": "0 0 3 * * ?", "max_duration_s": 3_600, "retention_s": 2_592_000 });
    assert_eq!(schedule(&set).json()["nodes"][0]["schedule"], expected);
    assert_eq!(net.all(&["prune", "schedule", "get", "--json"]).json()["nodes"][0]["schedule"], expected);
    schedule(&["set", "--cron", "often", "--max-duration", "1h", "--retention", "30d"])
        .refused(1, &["refused SetSchedule"]);
    schedule(&["set", "--cron", "0 0 3 * * ?", "--max-duration", "1", "--retention", "30d"]).refused(2, &["90s"]);
    assert_eq!(schedule(&["clear", "--json"]).json()["nodes"][0]["schedule"], Value::Null);
    net.at("first", &["prune", "schedule", "get"]).refused(2, &["first is a sequencer"]);
}

#[test]
fn every_command_has_help_with_examples() {
    let commands = [
        "topology list",
        "topology propose",
        "topology authorize",
        "topology export",
        "topology import",
        "keys list",
        "keys generate",
        "keys rotate",
        "keys export",
        "keys import",
        "parameters get",
        "parameters set",
        "permissions list",
        "permissions set",
        "permissions remove",
        "traffic state",
        "traffic purchase",
        "prune status",
        "prune run",
        "prune schedule get",
        "prune schedule set",
        "prune schedule clear",
    ];
    for command in commands {
        let arguments: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = run(&arguments).done();
        for part in
            ["Examples:", &format!("synod {command}"), "--json", "--admin <URL>", "--config <FILE>", "--timeout"]
        {
            assert!(help.contains(part), "`{part}` is missing in the help of {command}:\n{help}");
        }
    }
}

#[test]
fn shells_complete_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(&["completion", shell]).done();
        for part in ["synod", "authorize", "disable-lagging"] {
            assert!(script.contains(part), "`{part}` is missing for {shell}");
        }
    }
    run(&["completion", "sh"]).refused(2, &["bash"]);
}
