//! What the pods and processes of a resource amount to (reference §3.8, §3.9).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::engine::Engine;
use super::event::compose_owner;
use super::state::{ResourceState, Runtime, ServeState};
use super::status::RuntimeStatus;
use crate::k8s::{ContainerState, Pod, PodPhase, PodsState, PodsStatus, Uid};
use crate::project::{
    ComposeTarget, DiscoveryStrategy, KubernetesTarget, PodReadiness, Resource, ResourceName, Target,
};

impl Engine {
    pub(super) fn refresh_all_runtimes(&mut self) {
        let names: Vec<ResourceName> = self.state.resources.keys().cloned().collect();
        for name in names {
            self.refresh_runtime(&name);
        }
    }

    /// Refreshes the resources that a pod belongs to.
    pub(super) fn refresh_runtimes_of(&mut self, pod: &Pod) {
        let Some(project) = self.state.project.clone() else { return };
        let mut names: BTreeSet<ResourceName> =
            pod.owners.iter().chain([&pod.uid]).filter_map(|uid| self.state.owners.get(uid)).cloned().collect();
        for name in &self.index.with_selectors {
            if let Some(Target::Kubernetes(target)) = project.resources.get(name).map(|resource| &resource.target)
                && matches_selectors(target, pod)
            {
                names.insert(name.clone());
            }
        }
        // Those that it belonged to before.
        names.extend(self.state.shown_in.get(&pod.uid).into_iter().flatten().cloned());
        for name in names {
            self.refresh_runtime(&name);
        }
    }

    pub(super) fn refresh_runtime(&mut self, name: &ResourceName) {
        let Some(resource) = self.project().and_then(|project| project.resources.get(name)).cloned() else { return };
        let Some(state) = self.state.resources.get(name) else { return };
        let project_place = self.project().and_then(|project| project.resources.get_index_of(name));
        let mut runtime = match &resource.target {
            Target::Local(local) => local_runtime(local.serve_cmd.is_some(), state),
            Target::Kubernetes(target) => self.kubernetes_runtime(&resource, target, state),
            Target::Compose(target) => self.compose_runtime(&resource, target, state),
        };
        let now = self.now;
        let Some(state) = self.state.resources.get_mut(name) else { return };
        let former = std::mem::replace(&mut state.runtime.pods, runtime.pods.clone());
        self.note_shown(name, &former, &runtime.pods);
        if runtime.status == RuntimeStatus::Ok && self.containers_are_behind(&resource) {
            runtime.status = RuntimeStatus::Pending;
            "changed files are being copied into a new container".clone_into(&mut runtime.message);
        }
        let Some(state) = self.state.resources.get_mut(name) else { return };
        let ready = match (&resource.target, runtime.status) {
            (Target::Kubernetes(target), _) if target.pod_readiness == PodReadiness::Ignore => state.deployed.is_some(),
            (Target::Kubernetes(_) | Target::Compose(_), RuntimeStatus::Ok) => true,
            // Local resources are ready by their update or their probe, see `record`.
            _ => false,
        };
        state.ready_once |= ready && state.enabled;
        state.unready_since = match runtime.status {
            RuntimeStatus::Ok | RuntimeStatus::NotApplicable => None,
            _ => state.unready_since.or(Some(now)),
        };
        state.runtime = runtime;
        self.attention.moved.extend(project_place);
    }

    /// Remembers which resources show which pods.
    fn note_shown(&mut self, name: &ResourceName, former: &[Uid], now: &[Uid]) {
        if former == now {
            return;
        }
        for uid in former {
            if let Some(names) = self.state.shown_in.get_mut(uid) {
                names.remove(name);
                if names.is_empty() {
                    self.state.shown_in.remove(uid);
                }
            }
        }
        for uid in now {
            self.state.shown_in.entry(uid.clone()).or_default().insert(name.clone());
        }
    }

    fn kubernetes_runtime(&self, resource: &Resource, target: &KubernetesTarget, state: &ResourceState) -> Runtime {
        let Some(deployed) = &state.deployed else {
            let requested = state.enabled && (state.started_once || resource.auto_init);
            let status = if requested { RuntimeStatus::Pending } else { RuntimeStatus::None };
            return Runtime { status, ..Runtime::default() };
        };
        let mut mine: BTreeMap<&Uid, &Arc<Pod>> = BTreeMap::new();
        if target.discovery == DiscoveryStrategy::Default {
            let own = deployed.objects.iter().map(|object| &object.uid);
            let own = own.filter(|uid| self.state.owners.get(uid).is_some_and(|owner| *owner == resource.name));
            mine.extend(own.flat_map(|uid| self.state.pods.owned_by(uid)).map(|pod| (&pod.uid, pod)));
        }
        if !target.extra_pod_selectors.is_empty() {
            let selected = self.state.pods.values().filter(|pod| matches_selectors(target, pod));
            mine.extend(selected.map(|pod| (&pod.uid, pod)));
        }
        let mine: Vec<Arc<Pod>> = mine.into_values().cloned().collect();
        let current = crate::k8s::current_pods(&mine, &deployed.template_hashes);
        let pods = current.iter().map(|pod| pod.uid.clone()).collect();
        let job = deployed.objects.iter().find_map(|object| {
            let end = self.state.finished_jobs.get(&object.uid);
            if object.job_complete {
                Some((true, String::new()))
            } else {
                end.map(|end| (end.succeeded, end.message.clone()))
            }
        });
        // What an API object applies need not have pods, and those of others that it shows may not be there yet.
        if target.api.is_some() && current.is_empty() && job.is_none() {
            return Runtime { status: RuntimeStatus::Ok, message: String::new(), pods };
        }
        let (status, message) = match (target.pod_readiness, job) {
            (PodReadiness::Ignore, _) | (_, Some((true, _))) => (RuntimeStatus::Ok, String::new()),
            (_, Some((false, message))) => (RuntimeStatus::Error, message),
            (readiness, None) => {
                let PodsStatus { state, message } =
                    crate::k8s::pods_status(&current, readiness == PodReadiness::Succeeded);
                let status = match state {
                    PodsState::Ok => RuntimeStatus::Ok,
                    PodsState::Pending => RuntimeStatus::Pending,
                    PodsState::Error => RuntimeStatus::Error,
                };
                (status, message)
            }
        };
        Runtime { status, message, pods }
    }

