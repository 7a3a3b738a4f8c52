//! A resource: what is shown as one row, and built and deployed together.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::api_target::ApiTarget;
use super::command_line::CommandLine;
use super::compose::ComposeTarget;
use super::ignore::{IgnorePattern, WatchedTree};
use super::name::{ImageName, ResourceName};
use super::port::{Link, PortForward};
use super::probe::Probe;
use crate::diagnostic::{Span, Spanned};
use crate::k8s::{LabelSelector, Object};

/// When changes are acted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TriggerMode {
    /// At once.
    Auto,
    /// When the user says so.
    Manual,
}

/// What it takes for the pods of a resource to count as ready (reference §3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PodReadiness {
    /// Pods run and all containers are ready.
    Wait,
    /// Pods are not looked at.
    Ignore,
    /// The pod has succeeded.
    Succeeded,
}

/// How pods are found (reference §3.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiscoveryStrategy {
    /// By owner references and extra selectors.
    Default,
    /// By extra selectors only.
    SelectorsOnly,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name.
    pub name: ResourceName,
    /// The call that declared it.
    pub origin: Span,
    /// What it consists of.
    pub target: Target,
    /// Must have been ready once before the first update of this one.
    pub resource_deps: Vec<Spanned<ResourceName>>,
    /// When changes are acted on.
    pub trigger_mode: TriggerMode,
    /// Whether the first update happens by itself.
    pub auto_init: bool,
    /// For grouping on the screen.
    pub labels: BTreeSet<String>,
    /// Shown links.
    pub links: Vec<Link>,
    /// Whether it is part of the selection (reference §2.9).
    pub enabled: bool,
}

/// What a resource consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Kubernetes objects.
    Kubernetes(Box<KubernetesTarget>),
    /// Commands on this machine.
    Local(Box<LocalTarget>),
    /// A service of a Compose project.
    Compose(Box<ComposeTarget>),
}

impl Resource {
    /// Set for the resource of an API object (`v1alpha1.kubernetes_apply`, `kubernetes_discovery`).
    pub fn api(&self) -> Option<&ApiTarget> {
        match &self.target {
            Target::Kubernetes(target) => target.api.as_deref(),
            Target::Local(_) | Target::Compose(_) => None,
        }
    }
}

impl Target {
    /// The images that are built for it, bases first.
    pub fn images(&self) -> &[ImageName] {
        match self {
            Self::Kubernetes(target) => &target.images,
            Self::Compose(target) => &target.images,
            Self::Local(_) => &[],
        }
    }

    /// Those of [`Self::images`] that its containers run.
    pub fn deployed_images(&self) -> &[ImageName] {
        match self {
            Self::Kubernetes(target) => &target.deployed_images,
            Self::Compose(target) => &target.deployed_images,
            Self::Local(_) => &[],
        }
    }

    /// The images that the cluster must find.
    pub fn cluster_images(&self) -> &[ImageName] {
        match self {
            Self::Kubernetes(target) => &target.deployed_images,
            Self::Compose(_) | Self::Local(_) => &[],
        }
    }
}

/// Kubernetes objects that are deployed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubernetesTarget {
    /// In the order of their declaration.
    pub objects: Vec<Arc<Object>>,
    /// Images to build, bases first.
    pub images: Vec<ImageName>,
    /// Those of `images` that the objects refer to.
    pub deployed_images: Vec<ImageName>,
    /// When it counts as ready.
    pub pod_readiness: PodReadiness,
    /// Port-forwards.
    pub port_forwards: Vec<PortForward>,
    /// Pods that match any of these belong to it too.
    pub extra_pod_selectors: Vec<LabelSelector>,
    /// How pods are found.
    pub discovery: DiscoveryStrategy,
    /// Set when the user's own commands deploy it (`k8s_custom_deploy`); then `objects` are not applied.
    pub custom_deploy: Option<Box<CustomDeploy>>,
    /// Set for an object of the API; it is no resource of the configuration's own.
    pub api: Option<Box<ApiTarget>>,
}

impl KubernetesTarget {
    /// What applies it again when it changes, beside its images.
    pub fn watched(&self) -> impl Iterator<Item = &WatchedTree> {
        let of_deploy = self.custom_deploy.iter().flat_map(|deploy| &deploy.watched);
        of_deploy.chain(self.api.iter().flat_map(|api| &api.watched))
    }
}

/// Deploying by commands of the user's own (reference §2.5, `k8s_custom_deploy`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomDeploy {
    /// Applies the objects and prints what the server made of them, as YAML.
    pub apply: CommandLine,
    /// Deletes them. Without it what `apply` printed is deleted (only `v1alpha1.kubernetes_apply` may leave it out).
    pub delete: Option<CommandLine>,
    /// A change of these runs `apply` again. What live update deals with is not among them.
    pub watched: Vec<WatchedTree>,
    /// Images that are told to `apply`, in the order of `image_deps`.
    pub image_deps: Vec<ImageName>,
}

/// Commands on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalTarget {
    /// Runs to completion at each update.
    pub cmd: Option<CommandLine>,
    /// Keeps running.
    pub serve_cmd: Option<CommandLine>,
    /// A change of these causes an update.
    pub watched: Vec<WatchedTree>,
    /// Patterns of `ignore=`, as declared; `watched` leaves out what they match.
    pub ignore: Vec<IgnorePattern>,
    /// Whether `cmd` may run beside other updates.
    pub allow_parallel: bool,
    /// Of `serve_cmd`.
    pub readiness_probe: Option<Probe>,
}
