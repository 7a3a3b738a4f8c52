//! What a Devfile takes from Compose projects (reference §2.6).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::name::ImageName;

/// A Compose project as the compose command understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeProject {
    /// Its name, which its containers, networks and volumes carry.
    pub name: String,
    /// What relative paths in its files are resolved against, absolute.
    pub directory: PathBuf,
    /// The compose command: `["docker", "compose"]`, `["docker-compose"]`, or what the user named.
    pub command: Vec<String>,
    /// The version of the command: major, minor, patch.
    pub version: (u64, u64, u64),
    /// Active profiles.
    pub profiles: Vec<String>,
    /// Whether a deploy waits until the service is healthy.
    pub wait: bool,
    /// The whole project, normalised by the command: what its `config` prints. Dollar signs are doubled.
    pub config: Value,
}

/// One service of a Compose project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeTarget {
    /// The project.
    pub project: Arc<ComposeProject>,
    /// The service's own name, whatever its resource is called.
    pub service: String,
    /// Its normalised definition: a difference is a reason to deploy it anew.
    pub definition: Value,
    /// Images to build, bases first.
    pub images: Vec<ImageName>,
    /// The image that its containers run, when it is built here or by Compose; at most one.
    pub deployed_images: Vec<ImageName>,
}

/// An image that Compose builds from the `build` section of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeBuild {
    /// The project.
    pub project: Arc<ComposeProject>,
    /// The service.
    pub service: String,
    /// The build context: an absolute path, or the URL of something else.
    pub context: String,
    /// The Dockerfile as written; `None` for the default.
    pub dockerfile: Option<String>,
    /// The text of a Dockerfile that stands in the section itself.
    pub dockerfile_contents: Option<String>,
    /// The stage to build; empty for the last one.
    pub target: String,
    /// Build arguments; an empty value means: from the environment.
    pub build_args: BTreeMap<String, String>,
    /// The normalised section: a difference is a reason to build anew.
    pub definition: Value,
}
