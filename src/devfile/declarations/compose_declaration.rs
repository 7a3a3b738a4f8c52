//! `docker_compose` and `dc_resource` as they were called.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::call_site::CallSite;
use super::watched_path::WatchedPath;
use crate::compose::ComposeService;
use crate::diagnostic::Spanned;
use crate::project::{ComposeProject, ImageReference, Link, ResourceName, TriggerMode};

/// Where a part of a Compose project comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComposeSource {
    /// A file of the user, absolute.
    File(PathBuf),
    /// The text of a Blob.
    Text(String),
}

/// A Compose project: all `docker_compose` calls with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeDeclaration {
    /// The first call.
    pub call: CallSite,
    /// What the compose command made of all sources.
    pub project: Arc<ComposeProject>,
    /// In the order of the calls.
    pub sources: Vec<ComposeSource>,
    /// The file with variables for all of them.
    pub env_file: Option<PathBuf>,
    /// Its services: dependencies first, else by name.
    pub services: Vec<ComposeServiceDeclaration>,
}

/// A service, refined by the `dc_resource` calls so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComposeServiceDeclaration {
    /// The call that brought it.
    pub call: CallSite,
    /// The name of its resource.
    pub name: String,
    /// The service.
    pub service: ComposeService,
    /// The folders and files of this machine that its image is built from.
    pub build_paths: Vec<WatchedPath>,
    /// The reference by which a declared image is looked up, if not the service's own.
    pub image: Option<ImageReference>,
    /// When given.
    pub trigger_mode: Option<TriggerMode>,
    /// Added to what the service depends on.
    pub resource_deps: Vec<Spanned<ResourceName>>,
    /// Whether published ports are shown as links; unset means yes.
    pub infer_links: Option<bool>,
    /// Added.
    pub links: Vec<Link>,
    /// Added.
    pub labels: BTreeSet<String>,
    /// When given.
    pub auto_init: Option<bool>,
}

impl ComposeServiceDeclaration {
    /// A service that nothing has refined.
    pub fn new(call: CallSite, service: ComposeService, build_paths: Vec<WatchedPath>) -> Self {
        Self {
            call,
            name: service.name.clone(),
            service,
            build_paths,
            image: None,
            trigger_mode: None,
            resource_deps: Vec::new(),
            infer_links: None,
            links: Vec::new(),
            labels: BTreeSet::new(),
            auto_init: None,
        }
    }
}
