//! Live update: which container gets which files next (reference §3.7).
//!
//! Each container remembers the batch of changes up to which it holds the files. A container that has just started, be it
//! a new pod or a restart, holds what its image contains, so everything that changed since the image's build began is
//! sent to it before its resource counts as up to date. That one rule covers restarts, new replicas and edits during a
//! build.

use std::path::PathBuf;
use std::sync::Arc;

use super::change_log::Sequence;
use super::detail::{LiveDetail, LiveState};
use super::effect::{ContainerKey, ContainerPlace, Effect};
use super::engine::Engine;
use super::hold::Hold;
use super::state::{Built, LiveContainer, LiveInFlight, ResourceState, Work};
use super::status::RuntimeStatus;
use crate::k8s::{Container, ContainerState, Pod, PodPhase};
use crate::project::{Image, ImageName, LiveUpdate, Project, Resource, ResourceName, Target, TriggerMode, map_paths};

/// A container that live update may go into.
struct Candidate {
    pod: Arc<Pod>,
    container: Container,
    image: Arc<Image>,
    built: Built,
}

impl Engine {
    /// Whether an image of this resource declares live update.
    pub(super) fn takes_live_updates(&self, resource: &Resource) -> bool {
        let Some(project) = &self.state.project else { return false };
        live_images(project, &resource.target).next().is_some()
    }

    /// Whether what is pending is live update's to deal with, so that no full update is due.
    pub(super) fn is_live_updatable_now(&self, resource: &Resource) -> bool {
        let Some(project) = &self.state.project else { return false };
        let Some(state) = self.state.resources.get(&resource.name) else { return false };
        let target = &resource.target;
        // A live update that restarts its container ends what runs in it: that is no failure.
        let restarts = |image: &Arc<Image>| image.live_update.as_ref().is_some_and(|it| it.restart_container.is_some());
        let is_restarting = state.live.values().any(|container| container.in_flight.is_some())
            && live_images(project, target).any(restarts);
        let has_failed = state.runtime.status == RuntimeStatus::Error && !is_restarting;
        // The pods of a failed or never finished deploy are not those that the user wants to see updated.
        if state.deployed.is_none() || !state.last_full_ok || has_failed {
            return false;
        }
        // What the deploy itself depends on has to be deployed.
        if state.changes.changed_after(state.consumed) {
            return false;
        }
        target.images().iter().all(|name| {
            let pending = self.state.images.get(name).is_some_and(|image| image.changes.changed_after(state.consumed));
            !pending
                || live_images(project, target).any(|image| image.name == *name || image.base_images.contains(name))
        })
    }

    pub(super) fn plan_live_updates(&mut self) {
        let Some(project) = self.state.project.clone() else { return };
        for resource in &self.looked_at(&project) {
            if live_images(&project, &resource.target).next().is_some()
                && !self.place_is_away(&resource.target)
                && !self.is_held_by_git(&project, resource)
            {
                self.plan_live_update(&project, resource);
            }
        }
    }

