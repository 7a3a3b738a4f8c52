//! The whole of what a run recorded.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::compose_declaration::ComposeDeclaration;
use super::custom_deploy_declaration::CustomDeployDeclaration;
use super::image_declaration::ImageDeclaration;
use super::kubernetes_declaration::{KubernetesResourceCall, ObjectDeclaration, WorkloadRegistration};
use super::local_declaration::LocalResourceDeclaration;
use crate::diagnostic::{Span, Spanned};
use crate::project::{ApiObject, PatternSet, Settings, TriggerMode, WatchedTree};

/// Which resources a run shall enable (reference §2.9).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Selection {
    /// All of them.
    #[default]
    All,
    /// These, their transitive dependencies, and `uncategorized`.
    Only(Vec<SelectedResource>),
    /// None at all (`config.clear_enabled_resources()`).
    Nothing,
}

/// A resource that was asked for by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedResource {
    /// The name; perhaps of nothing.
    pub name: String,
    /// The call of `config.set_enabled_resources`; `None` for the command line.
    pub span: Option<Span>,
}

/// The whole of what a run recorded; lists are in the order of the calls.
#[derive(Clone, Debug)]
pub struct Declarations {
    /// The entry file, absolute.
    pub entry_file: PathBuf,
    /// Its folder.
    pub root: PathBuf,
    /// `docker_build`, `custom_build`.
    pub images: Vec<ImageDeclaration>,
    /// `k8s_yaml`.
    pub objects: Vec<ObjectDeclaration>,
    /// `k8s_kind`, `k8s_image_json_path`; the predefined ones are not among them.
    pub workload_registrations: Vec<WorkloadRegistration>,
    /// `k8s_custom_deploy`.
    pub custom_deploys: Vec<CustomDeployDeclaration>,
    /// `k8s_resource`.
    pub kubernetes_resources: Vec<KubernetesResourceCall>,
    /// `docker_compose`, refined by `dc_resource`.
    pub compose_projects: Vec<ComposeDeclaration>,
    /// `local_resource`.
    pub local_resources: Vec<LocalResourceDeclaration>,
    /// `v1alpha1.*`.
    pub api_objects: Vec<ApiObject>,
    /// `trigger_mode`.
    pub default_trigger_mode: Option<Spanned<TriggerMode>>,
    /// `allow_k8s_contexts`.
    pub allowed_contexts: BTreeSet<String>,
    /// `update_settings`, `ci_settings`, `default_registry`.
    pub settings: Settings,
    /// Where `default_registry` was called.
    pub default_registry_call: Option<Span>,
    /// Where `set_team` was called.
    pub team_call: Option<Span>,
    /// Where `experimental_telemetry_cmd` was called.
    pub telemetry_call: Option<Span>,
    /// `update_settings(suppress_unused_image_warnings=)`.
    pub suppressed_unused_images: Vec<String>,
    /// `config.set_enabled_resources`, `config.clear_enabled_resources`, or the command line.
    pub selection: Selection,
    /// A change of any of these runs the configuration again; already complete, in the order of their discovery.
    pub config_files: Vec<WatchedTree>,
    /// `.devloopignore`, `.tiltignore`, `watch_settings(ignore=)`. What devloop always ignores (temporary files of
    /// editors, `outputs_image_ref_to` files) is not among them.
    pub global_ignores: Vec<Arc<PatternSet>>,
}

impl Declarations {
    /// Nothing declared yet.
    pub fn new(entry_file: impl Into<PathBuf>) -> Self {
        let entry_file = entry_file.into();
        Self {
            root: entry_file.parent().map(PathBuf::from).unwrap_or_default(),
            entry_file,
            images: Vec::new(),
            objects: Vec::new(),
            workload_registrations: Vec::new(),
            custom_deploys: Vec::new(),
            kubernetes_resources: Vec::new(),
            compose_projects: Vec::new(),
            local_resources: Vec::new(),
            api_objects: Vec::new(),
            default_trigger_mode: None,
            allowed_contexts: BTreeSet::new(),
            settings: Settings::default(),
            default_registry_call: None,
            team_call: None,
            telemetry_call: None,
            suppressed_unused_images: Vec::new(),
            selection: Selection::default(),
            config_files: Vec::new(),
            global_ignores: Vec::new(),
        }
    }
}
