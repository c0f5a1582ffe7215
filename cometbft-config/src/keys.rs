//! An operator's own keys, in the files that CometBFT reads.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

/// Length of an address or node id: the first bytes of the SHA-256 of the public key.
const ADDRESS_BYTES: usize = 20;

/// The keys of one operator's CometBFT node. Never leave its home.
pub struct OperatorKeys {
    node: SigningKey,
    validator: SigningKey,
}

/// A key file that does not hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the file does not hold an Ed25519 key as CometBFT writes it")]
pub struct InvalidKeyFile;

impl OperatorKeys {
    /// New keys, from the random numbers of the system. `None` when there are none to be had.
    #[must_use]
    pub fn generate() -> Option<Self> {
        Some(Self { node: generate()?, validator: generate()? })
    }

    /// The keys out of `node_key.json` and `priv_validator_key.json`.
    ///
    /// # Errors
    /// [`InvalidKeyFile`].
    pub fn read(node_key_json: &str, validator_key_json: &str) -> Result<Self, InvalidKeyFile> {
        Ok(Self { node: read(node_key_json)?, validator: read(validator_key_json)? })
    }

    /// These keys with the validator's key out of `priv_validator_key.json`.
    pub(crate) fn with_validator(self, validator_key_json: &str) -> Result<Self, InvalidKeyFile> {
        Ok(Self { validator: read(validator_key_json)?, ..self })
    }

    /// Identity of the node on the network: 40 hexadecimal digits.
    #[must_use]
    pub fn node_id(&self) -> String {
        hex::encode(address(&self.node.verifying_key().to_bytes()))
    }

    /// Public key of the validator: 64 hexadecimal digits.
    #[must_use]
    pub fn validator_key(&self) -> String {
        hex::encode(self.validator.verifying_key().to_bytes())
    }

    /// `node_key.json`.
    pub(crate) fn node_key_json(&self) -> Zeroizing<String> {
        Zeroizing::new(json!({ "priv_key": private_key(&self.node) }).to_string())
    }

    /// `priv_validator_key.json`.
    pub(crate) fn validator_key_json(&self) -> Zeroizing<String> {
        let public = self.validator.verifying_key().to_bytes();
        Zeroizing::new(
            json!({
                "address": hex::encode_upper(address(&public)),
                "pub_key": public_key(&public),
                "priv_key": private_key(&self.validator),
            })
            .to_string(),
        )
    }
}

impl std::fmt::Debug for OperatorKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorKeys").field("node_id", &self.node_id()).finish_non_exhaustive()
    }
}

fn generate() -> Option<SigningKey> {
    let mut seed = Zeroizing::new([0; 32]);
    rand::fill(seed.as_mut_slice()).ok()?;
    Some(SigningKey::from_bytes(&seed))
}

fn read(text: &str) -> Result<SigningKey, InvalidKeyFile> {
    let file: Value = serde_json::from_str(text).map_err(|_| InvalidKeyFile)?;
    let value = file["priv_key"]["value"].as_str().ok_or(InvalidKeyFile)?;
    let bytes = Zeroizing::new(STANDARD.decode(value).map_err(|_| InvalidKeyFile)?);
    let keypair: &[u8; 64] = bytes.as_slice().try_into().map_err(|_| InvalidKeyFile)?;
    SigningKey::from_keypair_bytes(keypair).map_err(|_| InvalidKeyFile)
}

pub(crate) fn address(public_key: &[u8]) -> [u8; ADDRESS_BYTES] {
    let digest = Sha256::digest(public_key);
    let mut address = [0; ADDRESS_BYTES];
    address.copy_from_slice(&digest[..ADDRESS_BYTES]);
    address
}

pub(crate) fn public_key(bytes: &[u8]) -> Value {
    json!({ "type": "tendermint/PubKeyEd25519", "value": STANDARD.encode(bytes) })
}

fn private_key(key: &SigningKey) -> Value {
    json!({ "type": "tendermint/PrivKeyEd25519", "value": STANDARD.encode(key.to_keypair_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Files that CometBFT 0.38.25 made (`cometbft init validator`), and the addresses that it printed.
    const NODE_KEY: &str = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"tSjeANUr4kztOyrFZCLRZKs3F7rPNSoEnKMieSX45rHrLXp76hwIxpcB9PQT8A4fEclg/6J2MFUHk3qd+B74Gg=="}}"#;
    const VALIDATOR_KEY: &str = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"Oh5+U0YA3B2wycckZpaLbwl/zSybgH2QJnzdiNkjiYJyfdM1YHBgBuf9wmw+EEJsGrIWZecM4dn8d1ji7WG+SQ=="}}"#;

    #[test]
    fn addresses_are_those_of_cometbft() {
        let keys = OperatorKeys::read(NODE_KEY, VALIDATOR_KEY).expect("made by CometBFT");
        let file: Value = serde_json::from_str(&keys.validator_key_json()).expect("made by us");
        assert_eq!(file["address"], "F24C602A0B49800D1DD82C155D3FAFF65A4962EC");
        assert_eq!(file["pub_key"]["value"], "cn3TNWBwYAbn/cJsPhBCbBqyFmXnDOHZ/HdY4u1hvkk=");
        assert_eq!(keys.node_key_json().as_str(), NODE_KEY.replace(' ', ""));
    }

    #[test]
    fn generated_keys_survive_their_files() {
        let keys = OperatorKeys::generate().expect("random numbers");
        let again = OperatorKeys::read(&keys.node_key_json(), &keys.validator_key_json()).expect("made by us");
        assert_eq!((keys.node_id(), keys.validator_key()), (again.node_id(), again.validator_key()));
    }

    #[test]
    fn other_files_are_refused() {
        for text in ["", "{}", r#"{"priv_key":{"value":"AAAA"}}"#, r#"{"priv_key":{"value":"?"}}"#] {
            assert_eq!(read(text).err(), Some(InvalidKeyFile), "{text}");
        }
    }
}