    fn plan_live_update(&mut self, project: &Project, resource: &Arc<Resource>) {
        let name = &resource.name;
        let Some(state) = self.state.resources.get(name) else { return };
        if !state.enabled
            || state.update.is_some()
            || state.deployed.is_none()
            || state.rebuild_reason.is_some()
            || state.config_dirty
        {
            return;
        }
        // Beside new edits there are containers that restarted: they get again what their predecessors had.
        let live_now = self.is_live_updatable_now(resource);
        let up_to = match resource.trigger_mode {
            _ if !live_now => state.live_up_to,
            TriggerMode::Auto => self.state.sequence,
            TriggerMode::Manual => state.released.max(state.live_up_to),
        };
        let candidates = self.live_candidates(project, &resource.target, state);
        let keys: Vec<ContainerKey> =
            candidates.iter().filter_map(|candidate| container_key(&candidate.pod, &candidate.container)).collect();
        let is_gone =
            |(key, container): (&ContainerKey, &LiveContainer)| !keys.contains(key) && container.in_flight.is_none();
        if state.live.iter().any(is_gone)
            && let Some(state) = self.state.resources.get_mut(name)
        {
            state.live.retain(|key, container| keys.contains(key) || container.in_flight.is_some());
        }
        let mut all_synced = !candidates.is_empty();
        let mut live_containers = 0;
        let mut terminated = 0;
        for candidate in &candidates {
            match self.plan_container(resource, candidate, up_to) {
                Step::UpToDate => live_containers += 1,
                Step::Busy => all_synced = false,
                Step::Terminated => terminated += 1,
                Step::Rebuild(_) if !live_now || !self.has_pending_files(resource) => {}
                Step::Rebuild(reason) => {
                    if resource.trigger_mode == TriggerMode::Auto || self.is_released(name) {
                        if let Some(state) = self.state.resources.get_mut(name) {
                            state.rebuild_reason = Some(reason);
                        }
                        if resource.trigger_mode == TriggerMode::Manual && !self.state.trigger_queue.contains(name) {
                            self.state.trigger_queue.push_back(name.clone());
                        }
                    }
                    return;
                }
            }
        }
        // One that is being restarted by a live update is busy, not terminated.
        let only_terminated = !candidates.is_empty()
            && terminated + live_containers == candidates.len()
            && candidates.iter().all(|candidate| is_terminated(&candidate.pod, &candidate.container));
        if only_terminated && self.has_pending_files(resource) && resource.trigger_mode == TriggerMode::Auto {
            if let Some(state) = self.state.resources.get_mut(name) {
                state.rebuild_reason = Some("its containers have ended".to_owned());
            }
            return;
        }
        if all_synced
            && live_containers > 0
            && live_now
            && self.state.resources.get(name).is_some_and(|state| state.consumed < up_to || state.live_up_to < up_to)
            && let Some(state) = self.state.resources.get_mut(name)
        {
            state.consumed = state.consumed.max(up_to);
            state.live_up_to = state.live_up_to.max(up_to);
        }
    }

    fn is_released(&self, name: &ResourceName) -> bool {
        self.state.resources.get(name).is_some_and(|state| state.released > state.consumed)
    }

    fn live_candidates(&self, project: &Project, target: &Target, state: &ResourceState) -> Vec<Candidate> {
        let Some(deployed) = &state.deployed else { return Vec::new() };
        let mut candidates = Vec::new();
        for pod in state.runtime.pods.iter().filter_map(|uid| self.state.pods.get(uid)) {
            if pod.deleting {
                continue;
            }
            for image in live_images(project, target) {
                let Some(built) = deployed.images.get(&image.name) else { continue };
                let by_name = image.live_update.as_ref().and_then(|live_update| live_update.container_name.as_deref());
                let selected: Vec<&Container> = match (target, by_name) {
                    // A service has one image and its containers nothing beside it.
                    (Target::Compose(_), _) => pod.containers.iter().collect(),
                    (_, Some(name)) => crate::k8s::named_containers(pod, name).collect(),
                    (_, None) => {
                        let deployed = &built.image.cluster_ref;
                        crate::k8s::live_update_containers(pod, deployed, &image.reference).collect()
                    }
                };
                for container in selected {
                    candidates.push(Candidate {
                        pod: Arc::clone(pod),
                        container: container.clone(),
                        image: Arc::clone(image),
                        built: built.clone(),
                    });
                }
            }
        }
        candidates
    }

    /// Files that changed after `container` last got its own, in the order of their changes.
    fn files_for(&self, image: &Image, built: &Built, synced: Sequence, up_to: Sequence) -> Vec<PathBuf> {
        let sources = std::iter::once(&image.name).chain(&image.base_images);
        let mut files: Vec<PathBuf> = Vec::new();
        for source in sources {
            let contained = built.contains.get(source).copied().unwrap_or_default();
            if let Some(state) = self.state.images.get(source) {
                let after = contained.max(synced);
                // A released batch of a manual resource may be followed by newer ones, which wait.
                if up_to >= self.state.sequence {
                    files.extend(state.changes.after(after).map(|path| path.to_path_buf()));
                } else {
                    files.extend(state.changes.between(after, up_to).map(|path| path.to_path_buf()));
                }
            }
        }
        files.sort();
        files.dedup();
        files
    }

