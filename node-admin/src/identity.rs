//! `IdentityInitializationService` (chapter 05 §1.2).

use std::error::Error;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;
use synod_proto::topology::admin::v30::{
    CurrentTimeRequest, CurrentTimeResponse, GetIdRequest, GetIdResponse, InitIdRequest, InitIdResponse,
};
use synod_rpc::topology::admin::v30::identity_initialization_service_server::{
    IdentityInitializationService, IdentityInitializationServiceServer,
};
use synod_store::{Store, StoreError};
use synod_topology::{LocalTopology, Mapping, Operation, SignedTopologyTransaction};
use synod_types::{CantonTimestamp, Namespace, ProtocolVersion, UniqueIdentifier};
use tonic::{Request, Response, Status, async_trait};

use crate::errors::{Trace, malformed};
use crate::fault::is_away;
use crate::stores::{ForceFlags, StoreName};
use crate::{NodeLifecycle, StageReceiver, TopologyStores, Vault};

/// Serves the identity of a node.
#[derive(Debug, Clone)]
pub struct IdentityAdmin {
    stage: StageReceiver,
    manual: Option<ManualIdentity>,
}

/// What a node needs to be given its identity.
#[derive(Debug, Clone)]
pub struct ManualIdentity {
    /// Keeps the identity.
    pub store: Store,
    /// Is told the identity.
    pub lifecycle: NodeLifecycle,
    /// Keep the delegations that come with it.
    pub stores: TopologyStores,
}

impl IdentityAdmin {
    /// A node with `init.identity.type = auto`, whose stage this is: it makes its identity itself.
    #[must_use]
    pub const fn auto(stage: StageReceiver) -> Self {
        Self { stage, manual: None }
    }

    /// A node with `init.identity.type = manual`: an operator gives it its identity.
    #[must_use]
    pub const fn manual(stage: StageReceiver, manual: ManualIdentity) -> Self {
        Self { stage, manual: Some(manual) }
    }

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> IdentityInitializationServiceServer<Self> {
        IdentityInitializationServiceServer::new(self)
    }
}

impl ManualIdentity {
    async fn init(&self, uid: UniqueIdentifier, delegations: Vec<SignedTopologyTransaction>) -> Result<(), Status> {
        let refuse = |text: String| Status::failed_precondition(text);
        let namespace = uid.namespace();
        check_delegations(&namespace, &delegations).map_err(refuse)?;
        let targets = delegations.iter().filter_map(|delegation| match delegation.transaction().mapping() {
            Mapping::NamespaceDelegation(delegation) => Some(delegation.target.fingerprint().clone()),
            _ => None,
        });
        let possible: Vec<_> = targets.chain([namespace.fingerprint().clone()]).collect();
        let own = Vault::new(self.store.clone()).own_fingerprints().await.map_err(|error| self.fault(error))?;
        if !possible.iter().any(|key| own.contains(key)) {
            let keys: Vec<&str> = possible.iter().map(|key| key.as_str()).collect();
            return Err(refuse(format!(
                "No signing key found locally for the provided namespace. The certificates are for: {}",
                keys.join(", ")
            )));
        }
        match self.store.set_node_identity(&uid).await {
            Ok(()) => {}
            Err(StoreError::Refused(refused)) => return Err(refuse(refused.to_string())),
            Err(error) => return Err(self.fault(error)),
        }
        self.lifecycle.identity_set(&uid);
        // They were judged above, and a node without an identity has nothing that they could contradict.
        let added = self.stores.add(&StoreName::Authorized, delegations, &ForceFlags::all()).await;
        added.map(|_| ()).map_err(|error| error.status(&Trace::default()))
    }

    /// Stops the node: whether it has an identity is not known.
    fn fault(&self, fault: impl Error + Send + Sync + 'static) -> Status {
        tracing::error!(error = %synod_runtime::Chain(&fault), "the identity of the node cannot be stored");
        if is_away(&fault) {
            return Status::unavailable("the database of the node cannot be reached");
        }
        self.stores.stop_node().stop(fault);
        Status::internal("the identity of the node cannot be stored; see the log of the node")
    }
}

