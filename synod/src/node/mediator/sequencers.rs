//! The sequencers of a mediator.

use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use synod_client::{
    ClientError, ConnectOptions, MemberSigner, MemberTopology, ResumePolicy, SequencerConnection, Session,
};
use synod_mediator::node::{MediatorEvents, SequencerLink};
use synod_proto::admin::sequencer::v30::SequencerConnections;
use synod_proto::admin::sequencer::v30::sequencer_connection::Type;
use synod_proto::topology::admin::v30::topology_transactions::Item;
use synod_topology::StaticSynchronizerParameters;
use synod_types::{CantonTimestamp, PhysicalSynchronizerId};
use synod_wire::versioned;

const VERSION: i32 = 30;

/// Connections as they are stored.
pub(super) fn to_bytes(connections: &SequencerConnections) -> Bytes {
    versioned::wrap(VERSION, &connections.encode_to_vec())
}

/// Connections as they were stored.
pub(super) fn of_bytes(stored: &Bytes) -> Result<SequencerConnections, prost::DecodeError> {
    let data = versioned::unwrap(stored).map(|versioned| versioned.data).unwrap_or_default();
    SequencerConnections::decode(data)
}

/// Sequencers that were found to be of the synchronizer.
#[derive(Debug, Clone)]
pub(super) struct Sequencers {
    session: Session,
    signer: MemberSigner,
}

impl Sequencers {
    pub(super) async fn connect(
        connections: &SequencerConnections,
        psid: &PhysicalSynchronizerId,
        signer: MemberSigner,
    ) -> Result<Self, ClientError> {
        let urls = connections.sequencer_connections.iter().filter_map(|connection| match &connection.r#type {
            Some(Type::Grpc(grpc)) => grpc.connections.first(),
            None => None,
        });
        let url = urls.into_iter().next().cloned().unwrap_or_default();
        let connection = SequencerConnection::open(&url, &ConnectOptions::default()).await?;
        if connection.psid() != psid {
            return Err(ClientError::Answer { call: "GetSynchronizerId", reason: connection.psid().to_string() });
        }
        Ok(Self { session: Session::with_signer(connection, signer.clone()), signer })
    }

    pub(super) const fn psid(&self) -> &PhysicalSynchronizerId {
        self.session.connection().psid()
    }

    pub(super) fn static_parameters(&self) -> &StaticSynchronizerParameters {
        self.session.connection().static_parameters()
    }

    pub(super) const fn signer(&self) -> &MemberSigner {
        &self.signer
    }

    pub(super) async fn initial_topology(&self) -> Result<Vec<Item>, ClientError> {
        self.session.initial_topology().await
    }

    pub(super) fn follow(&self, from: Option<CantonTimestamp>, topology: MemberTopology) -> Box<dyn MediatorEvents> {
        Box::new(self.session.follow(from, self.session.keys_in(topology), ResumePolicy::default()))
    }

    pub(super) fn link(&self) -> Arc<dyn SequencerLink> {
        Arc::new(self.session.clone())
    }

    pub(super) async fn logout(&self) -> Result<(), ClientError> {
        self.session.logout().await
    }
}