    /// Files in which a container differs from its image although the image is of now: one that was kept, because a build
    /// gave the same image again, holds what was sent to it before.
    fn differences_of_kept(
        &self,
        candidate: &Candidate,
        known: Option<&LiveContainer>,
        live_update: &LiveUpdate,
    ) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = Vec::new();
        if let Some(container) = known {
            for source in std::iter::once(&candidate.image.name).chain(&candidate.image.base_images) {
                let contained = candidate.built.contains.get(source).copied().unwrap_or_default();
                if let Some(state) = self.state.images.get(source) {
                    files.extend(state.changes.between(container.synced, contained).map(|path| path.to_path_buf()));
                }
            }
        }
        let key = container_key(&candidate.pod, &candidate.container);
        let outdated = key.and_then(|key| self.state.outdated.get(key.instance()));
        files.extend(outdated.into_iter().flatten().cloned());
        // The image itself is the same: what no `sync` covers makes no difference.
        map_paths(live_update, &files, |_| false).paths.into_iter().map(|path| path.local).collect()
    }

    fn plan_container(&mut self, resource: &Arc<Resource>, candidate: &Candidate, up_to: Sequence) -> Step {
        let Some(live_update) = &candidate.image.live_update else { return Step::UpToDate };
        let key = container_key(&candidate.pod, &candidate.container);
        let known = key
            .as_ref()
            .and_then(|key| self.state.resources.get(&resource.name).and_then(|state| state.live.get(key)).cloned());
        let container = known.clone().unwrap_or_default();
        if container.in_flight.is_some() {
            return Step::Busy;
        }
        let initial = live_update.initial_sync.is_some() && !container.initial;
        let mut files = self.files_for(&candidate.image, &candidate.built, container.synced, up_to);
        let kept = self.differences_of_kept(candidate, known.as_ref(), live_update);
        if files.is_empty() && kept.is_empty() && !initial {
            return Step::UpToDate;
        }
        if is_terminated(&candidate.pod, &candidate.container) {
            return Step::Terminated;
        }
        if let Some(stop) = map_paths(live_update, &files, |_| false).stop() {
            return Step::Rebuild(stop.to_string());
        }
        files.extend(kept);
        files.sort();
        files.dedup();
        let mapped = map_paths(live_update, &files, |_| false);
        match &candidate.container.state {
            ContainerState::Waiting { reason, .. } if reason == "CrashLoopBackOff" && !files.is_empty() => {
                return Step::Rebuild(format!("{} is in CrashLoopBackOff", candidate.container.name));
            }
            ContainerState::Waiting { .. } | ContainerState::Terminated { .. } => return Step::Busy,
            ContainerState::Running { .. } => {}
        }
        let Some(key) = key else { return Step::Busy };
        let work = self.state.start_work(Work::Live { resource: resource.name.clone(), container: key.clone() });
        let started = self.now;
        let consumed = self.state.resources.get(&resource.name).map(|state| state.consumed).unwrap_or_default();
        let news = container.synced.max(consumed);
        let replay = !initial && self.files_for(&candidate.image, &candidate.built, news, up_to).is_empty();
        let Some(state) = self.state.resources.get_mut(&resource.name) else { return Step::Busy };
        let flight = LiveInFlight { work, up_to, started, files: files.len(), initial, replay };
        let container = state.live.entry(key.clone()).or_default();
        container.in_flight = Some(flight);
        let place = match resource.target {
            Target::Compose(_) => ContainerPlace::Engine,
            Target::Kubernetes(_) | Target::Local(_) => ContainerPlace::Cluster,
        };
        self.effects.push(Effect::LiveUpdate {
            work,
            place,
            resource: resource.name.clone(),
            container: key,
            image: Arc::clone(&candidate.image),
            copies: mapped.paths,
            initial,
            runs: mapped.runs,
            restart: live_update.restart_container.is_some(),
        });
        Step::Busy
    }

    /// The running containers that live update may go into, so that connections can be opened before they are needed.
    pub fn live_containers(&self, place: ContainerPlace) -> Vec<ContainerKey> {
        self.resource_names(place).flat_map(|name| self.live_containers_of(name, place)).collect()
    }

    /// Those of one resource.
    pub fn live_containers_of(&self, name: &ResourceName, place: ContainerPlace) -> Vec<ContainerKey> {
        let Some(project) = &self.state.project else { return Vec::new() };
        let (resource, state) = (project.resources.get(name), self.state.resources.get(name));
        let Some((resource, state)) = resource.zip(state).filter(|_| self.is_at(name, place)) else {
            return Vec::new();
        };
        let candidates = self.live_candidates(project, &resource.target, state);
        let running = candidates.iter().filter(|it| matches!(it.container.state, ContainerState::Running { .. }));
        running.filter_map(|candidate| container_key(&candidate.pod, &candidate.container)).collect()
    }

    /// Whether every running container of a resource holds all files that it should (the second half of "up to date").
    pub(super) fn containers_are_behind(&self, resource: &Resource) -> bool {
        let Some(project) = &self.state.project else { return false };
        let Some(state) = self.state.resources.get(&resource.name) else { return false };
        self.live_candidates(project, &resource.target, state).iter().any(|candidate| {
            if !matches!(candidate.container.state, ContainerState::Running { .. }) {
                return false;
            }
            let key = container_key(&candidate.pod, &candidate.container);
            let known = key.and_then(|key| state.live.get(&key));
            let container = known.cloned().unwrap_or_default();
            let Some(live_update) = &candidate.image.live_update else { return false };
            container.in_flight.is_some()
                || !self.differences_of_kept(candidate, known, live_update).is_empty()
                || !self.files_for(&candidate.image, &candidate.built, container.synced, state.live_up_to).is_empty()
        })
    }

    /// How far each container is that live update goes into.
    pub(super) fn live_detail(&self, resource: &Resource, state: &ResourceState) -> Vec<LiveDetail> {
        let Some(project) = &self.state.project else { return Vec::new() };
        if state.deployed.is_none() || live_images(project, &resource.target).next().is_none() {
            return Vec::new();
        }
        let candidates = self.live_candidates(project, &resource.target, state);
        let detail = |candidate: &Candidate| {
            let key = container_key(&candidate.pod, &candidate.container);
            let known = key.and_then(|key| state.live.get(&key));
            let synced = known.map(|container| container.synced).unwrap_or_default();
            let is_running = matches!(candidate.container.state, ContainerState::Running { .. });
            let live_state = match known.and_then(|container| container.in_flight.as_ref()) {
                Some(flight) => LiveState::Syncing(flight.files),
                None if !is_running => LiveState::NotRunning,
                None => match self.files_for(&candidate.image, &candidate.built, synced, self.state.sequence).len() {
                    0 => LiveState::InSync,
                    files => LiveState::Pending(files),
                },
            };
            LiveDetail {
                pod: candidate.pod.name.clone(),
                container: candidate.container.name.clone(),
                image: candidate.image.name.clone(),
                state: live_state,
                last_sync: known.and_then(|container| container.last_sync),
            }
        };
        candidates.iter().map(detail).collect()
    }

    /// Says of resources whose changes are live update's why nothing else happens.
    pub(super) fn hold_live(&mut self, project: &Project, looked_at: &[Arc<Resource>]) {
        for resource in looked_at {
            let name = &resource.name;
            let Some(state) = self.state.resources.get(name) else { continue };
            if self.holds.contains_key(name) || state.update.is_some() || !state.enabled || !state.started_once {
                continue;
            }
            if state.live.values().any(|container| container.in_flight.is_some()) {
                self.holds.insert(name.clone(), Hold::LiveUpdating);
            } else if resource.trigger_mode == TriggerMode::Auto
                && self.has_pending_files(resource)
                && self.is_live_updatable_now(resource)
            {
                let hold = match &resource.target {
                    _ if self.is_held_by_git(project, resource) => Hold::WaitingForGit,
                    target if !self.place_is_away(target) => Hold::WaitingForDeploy,
                    Target::Compose(_) => Hold::WaitingForDocker,
                    Target::Kubernetes(_) | Target::Local(_) => Hold::WaitingForCluster,
                };
                self.holds.insert(name.clone(), hold);
            }
        }
    }
}

enum Step {
    UpToDate,
    /// Being updated, or not running yet.
    Busy,
    Terminated,
    Rebuild(String),
}

fn live_images<'a>(project: &'a Project, target: &'a Target) -> impl Iterator<Item = &'a Arc<Image>> {
    target
        .deployed_images()
        .iter()
        .filter_map(|name: &ImageName| project.images.get(name))
        .filter(|image| image.live_update.is_some())
}

fn is_terminated(pod: &Pod, container: &Container) -> bool {
    matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
        || (matches!(container.state, ContainerState::Terminated { .. }) && pod.phase != PodPhase::Running)
}

/// The key of the container's running instance.
fn container_key(pod: &Pod, container: &Container) -> Option<ContainerKey> {
    Some(ContainerKey {
        pod_uid: pod.uid.clone(),
        id: container.id.clone()?,
        namespace: pod.namespace.clone(),
        pod: pod.name.clone(),
        container: container.name.clone(),
    })
}
