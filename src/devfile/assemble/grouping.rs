//! Which objects make a resource (reference §3.3).

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    let mut services = FreeServices::among(&rest, objects);
    let mut by_name: HashMap<String, usize> =
        groups.iter().enumerate().map(|(index, group)| (group.name.clone(), index)).collect();
    let workload_objects: Vec<&Object> = workloads.iter().map(|index| objects[*index].object.as_ref()).collect();
    for (name, index) in name_workloads(&workload_objects, namer, problems).into_iter().zip(&workloads) {
        let Some(name) = name else { continue };
        let origin = &objects[*index].object.origin;
        if let Some(taken) = by_name.get(&name) {
            problems.push(name_taken(&name, "a Kubernetes resource", origin, &groups[*taken].origin));
            continue;
        }
        let mut group = Group::new(name, objects[*index].object.origin.clone(), vec![*index], false);
        services.take(objects, *index, &mut rest, &mut group);
        by_name.insert(group.name.clone(), groups.len());
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
        let position = *by_name.entry(name).or_insert_with_key(|name| {
            groups.push(Group::new(name.as_str(), object.origin.clone(), Vec::new(), false));
            groups.len() - 1
        });
        groups[position].objects.push(index);
        services.take(objects, index, &mut rest, &mut groups[position]);
    }
    (groups, rest)
}

/// The Services that no workload has taken. Each stands below one label that it selects, so that a workload looks only at
/// those that could select its pods.
struct FreeServices {
    by_label: HashMap<(String, String), Vec<FreeService>>,
}

struct FreeService {
    index: usize,
    selector: BTreeMap<String, String>,
}

impl FreeServices {
    /// Those among the objects of `rest`.
    fn among(rest: &BTreeSet<usize>, objects: &[KnownObject]) -> Self {
        let mut by_label: HashMap<(String, String), Vec<FreeService>> = HashMap::new();
        for index in rest {
            let selector = service_selector(&objects[*index].object);
            let Some((key, value)) = selector.first_key_value() else { continue };
            let label = (key.clone(), value.clone());
            by_label.entry(label).or_default().push(FreeService { index: *index, selector });
        }
        Self { by_label }
    }

    /// Moves the Services that select pods of this workload from `rest` into its group, in the order of their declaration.
    fn take(&mut self, objects: &[KnownObject], workload: usize, rest: &mut BTreeSet<usize>, group: &mut Group) {
        if self.by_label.is_empty() {
            return;
        }
        let namespace = objects[workload].object.id.namespace.as_deref().unwrap_or("default");
        let mut taken: BTreeSet<usize> = BTreeSet::new();
        for labels in pod_template_labels(&objects[workload].object) {
            let selects = |service: &FreeService| {
                let service_namespace = objects[service.index].object.id.namespace.as_deref().unwrap_or("default");
                (service_namespace == "default" || service_namespace == namespace)
                    && service.selector.iter().all(|(key, value)| labels.get(key) == Some(value))
            };
            for (key, value) in &labels {
                if let Some(services) = self.by_label.get_mut(&(key.clone(), value.clone())) {
                    let selected = services.extract_if(.., |service| selects(service));
                    taken.extend(selected.map(|service| service.index));
                }
            }
        }
        for service in taken {
            rest.remove(&service);
            group.objects.push(service);
        }
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
