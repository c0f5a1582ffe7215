//! `genesis.json`: the same bytes at every operator.

use serde_json::{Value, json};

use crate::Network;
use crate::keys::{address, public_key};

/// Time of the first block. Fixed, so that nobody has to agree on it; the second block has the time of the votes.
const GENESIS_TIME: &str = "2026-01-01T00:00:00Z";
/// Largest block in bytes: above the largest request (10 MiB) with its frame.
const MAX_BLOCK_BYTES: u64 = 21 * 1024 * 1024;
/// Names of chains: this, then so many hexadecimal digits.
const PREFIX: &str = "synod-";
const DIGITS: usize = 32;
/// How long evidence of a double vote counts.
const MAX_EVIDENCE_AGE_NANOS: u64 = 48 * 3_600 * 1_000_000_000;

/// Name of a chain, made from what it orders: two consortia never share one, and a node with another genesis cannot
/// join by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainId(String);

impl ChainId {
    /// The chain of this network and genesis state (the bytes that initialized the sequencers).
    #[must_use]
    pub fn derive(network: &Network, genesis_state: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("synod 2026-11 CometBFT chain id");
        for operator in &network.operators {
            let fields = [&operator.name, &operator.node_id, &operator.validator_key, &operator.power.to_string()];
            for field in fields {
                hasher.update(&(field.len() as u64).to_be_bytes());
                hasher.update(field.as_bytes());
            }
        }
        hasher.update(genesis_state);
        Self(format!("{PREFIX}{}", &hasher.finalize().to_hex()[..DIGITS]))
    }

    /// A name that [`Self::derive`] gave; `None` when it is of another form.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        let is_ours = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_ours.then(|| Self(text.to_owned()))
    }

    /// The text, 38 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `genesis.json` of the chain. The network has to be checked before. `app_hash` is that of the genesis state.
#[must_use]
pub fn genesis_json(network: &Network, chain_id: &ChainId, app_hash: &[u8]) -> String {
    let validators: Vec<Value> = network
        .operators
        .iter()
        .map(|operator| {
            // A checked network has hexadecimal keys.
            let key = hex::decode(&operator.validator_key).unwrap_or_default();
            json!({
                "address": hex::encode_upper(address(&key)),
                "pub_key": public_key(&key),
                "power": operator.power.to_string(),
                "name": operator.name,
            })
        })
        .collect();
    let genesis = json!({
        "genesis_time": GENESIS_TIME,
        "chain_id": chain_id.as_str(),
        "initial_height": "1",
        "consensus_params": {
            "block": { "max_bytes": MAX_BLOCK_BYTES.to_string(), "max_gas": "-1" },
            "evidence": {
                "max_age_num_blocks": "200000",
                "max_age_duration": MAX_EVIDENCE_AGE_NANOS.to_string(),
                "max_bytes": "1048576",
            },
            "validator": { "pub_key_types": ["ed25519"] },
            "version": { "app": "1" },
            "abci": { "vote_extensions_enable_height": "0" },
        },
        "validators": validators,
        "app_hash": hex::encode_upper(app_hash),
    });
    format!("{genesis:#}\n")
}
