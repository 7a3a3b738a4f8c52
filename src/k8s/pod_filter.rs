//! Which pods and containers count: those of the current generation (reference §3.7, §3.8).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::keys::POD_TEMPLATE_HASH_LABEL;
use super::pod::{Container, ContainerKind, Pod, PodPhase};
use crate::project::ImageReference;

/// What Kubernetes itself puts on the pods of a ReplicaSet that belongs to a Deployment.
const REPLICA_SET_LABEL: &str = "pod-template-hash";

/// The pods of the current generation, the one that stands for all first: the most recently created.
///
/// A pod made from another template than was last applied is dropped, and of several ReplicaSets only the newest one's
/// pods are kept. Pods without our hash (bare pods, custom resources) are never dropped for it.
pub fn current_pods(pods: &[Arc<Pod>], template_hashes: &BTreeSet<String>) -> Vec<Arc<Pod>> {
    let mut current: Vec<Arc<Pod>> = pods
        .iter()
        .filter(|pod| {
            template_hashes.is_empty()
                || pod.labels.get(POD_TEMPLATE_HASH_LABEL).is_none_or(|hash| template_hashes.contains(hash))
        })
        .cloned()
        .collect();
    // Several workloads of one resource have a ReplicaSet each: generations are told apart per workload. Only the pods
    // of a Deployment's ReplicaSet have the label; two StatefulSets of one operator are no generations.
    let generation = |pod: &Pod| {
        pod.labels.get(REPLICA_SET_LABEL).and_then(|_| Some((pod.owners.get(1)?.clone(), pod.owner_created?)))
    };
    let newest: std::collections::BTreeMap<_, _> = current.iter().filter_map(|pod| generation(pod)).fold(
        std::collections::BTreeMap::new(),
        |mut map, (owner, created)| {
            let newest = map.entry(owner).or_insert(created);
            *newest = created.max(*newest);
            map
        },
    );
    current.retain(|pod| generation(pod).is_none_or(|(owner, created)| newest.get(&owner) == Some(&created)));
    current.sort_by(|a, b| {
        (a.deleting, std::cmp::Reverse((a.created, &a.name)))
            .cmp(&(b.deleting, std::cmp::Reverse((b.created, &b.name))))
    });
    current
}

/// The pod that a port-forward leads to: running or being deleted; ready ones first, then the most recent.
pub fn forward_pod(pods: &[Arc<Pod>]) -> Option<&Arc<Pod>> {
    pods.iter()
        .filter(|pod| pod.phase == PodPhase::Running || pod.deleting)
        .max_by_key(|pod| (!pod.deleting, super::pod_is_ready(pod), pod.created, pod.name.clone()))
}

/// The containers of `pod` that run the image which was deployed as `cluster_ref`.
///
/// With an empty `cluster_ref` (an image that is only live-updated, never built) any tag of `declared` counts. Init
/// containers are never selected: they are over before files could arrive.
pub fn live_update_containers<'a>(
    pod: &'a Pod,
    cluster_ref: &'a str,
    declared: &'a ImageReference,
) -> impl Iterator<Item = &'a Container> {
    let wanted = ImageReference::parse(cluster_ref).ok();
    pod.containers.iter().filter(move |container| {
        if container.kind == ContainerKind::Init {
            return false;
        }
        let Ok(image) = ImageReference::parse(&container.image) else { return false };
        match &wanted {
            Some(wanted) => image == *wanted,
            None => image.same_repository(declared) && (declared.tag.is_none() || declared.tag == image.tag),
        }
    })
}

/// The containers of `pod` with this name; init containers are never selected.
pub fn named_containers<'a>(pod: &'a Pod, name: &'a str) -> impl Iterator<Item = &'a Container> {
    pod.containers.iter().filter(move |container| container.kind != ContainerKind::Init && container.name == name)
}

/// The container port of a forward that may leave it open (0): the local port when a container declares it, else the
/// first declared one, else the local port.
pub fn forward_port(pod: &Pod, local: u16, container: u16) -> u16 {
    if container != 0 {
        return container;
    }
    let mut declared = pod.containers.iter().flat_map(|container| &container.ports).map(|(port, _)| *port);
    if declared.clone().any(|port| port == local) {
        return local;
    }
    declared.next().unwrap_or(local)
}
