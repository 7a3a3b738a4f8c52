//! `kubernetes_apply` and `kubernetes_discovery` of the `v1alpha1` API: resources of their own kind.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::api_object::ApiKind;
use super::ignore::WatchedTree;
use super::name::ResourceName;

/// What sets the resource of an API object apart from those of `k8s_yaml` and its like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiTarget {
    /// What was registered.
    pub kind: ApiKind,
    /// Under this name.
    pub name: String,
    /// How long applying may take in all, in place of the settings' limit.
    pub timeout: Option<Duration>,
    /// A change of these applies it again.
    pub watched: Vec<WatchedTree>,
    /// A press of any of these applies it again.
    pub restart_buttons: Vec<String>,
    /// What is looked at without being applied (`kubernetes_discovery`).
    pub watches: Vec<WatchReference>,
    /// Which lines of its pods are shown.
    pub logs: PodLogSelection,
    /// Whose log they go to (annotation `tilt.dev/resource`); `None` for its own.
    pub log_resource: Option<ResourceName>,
}

/// Where pods are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchReference {
    /// Pods that this object owns, and the one that it is.
    pub uid: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// For people.
    pub name: String,
}

/// Which lines of pods are shown (`pod_log_stream_template_spec`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PodLogSelection {
    /// Those from this moment on.
    pub since: Option<DateTime<Utc>>,
    /// Those of these containers; empty for all.
    pub only: Vec<String>,
    /// None of these containers.
    pub ignored: Vec<String>,
}

impl PodLogSelection {
    /// Whether the lines of a container are shown.
    pub fn shows(&self, container: &str) -> bool {
        let is_named = |names: &[String]| names.iter().any(|name| name == container);
        (self.only.is_empty() || is_named(&self.only)) && !is_named(&self.ignored)
    }
}
