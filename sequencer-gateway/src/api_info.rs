//! `ApiInfoService`: the first thing that a client asks (ch. 01 §1.2).

use synod_proto::connection::v30::{GetApiInfoRequest, GetApiInfoResponse};
use synod_rpc::connection::v30::api_info_service_server::ApiInfoService;
use tonic::{Request, Response, Status, async_trait};

/// What a client has to be told, or it never comes back.
const NAME: &str = "sequencer-public-api";

/// Says which API this is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiInfo;

#[async_trait]
impl ApiInfoService for ApiInfo {
    async fn get_api_info(&self, _: Request<GetApiInfoRequest>) -> Result<Response<GetApiInfoResponse>, Status> {
        Ok(Response::new(GetApiInfoResponse { name: NAME.to_owned() }))
    }
}
