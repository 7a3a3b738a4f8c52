//! Images that are in the engine: named, looked up, removed.

use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};

use super::build_request::BuiltImage;
use super::engine::Engine;
use super::engine_error::EngineError;
use crate::project::{ImageCommand, ImageReference};

impl Engine {
    /// Gives the image another name. One that had the name before loses it.
    pub async fn tag(&self, image: &BuiltImage, reference: &ImageReference) -> Result<(), EngineError> {
        let name = reference.familiar_name();
        let mut options = TagImageOptionsBuilder::default().repo(&name);
        if let Some(tag) = &reference.tag {
            options = options.tag(tag);
        }
        let tagged = self.bollard().tag_image(&image.id, Some(options.build())).await;
        tagged.map_err(|error| EngineError::about(&image.id, error))
    }

    /// The image that a reference names.
    pub async fn image(&self, reference: &ImageReference) -> Result<BuiltImage, EngineError> {
        let name = reference.to_string();
        let found = self.bollard().inspect_image(&name).await.map_err(|error| EngineError::about(&name, error))?;
        found.id.map(|id| BuiltImage { id }).ok_or(EngineError::NoSuchImage(name))
    }

    /// What an image of the engine runs when nothing else is said.
    pub async fn image_command(&self, reference: &str) -> Result<ImageCommand, EngineError> {
        let found =
            self.bollard().inspect_image(reference).await.map_err(|error| EngineError::about(reference, error))?;
        let config = found.config.unwrap_or_default();
        Ok(ImageCommand {
            entrypoint: config.entrypoint.unwrap_or_default(),
            arguments: config.cmd.unwrap_or_default(),
        })
    }

    /// Whether the engine has an image of this name.
    pub async fn exists(&self, reference: &ImageReference) -> Result<bool, EngineError> {
        match self.image(reference).await {
            Ok(_) => Ok(true),
            Err(EngineError::NoSuchImage(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Whether the engine has the very image.
    pub async fn has(&self, image: &BuiltImage) -> bool {
        self.bollard().inspect_image(&image.id).await.is_ok()
    }

    /// Removes a name; the image goes with its last one. One that is not there is removed already.
    pub async fn remove(&self, reference: &ImageReference) -> Result<(), EngineError> {
        let name = reference.to_string();
        let options = RemoveImageOptionsBuilder::default().build();
        match self
            .bollard()
            .remove_image(&name, Some(options), None)
            .await
            .map_err(|error| EngineError::about(&name, error))
        {
            Ok(_) | Err(EngineError::NoSuchImage(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
