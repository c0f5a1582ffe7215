//! The file that operators pass on: everything that its writer knows. Public: there is nothing in it that has to be kept
//! secret. JSON, so that it can be looked at.
//!
//! A file is taken whole or not at all: format and version, checksum, description, and every signature are checked before
//! anything of it counts.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::{fs, io};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use synod_topology::SignedTopologyTransaction;
use synod_types::{MemberKind, UniqueIdentifier};
use thiserror::Error;

use super::encoding::{checksum, decode, encode};
use super::shared::SharedDescription;
use crate::bootstrap::agreement::VERSION;
use crate::bootstrap::identity::{InvalidIdentity, NodeIdentity};

const FORMAT: &str = "synod-bootstrap";
const FORMAT_VERSION: u32 = 1;
const ABOUT: &str = "One operator's part of a synchronizer that is being founded, for the other operators: \
                     synod bootstrap --import. Public: no private key is in it.";
/// Longest file.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A file cannot be used. The rest of a sentence that starts with the file.
#[derive(Debug, Error)]
pub(super) enum InvalidLetter {
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("is no file of `synod bootstrap --export`")]
    Format,
    #[error("has format version {0}, and this program has {FORMAT_VERSION}: use the same release")]
    Version(u64),
    #[error("was changed or cut off after it was written (its checksum is wrong): have it sent again")]
    Checksum,
    #[error("is of another description: {}", .0.join("; "))]
    Description(Vec<String>),
    #[error("is malformed: {0}")]
    Malformed(String),
    #[error("says what is not true of {node}")]
    Identity {
        node: String,
        #[source]
        source: InvalidIdentity,
    },
}

/// A file as it is written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetterFile {
    format: String,
    format_version: u32,
    about: String,
    from: String,
    synchronizer: SharedDescription,
    /// Set as soon as it is known.
    synchronizer_id: Option<String>,
    agreement: Option<String>,
    nodes: Vec<LetterNode>,
    signed: Vec<LetterSigned>,
    /// Checksum of the genesis that sequencers run with.
    genesis: Option<String>,
    checksum: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetterNode {
    name: String,
    kind: LetterKind,
    id: String,
    running: bool,
    transactions: Vec<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LetterKind {
    Sequencer,
    Mediator,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetterSigned {
    what: String,
    signed_by: Vec<String>,
    transaction: String,
}

/// What a file says about a node.
#[derive(Debug, Clone)]
pub(super) struct ToldNode {
    pub(super) name: String,
    pub(super) identity: NodeIdentity,
    pub(super) running: bool,
}

/// A transaction of the agreement, and whose signatures it has.
#[derive(Debug, Clone)]
pub(super) struct ToldSigned {
    pub(super) signed_by: Vec<String>,
    pub(super) transaction: SignedTopologyTransaction,
}

/// A file that was checked.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) from: String,
    pub(super) synchronizer_id: Option<String>,
    pub(super) agreement: Option<String>,
    pub(super) nodes: Vec<ToldNode>,
    pub(super) signed: Vec<ToldSigned>,
    pub(super) genesis: Option<String>,
}

impl Letter {
    /// Reads a file, which has to be of this description.
    pub(super) fn read(path: &Path, description: &SharedDescription) -> Result<Self, InvalidLetter> {
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(InvalidLetter::Read)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(InvalidLetter::Read)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(InvalidLetter::Format);
        }
        Self::parse(&bytes, description)
    }

    fn parse(bytes: &[u8], description: &SharedDescription) -> Result<Self, InvalidLetter> {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else {
            // Only a file that was one can have been cut off.
            let was_one = String::from_utf8_lossy(bytes).contains(FORMAT);
            return Err(if was_one { InvalidLetter::Checksum } else { InvalidLetter::Format });
        };
        if value["format"] != FORMAT {
            return Err(InvalidLetter::Format);
        }
        match value["format_version"].as_u64() {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            version => return Err(InvalidLetter::Version(version.unwrap_or_default())),
        }
        let file: LetterFile =
            serde_json::from_value(value).map_err(|error| InvalidLetter::Malformed(error.to_string()))?;
        if file.checksum != file.sum() {
            return Err(InvalidLetter::Checksum);
        }
        let differences = description.differences(&file.synchronizer);
        if !differences.is_empty() {
            return Err(InvalidLetter::Description(differences));
        }
        file.open()
    }

    /// Writes the file, whole or not at all; one that says the same is left alone.
    pub(super) fn write(&self, path: &Path, description: &SharedDescription) -> io::Result<()> {
        let mut file = LetterFile {
            format: FORMAT.to_owned(),
            format_version: FORMAT_VERSION,
            about: ABOUT.to_owned(),
            from: self.from.clone(),
            synchronizer: description.clone(),
            synchronizer_id: self.synchronizer_id.clone(),
            agreement: self.agreement.clone(),
            nodes: self.nodes.iter().map(LetterNode::of).collect(),
            signed: self.signed.iter().map(LetterSigned::of).collect(),
            genesis: self.genesis.clone(),
            checksum: String::new(),
        };
        file.checksum = file.sum();
        let text = serde_json::to_string_pretty(&file).map_err(io::Error::other)? + "\n";
        if fs::read(path).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut written = fs::File::create(&partial)?;
        written.write_all(text.as_bytes())?;
        written.sync_all()?;
        fs::rename(&partial, path)
    }
}

