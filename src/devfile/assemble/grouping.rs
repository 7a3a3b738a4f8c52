//! Which objects make a resource (reference §3.3).

use std::collections::{BTreeMap, BTreeSet};

use super::assemble::name_taken;
use super::names::{NameWorkloads, name_workloads};
use super::objects::KnownObject;
use crate::devfile::declarations::CustomDeployDeclaration;
use crate::diagnostic::{Diagnostic, Span, Spanned};
use crate::k8s::{Object, pod_template_labels, service_selector};
use crate::project::{DiscoveryStrategy, Link, PodReadiness, PortForward, ResourceName, TriggerMode};

/// The name of the resource of all objects that belong to no other.
pub(super) const UNCATEGORIZED: &str = "uncategorized";

/// Objects that are deployed together, and what has been said about them.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) origin: Span,
    /// Indices, in the order of their joining.
    pub(super) objects: Vec<usize>,
    /// Made by `k8s_resource(new_name=, objects=)`.
    pub(super) is_manual: bool,
    pub(super) port_forwards: Vec<PortForward>,
    pub(super) extra_pod_selectors: Vec<BTreeMap<String, String>>,
    pub(super) resource_deps: Vec<Spanned<ResourceName>>,
    pub(super) links: Vec<Link>,
    pub(super) labels: BTreeSet<String>,
    pub(super) trigger_mode: Option<TriggerMode>,
    pub(super) auto_init: Option<bool>,
    pub(super) pod_readiness: Option<PodReadiness>,
    pub(super) discovery: Option<DiscoveryStrategy>,
    /// Set when the user's own commands deploy it.
    pub(super) custom_deploy: Option<CustomDeployDeclaration>,
}

impl Group {
    /// A group of these objects about which nothing has been said.
    pub(super) fn new(name: impl Into<String>, origin: Span, objects: Vec<usize>, is_manual: bool) -> Self {
        Self {
            name: name.into(),
            origin,
            objects,
            is_manual,
            port_forwards: Vec::new(),
            extra_pod_selectors: Vec::new(),
            resource_deps: Vec::new(),
            links: Vec::new(),
            labels: BTreeSet::new(),
            trigger_mode: None,
            auto_init: None,
            pod_readiness: None,
            discovery: None,
            custom_deploy: None,
        }
    }
}

/// `groups`, those of the workloads with their Services, and the objects that are left.
pub(super) fn group_objects(
    objects: &[KnownObject],
    mut groups: Vec<Group>,
    namer: Option<&dyn NameWorkloads>,
    problems: &mut Vec<Diagnostic>,
) -> (Vec<Group>, BTreeSet<usize>) {
    let mut rest: BTreeSet<usize> = (0..objects.len()).collect();
    let workloads: Vec<usize> = (0..objects.len()).filter(|index| objects[*index].is_workload).collect();
    rest.retain(|index| !objects[*index].is_workload);
    let workload_objects: Vec<&Object> = workloads.iter().map(|index| objects[*index].object.as_ref()).collect();
    for (name, index) in name_workloads(&workload_objects, namer, problems).into_iter().zip(&workloads) {
        let Some(name) = name else { continue };
        let origin = &objects[*index].object.origin;
        if let Some(taken) = groups.iter().find(|group| group.name == name) {
            problems.push(name_taken(&name, "a Kubernetes resource", origin, &taken.origin));
            continue;
        }
        let mut group = Group::new(name, objects[*index].object.origin.clone(), vec![*index], false);
        take_services(objects, *index, &mut rest, &mut group);
        groups.push(group);
    }
    // Rare: a pod template without any image.
    for index in rest.clone() {
        let object = &objects[index].object;
        if !rest.contains(&index) || pod_template_labels(object).is_empty() {
            continue;
        }
        rest.remove(&index);
        let name = object.id.name.to_lowercase();
        let position = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            groups.push(Group::new(name, object.origin.clone(), Vec::new(), false));
            groups.len() - 1
        });
        groups[position].objects.push(index);
        take_services(objects, index, &mut rest, &mut groups[position]);
    }
    (groups, rest)
}

/// Moves the Services that select pods of this workload into its group.
fn take_services(objects: &[KnownObject], workload: usize, rest: &mut BTreeSet<usize>, group: &mut Group) {
    let templates = pod_template_labels(&objects[workload].object);
    if templates.is_empty() {
        return;
    }
    let namespace = objects[workload].object.id.namespace.as_deref().unwrap_or("default");
    let selects = |index: &usize| {
        let service = &objects[*index].object;
        let selector = service_selector(service);
        let service_namespace = service.id.namespace.as_deref().unwrap_or("default");
        !selector.is_empty()
            && (service_namespace == "default" || service_namespace == namespace)
            && templates.iter().any(|labels| selector.iter().all(|(key, value)| labels.get(key) == Some(value)))
    };
    let services: Vec<usize> = rest.iter().copied().filter(|index| selects(index)).collect();
    for service in services {
        rest.remove(&service);
        group.objects.push(service);
    }
}

/// When the pods of a group count as ready (reference §3.3).
pub(super) fn pod_readiness(group: &Group, objects: &[KnownObject], has_built_images: bool) -> PodReadiness {
    if let Some(explicit) = group.pod_readiness {
        return explicit;
    }
    let of_kinds: Vec<PodReadiness> =
        group.objects.iter().flat_map(|index| objects[*index].pod_readiness.iter().copied()).collect();
    for mode in [PodReadiness::Wait, PodReadiness::Ignore, PodReadiness::Succeeded] {
        if of_kinds.contains(&mode) {
            return mode;
        }
    }
    if group.is_manual && group.extra_pod_selectors.is_empty() && !has_built_images {
        PodReadiness::Ignore
    } else {
        PodReadiness::Wait
    }
}
