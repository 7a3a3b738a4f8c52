//! What is to be built, in devloop's words.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::project::{DockerBuild, ImageReference, PathFilter};

/// The digits of a content tag.
const CONTENT_TAG_DIGITS: usize = 16;

/// Which of the engine's two builders is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Builder {
    /// The one of today.
    #[default]
    BuildKit,
    /// The one before it, which Podman and engines with BuildKit switched off have.
    Classic,
}

/// One build of a Dockerfile.
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// Who builds.
    pub builder: Builder,
    /// The build context, absolute.
    pub context: PathBuf,
    /// What of it is not sent.
    pub filter: Arc<PathFilter>,
    /// The text of the Dockerfile, base images rewritten.
    pub dockerfile: String,
    /// An empty value is taken from devloop's environment.
    pub build_args: BTreeMap<String, String>,
    /// The stage to build; empty for the last one.
    pub target: String,
    /// As `docker build --ssh`.
    pub ssh: Vec<String>,
    /// As `docker build --secret`.
    pub secrets: Vec<String>,
    /// As `docker build --network`; empty for the default.
    pub network: String,
    /// The image gets these tags, in the engine only.
    pub extra_tags: Vec<ImageReference>,
    /// As `docker build --cache-from`.
    pub cache_from: Vec<String>,
    /// Whether base images are always pulled.
    pub pull: bool,
    /// As `docker build --platform`; empty for the engine's own.
    pub platform: String,
    /// As `docker build --add-host`.
    pub extra_hosts: Vec<String>,
}

/// An image that is in the engine now.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BuiltImage {
    /// `sha256:…`.
    pub id: String,
}

impl BuildRequest {
    /// The build of `build` by `builder` with the Dockerfile text `dockerfile` (base images rewritten) for `platform`.
    pub fn new(build: &DockerBuild, builder: Builder, dockerfile: String, platform: String) -> Self {
        // The engine pulls all base images or none, and one that was just built here is in no registry.
        let is_rewritten = dockerfile != build.dockerfile.contents;
        Self {
            builder,
            context: build.context.clone(),
            filter: Arc::clone(&build.context_filter),
            dockerfile,
            build_args: build.build_args.clone(),
            target: build.target.clone(),
            ssh: build.ssh.clone(),
            secrets: build.secrets.clone(),
            network: build.network.clone(),
            extra_tags: build.extra_tags.clone(),
            cache_from: build.cache_from.clone(),
            pull: build.pull && !is_rewritten,
            platform,
            extra_hosts: build.extra_hosts.clone(),
        }
    }
}

impl BuiltImage {
    /// The tag that says what is in it: `devloop-` and the first 16 digits of the id.
    pub fn content_tag(&self) -> String {
        let digits = self.id.rsplit(':').next().unwrap_or(&self.id);
        format!("{}{}", super::CONTENT_TAG_PREFIX, &digits[..digits.len().min(CONTENT_TAG_DIGITS)])
    }
}

/// Whether a tag ends with one that [`BuiltImage::content_tag`] makes.
pub(super) fn is_content_tag(tag: &str) -> bool {
    let digits = tag.rsplit(super::CONTENT_TAG_PREFIX).next().filter(|digits| digits.len() < tag.len());
    digits
        .is_some_and(|digits| digits.len() == CONTENT_TAG_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_tag_is_the_start_of_the_id() {
        let image = BuiltImage { id: "sha256:0123456789abcdef0123456789abcdef".to_owned() };
        assert_eq!(image.content_tag(), "devloop-0123456789abcdef");
    }
}
