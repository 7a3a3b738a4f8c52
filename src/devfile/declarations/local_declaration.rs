//! `local_resource` as it was called.

use std::collections::BTreeSet;

use super::call_site::CallSite;
use super::watched_path::WatchedPath;
use crate::diagnostic::Spanned;
use crate::project::{CommandLine, IgnorePattern, Link, Probe, ResourceName, TriggerMode};

/// A local resource as it was declared. Two of the same name are both kept: the assembly reports that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalResourceDeclaration {
    /// The name.
    pub name: String,
    /// The call; `ignore` is relative to its folder.
    pub call: CallSite,
    /// The update command.
    pub cmd: Option<CommandLine>,
    /// The command that keeps running; at least one of the two is given.
    pub serve_cmd: Option<CommandLine>,
    /// Watched files and folders.
    pub deps: Vec<WatchedPath>,
    /// Patterns of `ignore=`, relative to `call.dir`.
    pub ignore: Vec<IgnorePattern>,
    /// Whether `call.dir` has a `.git` entry, which is then not watched.
    pub dir_is_repository_root: bool,
    /// `None` for the default mode.
    pub trigger_mode: Option<TriggerMode>,
    /// As declared.
    pub resource_deps: Vec<Spanned<ResourceName>>,
    /// As declared.
    pub auto_init: bool,
    /// As declared.
    pub allow_parallel: bool,
    /// As declared.
    pub links: Vec<Link>,
    /// As declared.
    pub labels: BTreeSet<String>,
    /// With all defaults resolved.
    pub readiness_probe: Option<Probe>,
}
