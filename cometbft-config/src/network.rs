//! The operators of a consortium, as all of them know it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Largest number of operators. CometBFT exchanges votes between all pairs; beyond this the votes outweigh the blocks.
const MAX_OPERATORS: usize = 64;

/// All operators. Every operator has the same, in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The operators, in the order that the genesis lists them.
    pub operators: Vec<Operator>,
}

/// One operator: public data only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Its name, for people: letters, digits, `-` and `_`.
    pub name: String,
    /// Where the other operators' CometBFT nodes reach this one: `host:port`.
    pub p2p_address: String,
    /// Identity of its CometBFT node on the network: 40 hexadecimal digits.
    pub node_id: String,
    /// Ed25519 public key of its validator: 64 hexadecimal digits.
    pub validator_key: String,
    /// Its votes; 1 for everybody unless there is a reason.
    pub power: u32,
}

/// A network that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidNetwork {
    /// None, or too many.
    #[error("{0} operators; there are from 1 to {MAX_OPERATORS}")]
    OperatorCount(usize),
    /// A field of an operator does not have its form.
    #[error("operator `{operator}`: {field} has to be {expected}")]
    Field {
        /// Name of the operator.
        operator: String,
        /// Name of the field.
        field: &'static str,
        /// What is wanted.
        expected: &'static str,
    },
    /// Two operators share what has to be their own.
    #[error("operators share the {field} `{value}`")]
    Shared {
        /// Name of the field.
        field: &'static str,
        /// The value.
        value: String,
    },
}

/// A file with operators that cannot be read.
#[derive(Debug, Error)]
pub enum NetworkFileError {
    /// It is no TOML, or has other keys.
    #[error("the file of the operators cannot be read")]
    Form(#[from] toml::de::Error),
    /// What it says cannot work.
    #[error("{}", list(.0))]
    Invalid(Vec<InvalidNetwork>),
}

fn list(mistakes: &[InvalidNetwork]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Network {
    /// The operators out of their file (TOML, a table `[[operators]]` each), checked.
    ///
    /// # Errors
    /// [`NetworkFileError`], with all mistakes.
    pub fn from_toml(text: &str) -> Result<Self, NetworkFileError> {
        let network: Self = toml::from_str(text)?;
        network.check().map_err(NetworkFileError::Invalid)?;
        Ok(network)
    }

    /// The file of the operators.
    ///
    /// # Errors
    /// None for a network that was checked.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The place of an operator in the list.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.operators.iter().position(|operator| operator.name == name)
    }

    /// Whether two operators share a host (a localnet).
    pub(crate) fn shares_hosts(&self) -> bool {
        let host = |operator: &Operator| operator.p2p_address.rsplit_once(':').map(|(host, _)| host.to_owned());
        let mut seen = BTreeSet::new();
        self.operators.iter().map(host).any(|host| !seen.insert(host))
    }

    /// Finds every mistake.
    ///
    /// # Errors
    /// All mistakes, in the order of the operators.
    pub fn check(&self) -> Result<(), Vec<InvalidNetwork>> {
        let mut mistakes = Vec::new();
        if self.operators.is_empty() || self.operators.len() > MAX_OPERATORS {
            mistakes.push(InvalidNetwork::OperatorCount(self.operators.len()));
        }
        self.operators.iter().for_each(|operator| operator.check(&mut mistakes));
        type Field = (&'static str, fn(&Operator) -> &str);
        let own: [Field; 4] = [
            ("name", |operator| &operator.name),
            ("p2p_address", |operator| &operator.p2p_address),
            ("node_id", |operator| &operator.node_id),
            ("validator_key", |operator| &operator.validator_key),
        ];
        for (field, value) in own {
            let mut seen = BTreeSet::new();
            for shared in self.operators.iter().map(value).filter(|value| !seen.insert(*value)) {
                mistakes.push(InvalidNetwork::Shared { field, value: shared.to_owned() });
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}

impl Operator {
    fn check(&self, mistakes: &mut Vec<InvalidNetwork>) {
        let is_hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_name = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_address = |text: &str| {
            text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        let rules = [
            ("name", "letters, digits, `-` and `_`", is_name(&self.name)),
            ("p2p_address", "host:port", is_address(&self.p2p_address)),
            ("node_id", "40 lower-case hexadecimal digits", is_hex(&self.node_id, 40)),
            ("validator_key", "64 lower-case hexadecimal digits", is_hex(&self.validator_key, 64)),
            ("power", "from 1 to 1000000", (1..=1_000_000).contains(&self.power)),
        ];
        for (field, expected, _) in rules.into_iter().filter(|(_, _, holds)| !holds) {
            mistakes.push(InvalidNetwork::Field { operator: self.name.clone(), field, expected });
        }
    }
}
