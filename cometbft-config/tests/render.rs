//! The files that operators get.

use synod_cometbft_config::{
    ChainId, InvalidNetwork, LocalSettings, Network, Operator, OperatorKeys, genesis_json, write_home,
};

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
    let again: Network = toml::from_str(&toml::to_string(&network).expect("plain data")).expect("what we wrote");
    let chain = ChainId::derive(&network, b"genesis");
    assert_eq!(
        genesis_json(&network, &chain, &[1; 32]),
        genesis_json(&again, &ChainId::derive(&again, b"genesis"), &[1; 32])
    );
    assert_ne!(chain, ChainId::derive(&network, b"another genesis"));
    assert!(chain.as_str().len() <= 50, "CometBFT refuses longer names");
}

#[test]
fn a_second_writing_keeps_keys_and_votes() {
    let keys = four_keys();
    let network = network(&keys);
    let chain = ChainId::derive(&network, b"genesis");
    let genesis = genesis_json(&network, &chain, &[]);
    let home = tempfile::tempdir().expect("a directory");
    let settings = |rpc_port| LocalSettings {
        index: 2,
        app_socket: home.path().join("app.sock"),
        rpc_port,
        p2p_listen: "127.0.0.1:26658".to_owned(),
        metrics_port: None,
        same_host: true,
    };
    write_home(home.path(), &network, &settings(26_657), &keys[2], &genesis).expect("written");
    let read = |file: &str| std::fs::read_to_string(home.path().join(file)).expect(file);
    let key = read("config/priv_validator_key.json");
    std::fs::write(home.path().join("data/priv_validator_state.json"), r#"{"height":"7"}"#).expect("written");
    write_home(home.path(), &network, &settings(30_000), &keys[3], &genesis).expect("written");
    assert_eq!(read("config/priv_validator_key.json"), key);
    assert_eq!(read("data/priv_validator_state.json"), r#"{"height":"7"}"#);
    let config: toml::Table = read("config/config.toml").parse().expect("TOML");
    assert_eq!(config["rpc"]["laddr"].as_str(), Some("tcp://127.0.0.1:30000"));
    let peers = config["p2p"]["persistent_peers"].as_str().expect("a text");
    assert_eq!(peers.split(',').count(), 3);
    assert!(!peers.contains(&keys[2].node_id()), "nobody dials itself");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let mut network = network(&four_keys());
    network.operators[1].name = network.operators[0].name.clone();
    network.operators[2].power = 0;
    network.operators[3].p2p_address = "nowhere".to_owned();
    let mistakes = network.check().expect_err("three mistakes");
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
    assert_eq!(Network { operators: Vec::new() }.check(), Err(vec![InvalidNetwork::OperatorCount(0)]));
}
