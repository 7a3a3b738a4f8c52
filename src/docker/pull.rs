//! Images from a registry into the engine.

use bollard::auth::DockerCredentials;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt as _;
use tokio_util::sync::CancellationToken;

use super::docker_config::DockerConfig;
use super::engine::Engine;
use super::engine_error::EngineError;
use crate::project::ImageReference;

/// Why an image could not be pulled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// The registry or the engine does not want to.
    #[error(
        "`{reference}` cannot be pulled ({message}): check that the engine reaches its registry, or `docker login`"
    )]
    Refused {
        /// What was to be pulled.
        reference: String,
        /// In the engine's words.
        message: String,
    },
    /// The engine's side of it.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Pulls an image.
    pub async fn pull(&self, reference: &ImageReference, cancel: &CancellationToken) -> Result<(), PullError> {
        let credentials = self.credentials(&reference.domain).await;
        let tag = reference.tag.as_deref().unwrap_or("latest");
        let options = CreateImageOptionsBuilder::default().from_image(&reference.familiar_name()).tag(tag).build();
        let pulling = self.bollard().create_image(Some(options), None, Some(credentials));
        // What it says of its progress does not matter: these are images that are small or seldom.
        let pulled = cancel.run_until_cancelled(pulling.try_for_each(|_| async { Ok(()) })).await;
        match pulled.ok_or(EngineError::Cancelled)?.map_err(EngineError::from) {
            Ok(()) => Ok(()),
            Err(EngineError::Refused(message)) => Err(PullError::Refused { reference: reference.to_string(), message }),
            Err(error) => Err(error.into()),
        }
    }

    /// The login for a registry in the words of the engine's API.
    pub(super) async fn credentials(&self, registry: &str) -> DockerCredentials {
        let login = DockerConfig::load().await.login(registry).await.unwrap_or_default();
        let secret = (!login.secret.is_empty()).then_some(login.secret);
        let (password, identitytoken) = if login.is_token { (None, secret) } else { (secret, None) };
        let username = (!login.username.is_empty()).then_some(login.username);
        let serveraddress = Some(registry.to_owned());
        DockerCredentials { username, password, identitytoken, serveraddress, ..DockerCredentials::default() }
    }
}
