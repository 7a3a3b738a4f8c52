//! The engine checks every few seconds that the other end of a session is alive.

use std::collections::HashMap;

use bollard::health::health_check_response::ServingStatus;
use bollard::health::health_server::Health;
use bollard::health::{HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse};
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Status};

/// As long as it can answer, it is.
pub(super) struct AlwaysHealthy;

const SERVING: HealthCheckResponse = HealthCheckResponse { status: ServingStatus::Serving as i32 };

#[tonic::async_trait]
impl Health for AlwaysHealthy {
    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        Ok(Response::new(SERVING))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Ok(Response::new(HealthListResponse { statuses: HashMap::from([(String::new(), SERVING)]) }))
    }

    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(Box::pin(stream::once(async { Ok(SERVING) }))))
    }
}
