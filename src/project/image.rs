//! An image that devloop builds.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::command_line::CommandLine;
use super::compose::ComposeBuild;
use super::ignore::{IgnorePattern, PathFilter, WatchedTree};
use super::image_reference::ImageReference;
use super::live_update::LiveUpdate;
use super::name::ImageName;
use crate::diagnostic::Span;

/// An image that devloop builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The key of the image: its reference as declared.
    pub name: ImageName,
    /// The declared reference, parsed.
    pub reference: ImageReference,
    /// Whether only references with exactly this tag are meant (reference §3.2).
    pub exact: bool,
    /// The call that declared it.
    pub origin: Span,
    /// How it is built.
    pub build: ImageBuild,
    /// Images of ours that it is built from; they are built first.
    pub base_images: Vec<ImageName>,
    /// How changed files get into running containers without a build; `None` when not declared.
    pub live_update: Option<LiveUpdate>,
    /// Whether references in `env[].value` of containers are replaced too.
    pub match_in_env_vars: bool,
    /// Replaces the container's `command`.
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the container's `args`; an empty list clears them.
    pub container_args: Option<Vec<String>>,
    /// The files whose change makes the image stale.
    pub watched: Vec<WatchedTree>,
    /// Patterns of `ignore=`, as declared; `watched` leaves out what they match.
    pub ignore: Vec<IgnorePattern>,
}

/// `ENTRYPOINT` and `CMD` of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageCommand {
    /// `ENTRYPOINT`; what `command` of a container replaces.
    pub entrypoint: Vec<String>,
    /// `CMD`; what `args` of a container replace.
    pub arguments: Vec<String>,
}

/// The name of an image in variables like `TILT_IMAGE_MAP_0`: a path segment.
pub fn image_map_name(name: &ImageName) -> String {
    name.as_str().replace(['/', '%'], "_")
}

/// How an image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageBuild {
    /// From a Dockerfile, by the engine.
    Docker(Box<DockerBuild>),
    /// By the user's own command.
    Custom(Box<CustomBuild>),
    /// By Compose, from the `build` section of a service.
    Compose(Box<ComposeBuild>),
}

/// Where a Dockerfile comes from; the text is read at configuration time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    /// Its file; `None` for `dockerfile_contents`.
    pub path: Option<PathBuf>,
    /// Its text.
    pub contents: String,
}

/// The parameters of `docker_build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerBuild {
    /// The build context, absolute.
    pub context: PathBuf,
    /// What of the context is not sent.
    pub context_filter: Arc<PathFilter>,
    /// Paths of `only=`, as declared; empty for all of the context.
    pub only: Vec<String>,
    /// The Dockerfile.
    pub dockerfile: Dockerfile,
    /// An empty value means: take it from the builder's environment.
    pub build_args: BTreeMap<String, String>,
    /// The stage to build; empty for the last one.
    pub target: String,
    /// As `docker build --ssh`.
    pub ssh: Vec<String>,
    /// As `docker build --secret`.
    pub secrets: Vec<String>,
    /// As `docker build --network`; empty for the default.
    pub network: String,
    /// Also tagged so, locally.
    pub extra_tags: Vec<ImageReference>,
    /// As `docker build --cache-from`.
    pub cache_from: Vec<String>,
    /// Whether base images are always pulled.
    pub pull: bool,
    /// As `docker build --platform`; empty for the cluster's.
    pub platform: String,
    /// As `docker build --add-host`.
    pub extra_hosts: Vec<String>,
}

/// Where the product of a custom build is, and who pushes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// The command leaves it in the local engine; devloop tags and pushes it.
    Devloop,
    /// The command leaves it in the local engine and has pushed it (`disable_push`).
    Never,
    /// The command puts it where the cluster finds it (`skips_local_docker`).
    Remote,
}

/// The parameters of `custom_build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomBuild {
    /// The command.
    pub command: CommandLine,
    /// Watched files and folders.
    pub deps: Vec<PathBuf>,
    /// The tag that the command is told to use; empty for a fresh one.
    pub tag: String,
    /// Who pushes.
    pub push: Push,
    /// The file that the command writes the reference to.
    pub outputs_image_ref_to: Option<PathBuf>,
}

impl CustomBuild {
    /// Whether nothing is built: `custom_build(ref, ":", …, live_update=…)` (reference §2.3).
    pub fn is_live_update_only(&self) -> bool {
        self.command.argv == ["sh", "-c", ":"] || self.command.argv == [":"]
    }
}
