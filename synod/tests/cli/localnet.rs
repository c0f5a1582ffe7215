//! A network on one machine, and the commands that look at it.

use std::net::TcpListener;
use std::time::Duration;

use synod_testkit::postgres::TestServer;

use crate::support::{Localnet, next_port_base, synod, wait};

/// A whole network is there within this time, also on a busy machine.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// A signal ends the process within this time.
const STOP_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_network_is_founded_tested_and_stopped() {
    let mut net = Localnet::start(&[]);
    let ready = net.wait_until_ready(READY_LIMIT);
    assert!(ready["synchronizer_id"].as_str().is_some_and(|id| id.ends_with("::35-0")), "{ready}");
    assert!(ready["self_test_ms"].as_u64().is_some(), "{ready}");
    assert_eq!(ready["mediators"].as_array().map(Vec::len), Some(1));
    assert_eq!(ready["mediators"][0].as_object().map(serde_json::Map::len), Some(1), "{ready}");
    assert_told_how_to_connect(&net, &ready);
    assert_no_member_of_the_test_holds_up_pruning(&ready);
    let public = ready["sequencers"][0]["public"].as_str().expect("an address").to_owned();
    let probe = synod(&["probe", &format!("http://{public}"), "--json"]);
    assert!(probe.status.success(), "{probe:?}");
    let found: serde_json::Value = serde_json::from_slice(&probe.stdout).expect("JSON");
    assert_eq!(found["ok"], true, "{found}");
    assert_eq!(found["synchronizer_id"], ready["synchronizer_id"]);
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
}

/// What is to be copied is printed, is in the file for scripts too, and names the addresses.
fn assert_told_how_to_connect(net: &Localnet, ready: &serde_json::Value) {
    let address = |node: &serde_json::Value, key: &str| node[key].as_str().expect("an address").to_owned();
    let (sequencer, mediator) = (&ready["sequencers"][0], &ready["mediators"][0]);
    let public = address(sequencer, "public");
    let line = format!("participant1.synchronizers.connect(\"localnet\", \"http://{public}\")");
    assert_eq!(ready["connect"]["console"].as_str(), Some(line.as_str()));
    let helm = format!("alias: localnet\n    sequencerConnection: http://{public}\n");
    assert!(ready["connect"]["helm"].as_str().is_some_and(|text| text.ends_with(&helm)), "{ready}");
    let remote = ready["connect"]["remote"].as_str().expect("a text");
    for address in [public, address(sequencer, "admin"), address(mediator, "admin")] {
        let (host, port) = address.rsplit_once(':').expect("a port");
        assert!(remote.contains(&format!("{{ address = \"{host}\", port = {port} }}")), "{remote}");
    }
    let printed = wait(READY_LIMIT, || Some(net.log()).filter(|log| log.contains(&helm))).expect("it is printed");
    assert!(printed.contains(&line) && printed.contains(remote), "{printed}");
}

/// The members of the self-test will never acknowledge anything.
fn assert_no_member_of_the_test_holds_up_pruning(ready: &serde_json::Value) {
    let admin = ready["sequencers"][0]["admin"].as_str().expect("an address");
    let status = synod(&["prune", "status", "--admin", &format!("http://{admin}"), "--json"]);
    assert!(status.status.success(), "{status:?}");
    let told: serde_json::Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let members = told["nodes"][0]["members"].as_array().expect("a list");
    let is_participant =
        |member: &serde_json::Value| member["member"].as_str().is_some_and(|id| id.starts_with("PAR::"));
    let (participants, others): (Vec<_>, Vec<_>) = members.iter().partition(|member| is_participant(member));
    assert_eq!((participants.len(), others.len()), (2, 2), "{told}");
    assert!(participants.iter().all(|member| member["enabled"] == false), "{told}");
    assert!(others.iter().all(|member| member["enabled"] == true), "{told}");
}

#[test]
fn a_killed_network_resumes_as_the_same_synchronizer() {
    let mut net = Localnet::start(&[]);
    let before = net.wait_until_ready(READY_LIMIT);
    net.kill();
    net.restart();
    let after = net.wait_until_ready(READY_LIMIT);
    assert_eq!(before["synchronizer_id"], after["synchronizer_id"]);
    assert_eq!(before["sequencers"], after["sequencers"]);
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
}

#[test]
fn a_network_on_postgresql_resumes_as_the_same_synchronizer() {
    let server = TestServer::start().unwrap_or_else(|error| panic!("PostgreSQL does not start: {error}"));
    let url = server.create_database("localnet").expect("a database");
    let mut net = Localnet::start(&["--database-url", &url]);
    let before = net.wait_until_ready(READY_LIMIT);
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
    net.restart();
    let after = net.wait_until_ready(READY_LIMIT);
    assert_eq!(before["synchronizer_id"], after["synchronizer_id"]);
    let blocks = server.sql("localnet", "SELECT count(*) > 0 FROM blocks").expect("the node's table");
    assert_eq!(blocks.trim(), "t", "the state is there");
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
}

#[test]
fn a_taken_port_is_named() {
    let base = next_port_base();
    let _taken = TcpListener::bind(("127.0.0.1", base)).expect("free a moment ago");
    let dir = tempfile::tempdir().expect("a directory");
    let output = synod(&["localnet", "--dir", &dir.path().display().to_string(), "--port-base", &base.to_string()]);
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains(&base.to_string()), "{text}");
}

#[test]
fn a_probe_of_nothing_fails_with_a_reason() {
    let base = next_port_base();
    let output = synod(&["probe", &format!("http://127.0.0.1:{base}"), "--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["ok"], false);
    assert!(found["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{found}");
}

#[test]
fn all_mistakes_of_a_configuration_are_shown_at_once() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "nmae = 'x'\n[public_api]\nport = 70000\n").expect("written");
    let output = synod(&["sequencer", "-c", &file.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("nmae") && text.contains("public_api.port"), "{text}");
}

#[test]
fn a_short_load_loses_nothing() {
    let mut net = Localnet::start(&[]);
    let ready = net.wait_until_ready(READY_LIMIT);
    let public = ready["sequencers"][0]["public"].as_str().expect("an address").to_owned();
    let url = format!("http://{public}");
    let output = synod(&["bench", &url, "--json", "--payload", "mix", "--members", "3", "--seconds", "2"]);
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(report["accepted"].as_u64().is_some_and(|accepted| accepted > 0), "{report}");
    assert_eq!(report["lost"], 0, "{report}");
    assert_eq!(report["duplicated"], 0, "{report}");
    assert_eq!(report["accepted"], report["delivered"], "{report}");
    assert_eq!(net.terminate(STOP_LIMIT), Some(0));
}
