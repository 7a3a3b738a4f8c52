//! Objects of the `v1alpha1` API that a configuration registers.

use std::collections::BTreeMap;

use crate::diagnostic::Span;

/// The kinds of objects that a configuration can register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApiKind {
    /// A command on this machine.
    Cmd,
    /// Values that switch other objects off.
    ConfigMap,
    /// A configuration from a repository.
    Extension,
    /// Where extensions come from.
    ExtensionRepo,
    /// Files whose change restarts commands.
    FileWatch,
    /// Kubernetes objects.
    KubernetesApply,
    /// Pods that are looked for.
    KubernetesDiscovery,
    /// Something that a user can press.
    UiButton,
}

impl std::fmt::Display for ApiKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cmd => "Cmd",
            Self::ConfigMap => "ConfigMap",
            Self::Extension => "Extension",
            Self::ExtensionRepo => "ExtensionRepo",
            Self::FileWatch => "FileWatch",
            Self::KubernetesApply => "KubernetesApply",
            Self::KubernetesDiscovery => "KubernetesDiscovery",
            Self::UiButton => "UIButton",
        })
    }
}

/// An object of the `v1alpha1` API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiObject {
    /// Its kind.
    pub kind: ApiKind,
    /// Its name, unique among its kind.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its fields under their names in the API, checked; what is empty is not there.
    pub spec: serde_json::Value,
    /// The call that registered it first.
    pub origin: Span,
}

impl ApiObject {
    /// A text of its fields; empty when it was not given.
    pub fn text(&self, field: &str) -> &str {
        self.spec.get(field).and_then(serde_json::Value::as_str).unwrap_or_default()
    }

    /// Whether registering the other one changes nothing.
    pub fn same_content(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.labels, &self.annotations, &self.spec)
            == (other.kind, &other.name, &other.labels, &other.annotations, &other.spec)
    }
}
