use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Node {
    name: String,
    public_api: Api,
    logging: Logging,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Api {
    address: IpAddr,
    port: u16,
    tls: Option<Tls>,
    peers: Vec<String>,
    offset_ms: i64,
    ratio: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tls {
    cert_chain_file: PathBuf,
    private_key_file: SecretFile,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Logging {
    format: crate::telemetry::LogFormat,
    level: String,
}

impl Default for Node {
    fn default() -> Self {
        Self { name: "sequencer".to_owned(), public_api: Api::default(), logging: Logging::default() }
    }
}

impl Default for Api {
    fn default() -> Self {
        let address = IpAddr::from([127, 0, 0, 1]);
        Self { address, port: 5008, tls: None, peers: Vec::new(), offset_ms: 0, ratio: 0.5 }
    }
}

impl Default for Logging {
    fn default() -> Self {
        Self { format: crate::telemetry::LogFormat::Text, level: "info".to_owned() }
    }
}

impl Settings for Node {
    fn check(&self, mistakes: &mut Mistakes) {
        if self.name.is_empty() {
            mistakes.add("name", "is empty");
        }
        if self.public_api.port == 1 {
            mistakes.add("public_api.port", "is taken by the president");
        }
    }
}

fn load(toml: &str, variables: &[(&str, &str)]) -> Result<Loaded<Node>, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.toml");
    std::fs::write(&path, toml).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loaded = Sources::with_variables("SYNOD_", variables).file(&path).except(["SYNOD_CONFIG"]).load();
    let place = format!("{}/", folder.path().display());
    loaded.map_err(|errors| errors.mistakes().iter().map(|mistake| mistake.to_string().replace(&place, "")).collect())
}

fn mistakes(toml: &str, variables: &[(&str, &str)]) -> Vec<String> {
    load(toml, variables).expect_err("this has a mistake")
}

#[test]
fn nothing_given_gives_the_defaults() {
    assert_eq!(load("", &[]).unwrap().value, Node::default());
}

#[test]
fn variables_stand_above_the_file_and_the_file_above_the_defaults() {
    let toml = "name = 'one'\n[public_api]\nport = 6000\naddress = '0.0.0.0'\n[public_api.tls]\n\
                cert_chain_file = '/c.pem'\nprivate_key_file = '/k.pem'\n";
    let variables = [
        ("SYNOD_PUBLIC_API__PORT", "7000"),
        ("SYNOD_CONFIG", "x.toml"),
        ("OTHER", "1"),
        ("SYNOD_LOGGING__FORMAT", "json"),
    ];
    let node = load(toml, &variables).unwrap().value;
    assert_eq!(node.name, "one");
    assert_eq!(node.public_api.port, 7000);
    assert_eq!(node.public_api.address, IpAddr::from([0, 0, 0, 0]));
    assert_eq!(node.logging.format, crate::telemetry::LogFormat::Json);
    assert_eq!(node.public_api.tls.unwrap().private_key_file.path(), PathBuf::from("/k.pem"));
}

#[test]
fn every_value_knows_where_it_comes_from() {
    let toml = "# a comment\nname = 'one \"1\"'\n\n[public_api]\nport = 6000\npeers = ['a', 'b']\n";
    let loaded = load(toml, &[("SYNOD_PUBLIC_API__OFFSET_MS", "-3")]).unwrap();
    let shown: Vec<String> = loaded
        .entries()
        .into_iter()
        .map(|entry| {
            format!(
                "{} = {} ({})",
                entry.key,
                entry.value.unwrap_or("-".to_owned()),
                entry.origin.rsplit('/').next().unwrap()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"logging.format = "text" (default)"#,
            r#"logging.level = "info" (default)"#,
            r#"name = 'one "1"' (node.toml:2)"#,
            r#"public_api.address = "127.0.0.1" (default)"#,
            r#"public_api.offset_ms = -3 (SYNOD_PUBLIC_API__OFFSET_MS)"#,
            r#"public_api.peers = ["a", "b"] (node.toml:6)"#,
            r#"public_api.port = 6000 (node.toml:5)"#,
            r#"public_api.ratio = 0.5 (default)"#,
            r#"public_api.tls = - (default)"#,
        ]
    );
}

#[test]
fn all_mistakes_of_both_sources_are_reported_at_once() {
    let toml = "nam = 'x'\nport = 3\n[public_api]\nport = 'high'\naddress = '1.2.3'\npeers = [1]\n[public_api.tls]\n\
                cert_chain_file = '/c.pem'\n[logging]\nformat = 'jsn'\nlevel = 3\n[storage]\nurl = ''\n";
    let variables = [("SYNOD_PUBLIC_API__PORT", "70000"), ("SYNOD_LOGING__LEVEL", "info"), ("SYNOD_NAME", "")];
    let mut found = mistakes(toml, &variables);
    found.sort();
    assert_eq!(
        found,
        [
            "SYNOD_LOGING__LEVEL: `loging` is not a setting; did you mean `logging`?",
            "SYNOD_NAME: `name` is empty",
            "SYNOD_PUBLIC_API__PORT: `public_api.port` is the number 70000, not a number from 0 to 65535",
            "node.toml:10: `logging.format` has the value `jsn`, which is none of `text` and `json`; did you mean `json`?",
            "node.toml:11: `logging.level` is the number 3, not a text",
            "node.toml:12: `storage` is not a setting; there are `name`, `public_api` and `logging`",
            "node.toml:1: `nam` is not a setting; did you mean `name`?",
            "node.toml:2: `port` is not a setting; did you mean `public_api.port`?",
            "node.toml:4: `public_api.port` is the text \"high\", not a number from 0 to 65535",
            "node.toml:5: `public_api.address` is not valid: invalid IP address syntax",
            "node.toml:6: `public_api.peers.0` is the number 1, not a text",
            "node.toml:7: `public_api.tls.private_key_file` is missing",
        ]
    );
}

#[test]
fn checks_of_values_come_with_the_others() {
    let found = mistakes("name = ''\nother = 1\n[public_api]\nport = 1\n", &[]);
    assert_eq!(
        found,
        [
            "node.toml:2: `other` is not a setting; there are `name`, `public_api` and `logging`",
            "node.toml:1: `name` is empty",
            "node.toml:4: `public_api.port` is taken by the president",
        ]
    );
}

#[test]
fn text_that_is_not_toml_is_reported_with_its_line() {
    let found = mistakes("name = ''\nport 3\n[public_api]\nport = \n", &[("SYNOD_PUBLIC_API__PORT", "1")]);
    assert!(found[0].starts_with("node.toml:2: is not TOML: "), "{found:?}");
    assert_eq!(found.last().unwrap(), "SYNOD_PUBLIC_API__PORT: `public_api.port` is taken by the president");
    assert!(!found.iter().any(|mistake| mistake.contains("`name`")), "{found:?}");
    assert_eq!(mistakes("name = 2020-01-01\n", &[]), ["node.toml:1: `name` is a date; there are no dates in settings"]);
    assert_eq!(mistakes("[public_api]\noffset_ms = 99999999999999999999\n", &[]).len(), 1);
}

#[test]
fn a_variable_that_looks_like_a_number_can_be_a_text() {
    assert_eq!(load("", &[("SYNOD_NAME", "123")]).unwrap().value.name, "123");
    assert_eq!(load("", &[("SYNOD_NAME", "true")]).unwrap().value.name, "true");
    assert_eq!(load("", &[("SYNOD_NAME", "'quoted'")]).unwrap().value.name, "quoted");
    assert_eq!(load("", &[("SYNOD_PUBLIC_API__PEERS", "[\"a\"]")]).unwrap().value.public_api.peers, ["a"]);
}

#[test]
fn variables_that_contradict_each_other_are_a_mistake() {
    let found = mistakes("", &[("SYNOD_NAME", "x"), ("SYNOD_NAME__FIRST", "y"), ("SYNOD_", "z"), ("SYNOD___A", "z")]);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.iter().all(|mistake| mistake.contains("names no key")));
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake() {
    let errors = Sources::with_variables("SYNOD_", []).file("/nowhere/node.toml").load::<Node>().unwrap_err();
    assert_eq!(
        errors.to_string(),
        "a mistake in the configuration: /nowhere/node.toml: cannot be read: No such file or directory (os error 2)"
    );
}
