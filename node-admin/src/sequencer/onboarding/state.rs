//! The state as it travels: versioned messages, each after its length. The first has the parameters and the state of the
//! sequencer, each other one a row of the topology (`OnboardingStateForSequencerV2`).

use bytes::Bytes;
use prost::Message;
use synod_proto::sequencer::admin::v30::{OnboardingStateForSequencerV2, SequencerSnapshot};
use synod_topology::genesis::{encode_v2, parse_stored_items, versioned_item};
use synod_topology::{InvalidMessage, StaticSynchronizerParameters, TopologyRow};
use synod_types::{CantonTimestamp, ProtocolVersion};
use synod_wire::versioned;
use thiserror::Error;

/// Version of the messages (`OnboardingStateForSequencerV2.versioningTable`).
const PROTO_VERSION: i32 = 30;

/// State of a synchronizer after one of its blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct OnboardingState {
    /// Versioned `StaticSynchronizerParameters`.
    pub static_parameters: Bytes,
    /// Members, traffic, aggregations in flight, and the time up to which events are not part of the new sequencer.
    pub snapshot: SequencerSnapshot,
    /// All rows of the topology that were sequenced up to then, in order; as they were then. Rejected ones too.
    pub topology: Vec<TopologyRow>,
}

/// Bytes that are no state for a further sequencer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidOnboardingState {
    /// The messages cannot be told apart.
    #[error("the onboarding state ends within a message")]
    Truncated,
    /// A message is not one.
    #[error("a message of the onboarding state cannot be read: {0}")]
    Message(String),
    /// The same is given twice, differently.
    #[error("the onboarding state has several values of `{0}`")]
    Different(&'static str),
    /// Something is missing.
    #[error("the onboarding state has no `{0}`")]
    Missing(&'static str),
    /// Parameters or topology are not valid.
    #[error("the onboarding state has invalid parameters or topology")]
    Content(#[from] InvalidMessage),
}

impl OnboardingState {
    /// The protocol version that the parameters say.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the parameters are malformed.
    pub fn protocol_version(&self) -> Result<ProtocolVersion, InvalidMessage> {
        Ok(StaticSynchronizerParameters::parse(&self.static_parameters)?.protocol_version)
    }

    /// All messages.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the parameters are malformed.
    pub fn encode(&self) -> Result<Bytes, InvalidMessage> {
        let version = self.protocol_version()?;
        let first = OnboardingStateForSequencerV2 {
            topology_transaction: None,
            static_synchronizer_parameters: Some(self.static_parameters.clone()),
            sequencer_snapshot: Some(self.snapshot.clone()),
        };
        let rows = self.topology.iter().map(|row| OnboardingStateForSequencerV2 {
            topology_transaction: Some(versioned_item(row, version)),
            ..OnboardingStateForSequencerV2::default()
        });
        let mut stream = Vec::new();
        for message in std::iter::once(first).chain(rows) {
            let message = versioned::wrap(PROTO_VERSION, &message.encode_to_vec());
            prost::encoding::encode_varint(message.len() as u64, &mut stream);
            stream.extend_from_slice(&message);
        }
        Ok(stream.into())
    }

    /// Reads what [`Self::encode`] made. The content is not judged.
    ///
    /// # Errors
    /// [`InvalidOnboardingState`].
    pub fn parse(bytes: &Bytes) -> Result<Self, InvalidOnboardingState> {
        let (mut parameters, mut snapshot, mut items) = (None, None, Vec::new());
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let length = prost::decode_length_delimiter(&mut rest).map_err(|_| InvalidOnboardingState::Truncated)?;
            if length > rest.len() {
                return Err(InvalidOnboardingState::Truncated);
            }
            let message = message(&rest.split_to(length))?;
            if message.static_synchronizer_parameters.is_some() != message.sequencer_snapshot.is_some() {
                return Err(InvalidOnboardingState::Message("parameters and snapshot do not come together".to_owned()));
            }
            merge("static_synchronizer_parameters", &mut parameters, message.static_synchronizer_parameters)?;
            merge("sequencer_snapshot", &mut snapshot, message.sequencer_snapshot)?;
            items.extend(message.topology_transaction);
        }
        let static_parameters = parameters.ok_or(InvalidOnboardingState::Missing("static_synchronizer_parameters"))?;
        let snapshot = snapshot.ok_or(InvalidOnboardingState::Missing("sequencer_snapshot"))?;
        let version = StaticSynchronizerParameters::parse(&static_parameters)?.protocol_version;
        let topology = parse_stored_items(&items, version)?;
        Ok(Self { static_parameters, snapshot, topology })
    }

    /// What the synchronizer began with, in the second format: the rows of its first time, as they were then.
    ///
    /// # Errors
    /// [`InvalidMessage`] when the parameters are malformed.
    pub fn genesis(&self) -> Result<Bytes, InvalidMessage> {
        let beginning = CantonTimestamp::INITIAL_TOPOLOGY_SEQUENCING_TIME;
        let rows = self
            .topology
            .iter()
            .filter(|row| row.sequenced == beginning)
            .cloned()
            .map(|row| TopologyRow { valid_until: row.valid_until.filter(|until| *until <= beginning), ..row });
        Ok(encode_v2(&rows.collect::<Vec<_>>(), self.protocol_version()?))
    }
}

fn message(bytes: &Bytes) -> Result<OnboardingStateForSequencerV2, InvalidOnboardingState> {
    let wrong = |reason: String| InvalidOnboardingState::Message(reason);
    let inner = versioned::unwrap(bytes).map_err(|error| wrong(error.to_string()))?;
    if inner.version != PROTO_VERSION {
        return Err(wrong(format!("its version is {}", inner.version)));
    }
    OnboardingStateForSequencerV2::decode(inner.data).map_err(|error| wrong(error.to_string()))
}

/// What is given more than once has to be the same (`checkForEqual`).
fn merge<T: PartialEq>(
    field: &'static str,
    found: &mut Option<T>,
    given: Option<T>,
) -> Result<(), InvalidOnboardingState> {
    match (found.as_ref(), given) {
        (Some(first), Some(other)) if *first != other => Err(InvalidOnboardingState::Different(field)),
        (None, given) => {
            *found = given;
            Ok(())
        }
        _ => Ok(()),
    }
}
