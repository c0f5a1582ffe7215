//! Making a node part of a synchronizer.

use bytes::Bytes;
use synod_proto::admin::sequencer::v30::sequencer_connection::{Grpc, Type as ConnectionType};
use synod_proto::admin::sequencer::v30::{
    SequencerConnection, SequencerConnectionPoolDelays, SequencerConnectionValidation, SequencerConnections,
    SubmissionRequestAmplification,
};
use synod_proto::mediator::admin::v30::InitializeMediatorRequest;
use synod_proto::sequencer::admin::v30::InitializeSequencerFromGenesisStateV2Request;
use synod_rpc::mediator::admin::v30::mediator_initialization_service_client::MediatorInitializationServiceClient;
use synod_rpc::sequencer::admin::v30::sequencer_initialization_service_client::SequencerInitializationServiceClient;
use synod_runtime::settings::Mistakes;
use synod_topology::StaticSynchronizerParameters;

use super::connecting::PART_BYTES;
use super::{AdminCallError, NodeAdmin};
use crate::bootstrap::SequencerEntry;

impl NodeAdmin {
    /// Makes a sequencer part of the synchronizer.
    pub(crate) async fn initialize_sequencer(
        &self,
        genesis: &Bytes,
        parameters: &StaticSynchronizerParameters,
    ) -> Result<(), AdminCallError> {
        let parts: Vec<_> = (0..genesis.len())
            .step_by(PART_BYTES)
            .map(|start| InitializeSequencerFromGenesisStateV2Request {
                topology_snapshot: genesis.slice(start..genesis.len().min(start + PART_BYTES)),
                synchronizer_parameters: Some(parameters.to_proto()),
            })
            .collect();
        let mut service = SequencerInitializationServiceClient::new(self.channel());
        let done = service.initialize_sequencer_from_genesis_state_v2(tokio_stream::iter(parts)).await;
        done.map(|_| ()).map_err(self.refused("InitializeSequencerFromGenesisStateV2"))
    }

    /// Makes a mediator part of the synchronizer: it connects to all of these sequencers, and believes what one says.
    pub(crate) async fn initialize_mediator(
        &self,
        psid: &str,
        sequencers: &[SequencerEntry],
        trust_threshold: u32,
    ) -> Result<(), AdminCallError> {
        let mut mistakes = Mistakes::default();
        let mut authorities = |sequencer: &SequencerEntry| sequencer.public_authorities(&mut mistakes).map(Bytes::from);
        let connections = sequencers.iter().map(|sequencer| SequencerConnection {
            alias: sequencer.name.clone(),
            sequencer_id: None,
            r#type: Some(ConnectionType::Grpc(Grpc {
                connections: vec![sequencer.public.clone()],
                transport_security: sequencer.public.starts_with("https://"),
                custom_trust_certificates: authorities(sequencer),
            })),
        });
        let connections: Vec<_> = connections.collect();
        mistakes.into_result().map_err(|source| AdminCallError::Access { node: self.name.clone(), source })?;
        let amplification = SubmissionRequestAmplification {
            factor: 1,
            patience: Some(prost_types::Duration::default()),
            ..SubmissionRequestAmplification::default()
        };
        let request = InitializeMediatorRequest {
            physical_synchronizer_id: psid.to_owned(),
            sequencer_connections: Some(SequencerConnections {
                sequencer_connections: connections,
                sequencer_trust_threshold: trust_threshold,
                submission_request_amplification: Some(amplification),
                sequencer_liveness_margin: 0,
                sequencer_connection_pool_delays: Some(pool_delays()),
            }),
            sequencer_connection_validation: SequencerConnectionValidation::Disabled.into(),
        };
        let mut service = MediatorInitializationServiceClient::new(self.channel());
        service.initialize_mediator(request).await.map(|_| ()).map_err(self.refused("InitializeMediator"))
    }
}

/// Canton's defaults; its own mediators refuse connections without delays.
fn pool_delays() -> SequencerConnectionPoolDelays {
    let millis = |millis: i64| {
        let nanos = i32::try_from(millis % 1_000 * 1_000_000).unwrap_or_default();
        Some(prost_types::Duration { seconds: millis / 1_000, nanos })
    };
    SequencerConnectionPoolDelays {
        min_restart_delay: millis(10),
        max_restart_delay: millis(10_000),
        subscription_request_delay: millis(1_000),
        warn_validation_delay: millis(20_000),
    }
}
