//! Parameters of a synchronizer (`SynchronizerParametersState`, `SequencingParametersState`).

use bytes::Bytes;
use synod_crypto::Hash;
use synod_proto::protocol::v30;
use synod_types::{Namespace, SynchronizerId, UniqueIdentifier};

use super::{MappingCode, MappingKind, UniqueKey, parse};
use crate::{DynamicSynchronizerParameters, InvalidMessage};

/// The dynamic parameters of a synchronizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SynchronizerParametersState {
    /// The synchronizer.
    pub synchronizer: SynchronizerId,
    /// Its parameters.
    pub parameters: Box<DynamicSynchronizerParameters>,
}

impl SynchronizerParametersState {
    pub(super) fn from_proto(proto: &v30::SynchronizerParametersState) -> Result<Self, InvalidMessage> {
        let synchronizer = parse::synchronizer(&proto.synchronizer_id)?;
        let parameters = proto
            .synchronizer_parameters
            .as_ref()
            .ok_or(InvalidMessage::FieldNotSet { field: "synchronizer_parameters" })?;
        let parameters = DynamicSynchronizerParameters::from_proto(parameters)?;
        Ok(Self { synchronizer, parameters: Box::new(parameters) })
    }

    pub(super) fn to_proto(&self) -> v30::SynchronizerParametersState {
        v30::SynchronizerParametersState {
            synchronizer_id: self.synchronizer.as_str().to_owned(),
            synchronizer_parameters: Some(self.parameters.to_proto()),
        }
    }
}

impl MappingKind for SynchronizerParametersState {
    const CODE: MappingCode = MappingCode::SynchronizerParametersState;

    fn namespace(&self) -> Namespace {
        self.synchronizer.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.synchronizer.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::synchronizer_parameters_state(&self.synchronizer)
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(&self.synchronizer)
    }
}

/// Parameters of the ordering layer, which are opaque to the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequencingParametersState {
    /// The synchronizer.
    pub synchronizer: SynchronizerId,
    /// The parameters; never empty. `None` stands for the defaults.
    pub payload: Option<Bytes>,
}

impl SequencingParametersState {
    pub(super) fn from_proto(proto: v30::DynamicSequencingParametersState) -> Result<Self, InvalidMessage> {
        let payload = proto.sequencing_parameters.map(|parameters| parameters.payload);
        Ok(Self {
            synchronizer: parse::synchronizer(&proto.synchronizer_id)?,
            payload: payload.filter(|payload| !payload.is_empty()),
        })
    }

    pub(super) fn to_proto(&self) -> v30::DynamicSequencingParametersState {
        v30::DynamicSequencingParametersState {
            synchronizer_id: self.synchronizer.as_str().to_owned(),
            sequencing_parameters: Some(v30::DynamicSequencingParameters {
                payload: self.payload.clone().unwrap_or_default(),
            }),
        }
    }
}

impl MappingKind for SequencingParametersState {
    const CODE: MappingCode = MappingCode::SequencingParametersState;

    fn namespace(&self) -> Namespace {
        self.synchronizer.uid().namespace()
    }

    fn uid(&self) -> Option<&UniqueIdentifier> {
        Some(self.synchronizer.uid())
    }

    fn unique_key(&self) -> Hash {
        UniqueKey::sequencing_parameters_state(&self.synchronizer)
    }

    fn synchronizer(&self) -> Option<&SynchronizerId> {
        Some(&self.synchronizer)
    }
}