/// Delegations have to be those of the namespace, and all of them valid, in order.
fn check_delegations(namespace: &Namespace, delegations: &[SignedTopologyTransaction]) -> Result<(), String> {
    let mut topology = LocalTopology::new(true);
    let mut at = CantonTimestamp::EPOCH;
    for delegation in delegations {
        let transaction = delegation.transaction();
        if transaction.operation() != Operation::Replace {
            return Err("Topology transaction is not a replace but a remove".to_owned());
        }
        let Mapping::NamespaceDelegation(mapping) = transaction.mapping() else {
            return Err(format!("Expected only namespace delegations, found {}", transaction.mapping().code()));
        };
        if mapping.namespace != *namespace {
            return Err(format!(
                "Provided namespace '{namespace}' does not match the certificate {} '",
                mapping.namespace
            ));
        }
        at = at.immediate_successor();
        let changes = topology.apply(at, delegation.clone(), true);
        if let Some(rejection) = changes.validated.iter().find_map(|one| one.rejection.as_ref()) {
            return Err(rejection.reason());
        }
    }
    Ok(())
}

/// The identity that a request gives, and the delegations that root it.
fn parse(request: InitIdRequest) -> Result<(UniqueIdentifier, Vec<SignedTopologyTransaction>), Status> {
    let invalid = |error: &dyn std::fmt::Display| malformed(error).status(&Trace::default());
    let mut delegations = Vec::with_capacity(request.namespace_delegations.len());
    for proto in &request.namespace_delegations {
        let parsed = SignedTopologyTransaction::parse_unversioned(&proto.encode_to_vec(), ProtocolVersion::V35);
        delegations.push(parsed.map_err(|error| invalid(&synod_runtime::Chain(&error)))?);
    }
    let first = delegations.first().map(|delegation| delegation.transaction().mapping().namespace());
    let refuse = |error: String| Status::failed_precondition(error);
    let namespace = match (request.namespace.is_empty(), first) {
        (false, _) => Namespace::parse(&request.namespace).map_err(|error| refuse(error.to_string()))?,
        (true, Some(namespace)) => namespace,
        (true, None) => return Err(refuse("No namespace or certificate provided".to_owned())),
    };
    let uid = UniqueIdentifier::new(&request.identifier, &namespace).map_err(|error| refuse(error.to_string()))?;
    Ok((uid, delegations))
}

#[async_trait]
impl IdentityInitializationService for IdentityAdmin {
    async fn init_id(&self, request: Request<InitIdRequest>) -> Result<Response<InitIdResponse>, Status> {
        let manual = self.manual.as_ref().ok_or_else(|| {
            Status::failed_precondition("Node configuration does not allow for a manual node initialization via API")
        })?;
        if let Some(uid) = self.stage.uid() {
            return Err(Status::failed_precondition(format!("Node is already initialised with {uid}")));
        }
        let (uid, delegations) = parse(request.into_inner())?;
        manual.init(uid, delegations).await?;
        Ok(Response::new(InitIdResponse {}))
    }

    async fn get_id(&self, _: Request<GetIdRequest>) -> Result<Response<GetIdResponse>, Status> {
        let uid = self.stage.uid();
        Ok(Response::new(GetIdResponse {
            initialized: uid.is_some(),
            unique_identifier: uid.map(|uid| uid.to_string()).unwrap_or_default(),
        }))
    }

    async fn current_time(&self, _: Request<CurrentTimeRequest>) -> Result<Response<CurrentTimeResponse>, Status> {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| Status::internal("the clock of this machine is before 1970"))?;
        let current_time = i64::try_from(since_epoch.as_micros())
            .map_err(|_| Status::internal("the clock of this machine is out of range"))?;
        Ok(Response::new(CurrentTimeResponse { current_time }))
    }
}
