//! Images that others have built from the same input ([decision 18]): the registry has them under a tag made from the key for
//! everybody, beside the tag that says what is in them.
//!
//! [decision 18]: ../../docs/decisions/0018-images-of-others.md

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::build_request::BuiltImage;
use super::engine::Engine;
use super::registry_client::{Manifest, RegistryClient, RegistryError};
use super::survey::ContentKey;
use crate::project::{ImageReference, ParseReferenceError};

/// How long a registry may take; a build goes on meanwhile or begins then.
const DEADLINE: Duration = Duration::from_secs(5);
/// One that gave no answer is left alone for this long.
const PAUSE: Duration = Duration::from_mins(1);
/// The start of the tags that are made from keys.
const KEY_TAG_PREFIX: &str = "devloop-key-";
/// `off`, `0` or `false`: no registry is asked or told anything of keys.
const SWITCH: &str = "DEVLOOP_SHARED_IMAGES";

/// The registries of a session.
#[derive(Debug, Default)]
pub struct SharedImages {
    is_off: bool,
    registries: Mutex<HashMap<String, Registry>>,
}

#[derive(Debug)]
struct Registry {
    client: Arc<RegistryClient>,
    left_alone_until: Option<Instant>,
}

impl SharedImages {
    /// Unless `DEVLOOP_SHARED_IMAGES` says no.
    pub fn of_environment() -> Self {
        let value = std::env::var(SWITCH).unwrap_or_default().to_ascii_lowercase();
        Self { is_off: ["off", "0", "false", "no"].contains(&value.as_str()), registries: Mutex::default() }
    }

    /// Whether images of this name are looked for. Nobody's builds are on Docker Hub by accident: it is what a name without
    /// a registry means, and not where such an image is pushed to.
    pub fn is_for(&self, reference: &ImageReference) -> bool {
        !self.is_off && reference.domain != "docker.io"
    }

    /// The image that somebody has built from the input with this key. `name` makes the reference of a tag.
    /// A registry that gives no answer has none.
    pub async fn find(
        &self,
        engine: &Engine,
        key: &ContentKey,
        name: impl Fn(&str) -> Result<ImageReference, ParseReferenceError>,
    ) -> Option<BuiltImage> {
        let wanted = name(&key_tag(key)).ok()?;
        let client = self.client(engine, &wanted)?;
        let look = async {
            let tag = wanted.tag.as_deref().unwrap_or_default();
            let Some(manifest) = client.manifest(&wanted.path, tag).await? else { return Ok(None) };
            for image in candidates(&manifest) {
                // It is deployed under the tag that its builder has deployed it under, so that has to be there too.
                let Ok(reference) = name(&image.content_tag()) else { continue };
                let tag = reference.tag.as_deref().unwrap_or_default();
                if client.digest(&reference.path, tag).await?.as_ref() == Some(&manifest.digest) {
                    return Ok(Some(image));
                }
            }
            Ok(None)
        };
        self.answer(&wanted, look).await.flatten()
    }

    /// Tells everybody that the image which was pushed as `pushed` is what the input with this key gives.
    pub async fn publish(
        &self,
        engine: &Engine,
        key: &ContentKey,
        pushed: &ImageReference,
        name: impl Fn(&str) -> Result<ImageReference, ParseReferenceError>,
    ) {
        let Ok(wanted) = name(&key_tag(key)) else { return };
        let Some(client) = self.client(engine, &wanted) else { return };
        let tell = async {
            let tag = wanted.tag.as_deref().unwrap_or_default();
            let pushed_tag = pushed.tag.as_deref().unwrap_or_default();
            let Some(manifest) = client.manifest(&pushed.path, pushed_tag).await? else { return Ok(()) };
            if !candidates(&manifest).iter().any(|image| pushed_tag.ends_with(&image.content_tag())) {
                return Ok(());
            }
            if client.digest(&wanted.path, tag).await?.as_ref() != Some(&manifest.digest) {
                client.tag(&wanted.path, &manifest, tag).await?;
            }
            Ok::<(), RegistryError>(())
        };
        // Whoever may only read still reads.
        if let Ok(Err(error)) = tokio::time::timeout(DEADLINE, tell).await {
            tracing::debug!(%error, reference = %wanted, "the registry was not told of an image");
        }
    }

    /// `None` while the registry is left alone.
    fn client(&self, engine: &Engine, reference: &ImageReference) -> Option<Arc<RegistryClient>> {
        if !self.is_for(reference) {
            return None;
        }
        let host = &reference.domain;
        let mut registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        let registry = registries.entry(host.clone()).or_insert_with(|| {
            let is_insecure = engine.info().insecure_registries.contains(host);
            Registry { client: Arc::new(RegistryClient::new(host, is_insecure)), left_alone_until: None }
        });
        let may_be_asked = registry.left_alone_until.is_none_or(|until| Instant::now() >= until);
        may_be_asked.then(|| Arc::clone(&registry.client))
    }

    async fn answer<T>(
        &self,
        reference: &ImageReference,
        question: impl Future<Output = Result<T, RegistryError>>,
    ) -> Option<T> {
        let failure = match tokio::time::timeout(DEADLINE, question).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        tracing::debug!(%reference, failure, "the registry is not asked for images of others");
        let mut registries = self.registries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(registry) = registries.get_mut(&reference.domain) {
            registry.left_alone_until = Some(Instant::now() + PAUSE);
        }
        None
    }
}

fn key_tag(key: &ContentKey) -> String {
    format!("{KEY_TAG_PREFIX}{}", key.digits())
}

/// What engines call the image of a manifest: by the digest of its configuration, or (with containerd's store) of the manifest.
fn candidates(manifest: &Manifest) -> Vec<BuiltImage> {
    let json: serde_json::Value = serde_json::from_slice(&manifest.bytes).unwrap_or_default();
    let config = json.pointer("/config/digest").and_then(serde_json::Value::as_str);
    let ids = config.into_iter().chain([manifest.digest.as_str()]);
    ids.map(|id| BuiltImage { id: id.to_owned() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_called_by_its_configuration_or_its_manifest() {
        let manifest = Manifest {
            media_type: String::new(),
            digest: "sha256:2".to_owned(),
            bytes: r#"{"schemaVersion": 2, "config": {"digest": "sha256:1"}}"#.into(),
        };
        let ids: Vec<String> = candidates(&manifest).into_iter().map(|image| image.id).collect();
        assert_eq!(ids, ["sha256:1", "sha256:2"]);
    }

    #[test]
    fn names_without_a_registry_are_not_looked_for() {
        let shared = SharedImages::default();
        assert!(!shared.is_for(&ImageReference::parse("team/app").expect("reference")));
        assert!(shared.is_for(&ImageReference::parse("localhost:5000/app").expect("reference")));
        let off = SharedImages { is_off: true, ..SharedImages::default() };
        assert!(!off.is_for(&ImageReference::parse("localhost:5000/app").expect("reference")));
    }
}
