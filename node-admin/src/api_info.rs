//! `ApiInfoService`: the first call on every connection (chapter 01 §1.2, chapter 05 §1.1).

use synod_proto::connection::v30::{GetApiInfoRequest, GetApiInfoResponse};
use synod_rpc::connection::v30::api_info_service_server::{ApiInfoService, ApiInfoServiceServer};
use tonic::{Request, Response, Status, async_trait};

/// Says which API is behind a port.
#[derive(Debug, Clone, Copy)]
pub struct ApiInfo {
    name: &'static str,
}

impl ApiInfo {
    /// The administration port of any node.
    pub const ADMIN: Self = Self { name: "admin-api" };

    /// As a service.
    #[must_use]
    pub fn into_service(self) -> ApiInfoServiceServer<Self> {
        ApiInfoServiceServer::new(self)
    }
}

#[async_trait]
impl ApiInfoService for ApiInfo {
    async fn get_api_info(&self, _: Request<GetApiInfoRequest>) -> Result<Response<GetApiInfoResponse>, Status> {
        Ok(Response::new(GetApiInfoResponse { name: self.name.to_owned() }))
    }
}