impl LetterFile {
    /// Checksum of everything else, however it is laid out.
    fn sum(&self) -> String {
        let unsummed = Self { checksum: String::new(), ..self.clone() };
        checksum(&serde_json::to_vec(&unsummed).unwrap_or_default())
    }

    fn open(self) -> Result<Letter, InvalidLetter> {
        Ok(Letter {
            from: self.from,
            synchronizer_id: self.synchronizer_id,
            agreement: self.agreement,
            nodes: self.nodes.into_iter().map(LetterNode::open).collect::<Result<_, _>>()?,
            signed: self.signed.into_iter().map(LetterSigned::open).collect::<Result<_, _>>()?,
            genesis: self.genesis,
        })
    }
}

impl LetterNode {
    fn of(told: &ToldNode) -> Self {
        let NodeIdentity { kind, uid, transactions } = &told.identity;
        Self {
            name: told.name.clone(),
            kind: match kind {
                MemberKind::Mediator => LetterKind::Mediator,
                MemberKind::Participant | MemberKind::Sequencer => LetterKind::Sequencer,
            },
            id: uid.to_string(),
            running: told.running,
            transactions: transactions.iter().map(|signed| encode(&signed.encode(VERSION))).collect(),
        }
    }

    fn open(self) -> Result<ToldNode, InvalidLetter> {
        let Self { name, kind, id, running, transactions } = self;
        let uid = UniqueIdentifier::parse(&id).map_err(|error| InvalidLetter::Malformed(format!("{name}: {error}")))?;
        let transactions = transactions.iter().map(|text| transaction(text)).collect::<Result<_, _>>()?;
        let kind = match kind {
            LetterKind::Mediator => MemberKind::Mediator,
            LetterKind::Sequencer => MemberKind::Sequencer,
        };
        let identity = NodeIdentity::new(kind, uid, transactions)
            .map_err(|source| InvalidLetter::Identity { node: name.clone(), source })?;
        Ok(ToldNode { name, identity, running })
    }
}

impl LetterSigned {
    fn of(told: &ToldSigned) -> Self {
        Self {
            what: told.transaction.transaction().mapping().code().code().to_owned(),
            signed_by: told.signed_by.clone(),
            transaction: encode(&told.transaction.encode(VERSION)),
        }
    }

    fn open(self) -> Result<ToldSigned, InvalidLetter> {
        Ok(ToldSigned { signed_by: self.signed_by, transaction: transaction(&self.transaction)? })
    }
}

fn transaction(text: &str) -> Result<SignedTopologyTransaction, InvalidLetter> {
    let malformed = |what: String| InvalidLetter::Malformed(format!("a transaction: {what}"));
    let bytes = decode(text).ok_or_else(|| malformed("no base64".to_owned()))?;
    SignedTopologyTransaction::parse(&Bytes::from(bytes), VERSION).map_err(|error| malformed(error.to_string()))
}
