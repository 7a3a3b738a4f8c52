//! The whole of what a Devfile declares.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use super::api_object::ApiObject;
use super::api_runtime::ApiRuntime;
use super::ignore::{PathFilter, WatchedTree};
use super::image::Image;
use super::name::{ImageName, ProjectName, ResourceName};
use super::resource::Resource;
use super::settings::Settings;
use crate::diagnostic::Diagnostic;

/// A value that is masked wherever it would be shown (reference §3.14).
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue {
    /// The Secret's name.
    pub secret: String,
    /// The key in it.
    pub key: String,
    /// The decoded value.
    pub value: String,
}

impl std::fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretValue({}:{})", self.secret, self.key)
    }
}

/// The whole of what a Devfile declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its name, unique per folder on this machine.
    pub name: ProjectName,
    /// The folder of the entry file, absolute.
    pub root: PathBuf,
    /// The entry file, absolute.
    pub entry_file: PathBuf,
    /// Images by name, in the order of their declaration.
    pub images: IndexMap<ImageName, Arc<Image>>,
    /// Resources by name, in the order of reference §3.1.
    pub resources: IndexMap<ResourceName, Arc<Resource>>,
    /// Objects of the `v1alpha1` API, in the order of their registration.
    pub api_objects: Vec<Arc<ApiObject>>,
    /// What of them is run.
    pub api: ApiRuntime,
    /// Settings.
    pub settings: Settings,
    /// A change of any of these runs the configuration again.
    pub config_files: Vec<WatchedTree>,
    /// Ignored by every watch.
    pub global_filter: Arc<PathFilter>,
    /// Warnings of the configuration run.
    pub warnings: Vec<Diagnostic>,
    /// Values to mask.
    pub secrets: Vec<SecretValue>,
}
