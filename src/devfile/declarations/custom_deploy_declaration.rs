//! `k8s_custom_deploy` as it was called.

use super::call_site::CallSite;
use super::watched_path::WatchedPath;
use crate::project::{CommandLine, ImageReference, LiveUpdate};

/// Deploying by commands of the user's own, as it was declared. Two of the same name are both kept: the assembly reports
/// that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomDeployDeclaration {
    /// The name.
    pub name: String,
    /// The call.
    pub call: CallSite,
    /// Applies the objects and prints them.
    pub apply: CommandLine,
    /// Deletes them.
    pub delete: CommandLine,
    /// Watched files and folders.
    pub deps: Vec<WatchedPath>,
    /// Images that are built first: the reference as written and parsed.
    pub image_deps: Vec<(String, ImageReference)>,
    /// The steps, which are those of the image `live_update_image` too: their files do not re-run `apply`.
    pub live_update: Option<LiveUpdate>,
    /// The image, declared beside this and never built, that stands for the containers of live update.
    pub live_update_image: Option<String>,
}
