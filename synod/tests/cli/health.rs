//! What probes of containers and of service managers ask.

use std::time::Duration;

use crate::support::{Process, next_port_base, synod, wait};

#[test]
fn a_node_that_waits_for_its_synchronizer_is_healthy_and_a_killed_one_is_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let (base, config) = (next_port_base(), dir.path().join("sequencer.toml"));
    let text = format!(
        "[storage]\nurl = \"sqlite://{}\"\n[public_api]\nport = {base}\n[admin_api]\nport = {}\n\
         [monitoring]\ngrpc_health_port = {}\nhttp_health_port = 0\nmetrics_port = 0\n",
        dir.path().join("sequencer.db").display(),
        base + 1,
        base + 2,
    );
    std::fs::write(&config, text).expect("written");
    let url = format!("http://127.0.0.1:{}", base + 2);
    let ask = |service: &str| {
        let asked = synod(&["health", &url, "--service", service, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&asked.stdout).expect("JSON");
        assert_eq!(told["ok"] == true, asked.status.success(), "{told}");
        (asked.status.code(), told["status"].as_str().unwrap_or_default().to_owned())
    };
    let mut node =
        Process::start(&["sequencer", "-c", &config.display().to_string()], &dir.path().join("sequencer.log"));
    let healthy = wait(Duration::from_secs(30), || {
        node.assert_runs();
        (ask("").0 == Some(0)).then_some(())
    });
    healthy.expect("healthy");
    for service in ["sequencer", "liveness"] {
        assert_eq!(ask(service), (Some(0), "SERVING".to_owned()), "{service}");
    }
    assert_eq!(ask("mediator").0, Some(1), "it is none");
    node.kill();
    assert_eq!(ask("").0, Some(1));
}
