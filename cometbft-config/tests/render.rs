//! The files that operators get.

use synod_cometbft_config::{
    ChainId, Home, HomeFault, InvalidNetwork, LocalSettings, Network, NetworkFileError, Operator, OperatorKeys,
    genesis_json,
};

const VOTES: &str = "data/priv_validator_state.json";

fn network(keys: &[OperatorKeys]) -> Network {
    let operators = keys
        .iter()
        .enumerate()
        .map(|(index, keys)| Operator {
            name: format!("operator-{index}"),
            p2p_address: format!("127.0.0.1:{}", 26_656 + index),
            node_id: keys.node_id(),
            validator_key: keys.validator_key(),
            power: 1,
        })
        .collect();
    Network { operators }
}

fn four_keys() -> Vec<OperatorKeys> {
    (0..4).map(|_| OperatorKeys::generate().expect("random numbers")).collect()
}

#[test]
fn every_operator_derives_the_same_genesis() {
    let network = network(&four_keys());
    let again = Network::from_toml(&network.to_toml().expect("plain data")).expect("what we wrote");
    let chain = ChainId::derive(&network, b"genesis");
    assert_eq!(
        genesis_json(&network, &chain, &[1; 32]),
        genesis_json(&again, &ChainId::derive(&again, b"genesis"), &[1; 32])
    );
    assert_ne!(chain, ChainId::derive(&network, b"another genesis"));
    assert!(chain.as_str().len() <= 50, "CometBFT refuses longer names");
}

#[test]
fn keys_are_made_once_and_votes_are_kept() {
    let folder = tempfile::tempdir().expect("a directory");
    let home = Home::at(folder.path());
    assert!(home.keys().expect("nothing to read").is_none());
    let made = home.make_keys().expect("made");
    std::fs::write(home.path().join(VOTES), r#"{"height":"7"}"#).expect("written");
    let again = home.make_keys().expect("there");
    assert_eq!((made.node_id(), made.validator_key()), (again.node_id(), again.validator_key()));
    assert_eq!(std::fs::read_to_string(home.path().join(VOTES)).expect("there"), r#"{"height":"7"}"#);
    // Interrupted before the last file: the validator stays, with its votes.
    std::fs::remove_file(home.path().join("config/node_key.json")).expect("there");
    let resumed = home.make_keys().expect("made");
    assert_eq!(resumed.validator_key(), made.validator_key());
    assert_ne!(resumed.node_id(), made.node_id());
    assert_eq!(std::fs::read_to_string(home.path().join(VOTES)).expect("there"), r#"{"height":"7"}"#);
}

#[test]
fn a_broken_key_is_refused_and_kept() {
    let folder = tempfile::tempdir().expect("a directory");
    let home = Home::at(folder.path());
    home.make_keys().expect("made");
    let key = home.path().join("config/priv_validator_key.json");
    std::fs::write(&key, "{}").expect("written");
    assert!(matches!(home.keys(), Err(HomeFault::Keys { .. })));
    assert!(matches!(home.make_keys(), Err(HomeFault::Keys { .. })));
    assert_eq!(std::fs::read_to_string(&key).expect("there"), "{}");
}

#[test]
fn a_home_knows_its_chain() {
    let folder = tempfile::tempdir().expect("a directory");
    let home = Home::at(folder.path());
    assert_eq!(home.chain_id().expect("nothing to read"), None);
    let network = network(&four_keys());
    let chain = ChainId::derive(&network, b"genesis");
    home.write_genesis(&genesis_json(&network, &chain, &[1; 32])).expect("written");
    assert_eq!(home.chain_id().expect("ours"), Some(chain));
    home.write_genesis(r#"{"chain_id":"another"}"#).expect("written");
    assert!(matches!(home.chain_id(), Err(HomeFault::Genesis { .. })));
}

#[test]
fn the_configuration_is_written_anew() {
    let keys = four_keys();
    let mut network = network(&keys);
    let folder = tempfile::tempdir().expect("a directory");
    let home = Home::at(folder.path());
    let settings = |rpc_port| LocalSettings {
        index: 2,
        app_socket: home.path().join("app.sock"),
        rpc_port,
        p2p_listen: "127.0.0.1:26658".to_owned(),
        metrics_port: None,
    };
    let written = |network: &Network, rpc_port| -> toml::Table {
        home.write_config(network, &settings(rpc_port)).expect("written");
        std::fs::read_to_string(home.path().join("config/config.toml")).expect("there").parse().expect("TOML")
    };
    written(&network, 26_657);
    let config = written(&network, 30_000);
    assert_eq!(config["rpc"]["laddr"].as_str(), Some("tcp://127.0.0.1:30000"));
    let peers = config["p2p"]["persistent_peers"].as_str().expect("a text");
    assert_eq!(peers.split(',').count(), 3);
    assert!(!peers.contains(&keys[2].node_id()), "nobody dials itself");
    assert_eq!(config["p2p"]["allow_duplicate_ip"].as_bool(), Some(true));
    for (index, operator) in network.operators.iter_mut().enumerate() {
        operator.p2p_address = format!("operator-{index}:26656");
    }
    assert_eq!(written(&network, 30_000)["p2p"]["allow_duplicate_ip"].as_bool(), Some(false));
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mut network = network(&four_keys());
    network.operators[1].name = network.operators[0].name.clone();
    network.operators[2].power = 0;
    network.operators[3].p2p_address = "nowhere".to_owned();
    let mistakes = network.check().expect_err("three mistakes");
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    let read = Network::from_toml(&network.to_toml().expect("plain data")).expect_err("three mistakes");
    assert!(matches!(&read, NetworkFileError::Invalid(found) if *found == mistakes), "{read:?}");
    assert!(matches!(Network::from_toml("operator = 1"), Err(NetworkFileError::Form(_))));
    assert_eq!(Network { operators: Vec::new() }.check(), Err(vec![InvalidNetwork::OperatorCount(0)]));
}