    /// Reference §3.17: running or ended with 0 is well; health is shown and not waited for.
    fn compose_runtime(&self, resource: &Resource, target: &ComposeTarget, state: &ResourceState) -> Runtime {
        let requested = state.enabled && (state.started_once || resource.auto_init);
        let service = compose_owner(&target.project.name, &target.service);
        let is_owner = self.state.owners.get(&service).is_some_and(|owner| *owner == resource.name);
        let mut mine: Vec<&Arc<Pod>> = if is_owner { self.state.pods.owned_by(&service).collect() } else { Vec::new() };
        // What is on its way out does not count; but somebody else may have made all of them anew.
        let is_current = |pod: &&Arc<Pod>| {
            state.deployed.as_ref().is_some_and(|deployed| deployed.template_hashes.contains(&*pod.uid.0))
        };
        if mine.iter().any(is_current) {
            mine.retain(is_current);
        }
        mine.sort_by(|a, b| (b.created, &b.name).cmp(&(a.created, &a.name)));
        let pods = mine.iter().map(|pod| pod.uid.clone()).collect();
        if state.deployed.is_none() {
            let status = if requested { RuntimeStatus::Pending } else { RuntimeStatus::None };
            return Runtime { status, message: String::new(), pods };
        }
        let container = |pod: &Pod| pod.containers.first().map(|container| container.state.clone());
        let mut runtime = Runtime { status: RuntimeStatus::Ok, message: String::new(), pods };
        if mine.is_empty() {
            return Runtime { status: RuntimeStatus::Pending, message: "there is no container".to_owned(), ..runtime };
        }
        for pod in mine {
            let (status, message) = match (pod.phase, container(pod)) {
                (PodPhase::Running, Some(ContainerState::Running { .. })) => (RuntimeStatus::Ok, pod.message.clone()),
                (PodPhase::Succeeded, _) => (RuntimeStatus::Ok, String::new()),
                (PodPhase::Failed, Some(ContainerState::Terminated { exit_code, reason, message, .. })) => {
                    let why = if message.is_empty() { format!("exit status {exit_code}") } else { message };
                    (RuntimeStatus::Error, format!("{reason}: {why}"))
                }
                (PodPhase::Failed, _) => (RuntimeStatus::Error, pod.message.clone()),
                _ => (RuntimeStatus::Pending, pod.message.clone()),
            };
            let is_worse = match runtime.status {
                RuntimeStatus::Error => false,
                RuntimeStatus::Pending => status == RuntimeStatus::Error,
                _ => status != RuntimeStatus::Ok || runtime.message.is_empty(),
            };
            if is_worse {
                runtime.status = status;
                runtime.message = message;
            }
        }
        runtime
    }

    pub(super) fn has_probe(&self, name: &ResourceName) -> bool {
        self.project()
            .and_then(|project| project.resources.get(name))
            .is_some_and(|resource| matches!(&resource.target, Target::Local(local) if local.readiness_probe.is_some()))
    }
}

fn matches_selectors(target: &KubernetesTarget, pod: &Pod) -> bool {
    // A discovery finds pods only where it looks.
    let is_there = target
        .api
        .as_ref()
        .is_none_or(|api| api.watches.is_empty() || api.watches.iter().any(|watch| *watch.namespace == *pod.namespace));
    is_there && target.extra_pod_selectors.iter().any(|selector| selector.matches(&pod.labels))
}

fn local_runtime(serves: bool, state: &ResourceState) -> Runtime {
    if !serves {
        return Runtime { status: RuntimeStatus::NotApplicable, ..Runtime::default() };
    }
    let (status, message) = match &state.serve {
        ServeState::Running { ready: true, .. } => (RuntimeStatus::Ok, String::new()),
        ServeState::Running { pid: None, .. } => (RuntimeStatus::Pending, "being started".to_owned()),
        ServeState::Running { .. } => (RuntimeStatus::Pending, "its readiness probe has not succeeded yet".to_owned()),
        ServeState::Stopping { restart: true, .. } => (RuntimeStatus::Pending, "being restarted".to_owned()),
        ServeState::Stopping { restart: false, .. } => (RuntimeStatus::Pending, "being stopped".to_owned()),
        ServeState::Exited { message } => (RuntimeStatus::Error, message.clone()),
        ServeState::Idle if state.stopped => (RuntimeStatus::None, "stopped".to_owned()),
        ServeState::Idle if state.started_once => (RuntimeStatus::Pending, String::new()),
        ServeState::Idle => (RuntimeStatus::None, String::new()),
    };
    Runtime { status, message, ..Runtime::default() }
}
