//! Who a node is.

use synod_proto::protocol::v30::enums::TopologyChangeOp;
use synod_proto::topology::admin::v30::base_query::TimeQuery;
use synod_proto::topology::admin::v30::{BaseQuery, GetIdRequest, ListAllV2Request};
use synod_rpc::topology::admin::v30::identity_initialization_service_client::IdentityInitializationServiceClient;
use synod_topology::{MappingCode, SignedTopologyTransaction};
use synod_types::UniqueIdentifier;

use super::stores::authorized;
use super::{AdminCallError, NodeAdmin};

impl NodeAdmin {
    /// The identity of the node.
    pub(crate) async fn uid(&self) -> Result<UniqueIdentifier, AdminCallError> {
        let mut service = IdentityInitializationServiceClient::new(self.channel());
        let id = service.get_id(GetIdRequest {}).await.map_err(self.refused("GetId"))?.into_inner();
        if !id.initialized {
            return Err(AdminCallError::NoIdentity(self.name.clone()));
        }
        UniqueIdentifier::parse(&id.unique_identifier)
            .map_err(|source| AdminCallError::Identity { node: self.name.clone(), source })
    }

    /// What the node says about itself: its namespace and keys.
    pub(crate) async fn identity(
        &self,
        uid: &UniqueIdentifier,
    ) -> Result<Vec<SignedTopologyTransaction>, AdminCallError> {
        const CALL: &str = "ListAllV2";
        let base_query = BaseQuery {
            store: Some(authorized()),
            operation: TopologyChangeOp::AddReplace.into(),
            time_query: Some(TimeQuery::HeadState(())),
            ..BaseQuery::default()
        };
        let request = ListAllV2Request {
            base_query: Some(base_query),
            include_mappings: [MappingCode::NamespaceDelegation, MappingCode::OwnerToKeyMapping]
                .map(|code| code.code().to_owned())
                .to_vec(),
            filter_namespace: uid.namespace().to_string(),
        };
        let answer = self.read().list_all_v2(request).await.map_err(self.refused(CALL))?.into_inner();
        let items = answer.result.map(|transactions| transactions.items).unwrap_or_default();
        items.iter().map(|item| self.parse(CALL, &item.transaction)).collect()
    }
}
