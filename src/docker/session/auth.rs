//! Logins for the registries that a build pulls from.

use bollard::moby::filesync::v1::auth_server::Auth;
use bollard::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use tokio::sync::OnceCell;
use tonic::{Request, Response, Status};

use crate::docker::docker_config::DockerConfig;

/// Answers from docker's configuration, read when first asked.
#[derive(Default)]
pub(super) struct Logins {
    config: OnceCell<DockerConfig>,
}

#[tonic::async_trait]
impl Auth for Logins {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let config = self.config.get_or_init(DockerConfig::load).await;
        let login = config.login(&request.into_inner().host).await.unwrap_or_default();
        Ok(Response::new(CredentialsResponse { username: login.username, secret: login.secret }))
    }

    // The engine fetches tokens itself when we say that we do not.
    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unimplemented("the engine fetches tokens"))
    }
}
