//! `k8s_yaml`, `k8s_kind`, `k8s_image_json_path` and `k8s_resource` as they were called.

use std::collections::{BTreeMap, BTreeSet};

use super::call_site::CallSite;
use super::object_matcher::ObjectMatcher;
use crate::diagnostic::Spanned;
use crate::k8s::{ImageLocator, Object};
use crate::project::{DiscoveryStrategy, Link, PodReadiness, PortForward, ResourceName, TriggerMode};

/// One object of a `k8s_yaml` call. Duplicates are kept: the assembly reports them unless they are allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectDeclaration {
    /// The object; `locators` is empty. Its origin is the document in a file, or the call for generated text.
    pub object: Object,
    /// The `k8s_yaml` call.
    pub call: CallSite,
    /// Whether the same object may have been declared before.
    pub allow_duplicates: bool,
}

/// A call of `k8s_kind` or `k8s_image_json_path`. A later one with an equal matcher replaces the locator of an
/// earlier one.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadRegistration {
    /// The call.
    pub call: CallSite,
    /// Objects that match are workloads.
    pub matcher: ObjectMatcher,
    /// Where their images are.
    pub locator: Option<ImageLocator>,
    /// From `k8s_kind(pod_readiness=)`.
    pub pod_readiness: Option<PodReadiness>,
}

/// A fragment `name[:kind[:namespace]]` that shall identify one object; compared without regard to case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFragment {
    /// As written.
    pub text: String,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: Option<String>,
    /// Namespace.
    pub namespace: Option<String>,
}

/// One call of `k8s_resource`; applied in the order of the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesResourceCall {
    /// The call.
    pub call: CallSite,
    /// The resource that it refines; empty for a new one. Not both of `workload` and `new_name` are empty.
    pub workload: String,
    /// The new name; empty to keep it. Without `workload`, `objects` is not empty.
    pub new_name: String,
    /// Objects to pull into the resource.
    pub objects: Vec<ObjectFragment>,
    /// Added.
    pub port_forwards: Vec<PortForward>,
    /// Added.
    pub extra_pod_selectors: Vec<BTreeMap<String, String>>,
    /// Added.
    pub resource_deps: Vec<Spanned<ResourceName>>,
    /// Added.
    pub links: Vec<Link>,
    /// Added.
    pub labels: BTreeSet<String>,
    /// Overwrites when given.
    pub trigger_mode: Option<TriggerMode>,
    /// Overwrites when given.
    pub auto_init: Option<bool>,
    /// Overwrites when given.
    pub pod_readiness: Option<PodReadiness>,
    /// Overwrites when given.
    pub discovery_strategy: Option<DiscoveryStrategy>,
}
