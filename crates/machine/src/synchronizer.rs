//! What never changes about a synchronizer.

use bytes::Bytes;
use synod_crypto::SignatureVerifier;
use synod_topology::StaticSynchronizerParameters;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId, ProtocolVersion};

use crate::Fault;
use crate::rules::Rules;

/// What never changes about a synchronizer.
#[derive(Debug)]
pub(crate) struct Synchronizer {
    pub(crate) psid: PhysicalSynchronizerId,
    pub(crate) static_parameters: StaticSynchronizerParameters,
    pub(crate) static_parameters_bytes: Bytes,
    pub(crate) verifier: SignatureVerifier,
    pub(crate) rules: Rules,
}

impl Synchronizer {
    pub(crate) fn new(psid: PhysicalSynchronizerId, static_parameters_bytes: Bytes) -> Result<Self, Fault> {
        let static_parameters = StaticSynchronizerParameters::parse(&static_parameters_bytes)
            .map_err(|error| Fault::Checkpoint { reason: format!("static parameters: {error}") })?;
        let version = psid.protocol_version();
        let restrictions = static_parameters.crypto_restrictions();
        let verifier = SignatureVerifier::new(psid.logical().clone(), version, restrictions);
        Ok(Self { rules: Rules::of(version), psid, static_parameters, static_parameters_bytes, verifier })
    }

    pub(crate) fn version(&self) -> ProtocolVersion {
        self.psid.protocol_version()
    }

    /// When a topology change that is sequenced at `time` becomes effective.
    pub(crate) fn effective(&self, time: CantonTimestamp) -> CantonTimestamp {
        time.saturating_add(self.static_parameters.topology_change_delay)
    }
}
