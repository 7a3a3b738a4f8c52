//! `docker_build` and `custom_build` as they were called.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::call_site::CallSite;
use super::watched_path::WatchedPath;
use crate::project::{CommandLine, Dockerfile, IgnorePattern, ImageReference, LiveUpdate, Push};

/// An image as it was declared. Two of the same reference are both kept: the assembly reports that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDeclaration {
    /// The reference as written.
    pub name: String,
    /// The reference, parsed.
    pub reference: ImageReference,
    /// The call.
    pub call: CallSite,
    /// How it is built.
    pub build: ImageBuildDeclaration,
    /// Steps in the order that §2.4 demands; `base_image_files` is empty. `None` without steps.
    pub live_update: Option<LiveUpdate>,
    /// As declared.
    pub match_in_env_vars: bool,
    /// As declared, as an argument vector.
    pub entrypoint: Option<Vec<String>>,
    /// As declared.
    pub container_args: Option<Vec<String>>,
    /// Patterns of `ignore=`, relative to the context (docker) or to each folder of `deps` (custom).
    pub ignore: Vec<IgnorePattern>,
}

/// How an image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageBuildDeclaration {
    /// `docker_build`.
    Docker(Box<DockerBuildDeclaration>),
    /// `custom_build`.
    Custom(Box<CustomBuildDeclaration>),
}

/// The own parameters of `docker_build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DockerBuildDeclaration {
    /// The build context.
    pub context: WatchedPath,
    /// The Dockerfile, read.
    pub dockerfile: Dockerfile,
    /// Paths of `only=`, relative to the context; empty for all.
    pub only: Vec<String>,
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
    /// As `docker build --platform`, or `DOCKER_DEFAULT_PLATFORM`; empty for the cluster's.
    pub platform: String,
    /// As `docker build --add-host`.
    pub extra_hosts: Vec<String>,
}

/// The own parameters of `custom_build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomBuildDeclaration {
    /// The command, with its folder and `env`.
    pub command: CommandLine,
    /// Watched files and folders.
    pub deps: Vec<WatchedPath>,
    /// The tag that the command is told to use; empty for a fresh one.
    pub tag: String,
    /// Who pushes.
    pub push: Push,
    /// The file that the command writes the reference to, absolute.
    pub outputs_image_ref_to: Option<PathBuf>,
    /// Images that are built first: the reference as written and parsed.
    pub image_deps: Vec<(String, ImageReference)>,
}
