//! Facts to snapshot: the picture that the UIs read.

use std::sync::Arc;

use super::engine::Engine;
use super::hold::Hold;
use super::snapshot::{
    ConfigSnapshot, ConfigState, Connection, PodSnapshot, ResourceSnapshot, SessionPhase, Snapshot, UpdateInProgress,
};
use super::state::{ResourceState, ServeState, Work};
use super::status::{ResourceKind, RuntimeStatus, UpdateReason, UpdateStatus};
use crate::k8s::Pod;
use crate::project::{Resource, Target, TriggerMode};

/// Pending files that a snapshot names.
const PENDING_FILES: usize = 5;

impl Engine {
    /// A picture of the session as of the newest event.
    pub fn snapshot(&mut self) -> Snapshot {
        self.refresh_rows();
        let project = self.state.project.as_ref();
        Snapshot {
            project: project.map(|project| project.name.clone()),
            entry_file: self.options.entry_file.clone(),
            context: self.options.context.clone(),
            namespace: self.options.namespace.clone(),
            started: self.options.started,
            now: self.now,
            config: self.config_snapshot(),
            docker: self.state.docker.clone().unwrap_or(Connection::NotNeeded),
            cluster: self.state.cluster.clone().unwrap_or(Connection::NotNeeded),
            resources: self.rows.clone(),
            buttons: project.map(|project| project.api.buttons.values().cloned().collect()).unwrap_or_default(),
            commands: self.command_snapshots(),
            phase: self.phase(),
            verdict: self.state.verdict.clone(),
        }
    }

    /// Makes the rows anew that something has touched since the newest picture.
    fn refresh_rows(&mut self) {
        self.absorb();
        let unseen = std::mem::take(&mut self.attention.unseen);
        let all_unseen = std::mem::take(&mut self.attention.all_unseen);
        let row = |place: usize| {
            let (_, resource) = self.state.project.as_ref()?.resources.get_index(place)?;
            Some(self.resource_snapshot(resource, self.state.resources.get(&resource.name)?))
        };
        if all_unseen {
            self.rows = (0..self.state.resources.len()).filter_map(row).collect();
            self.attention.rows += self.rows.len() as u64;
            return;
        }
        let rows: Vec<(usize, ResourceSnapshot)> =
            unseen.into_iter().filter_map(|place| Some((place, row(place)?))).collect();
        self.attention.rows += rows.len() as u64;
        let known = &self.rows;
        let changed = rows.into_iter().filter(|(place, row)| known[*place] != *row).collect();
        self.rows.change(changed);
    }

    fn config_snapshot(&self) -> ConfigSnapshot {
        let config = &self.state.config;
        let state = if config.running.is_some() || config.pending {
            ConfigState::Loading
        } else if config.failed {
            ConfigState::Failed
        } else {
            ConfigState::Loaded
        };
        ConfigSnapshot {
            state,
            args: self.args(),
            diagnostics: Arc::clone(&config.diagnostics),
            loads: config.loads,
            duration: config.duration,
        }
    }

    fn phase(&self) -> SessionPhase {
        if !self.state.quitting {
            return SessionPhase::Running;
        }
        if self.is_stopped() {
            return SessionPhase::Stopped;
        }
        let remaining = self
            .state
            .works
            .values()
            .map(|work| match work {
                Work::Config => "the configuration run".to_owned(),
                Work::Image { image, .. } => format!("the build of {image}"),
                Work::Deploy(name) => format!("the deploy of {name}"),
                Work::Local(name) => format!("the command of {name}"),
                Work::Command(name) => format!("the command {name}"),
                Work::Serve(name) => format!("the process of {name}"),
                Work::Live { resource, .. } => format!("the live update of {resource}"),
                Work::Housekeeping { what, .. } => (*what).to_owned(),
            })
            .collect();
        SessionPhase::Stopping { remaining }
    }

    fn resource_snapshot(&self, resource: &Arc<Resource>, state: &ResourceState) -> ResourceSnapshot {
        let pending = self.pending_files(resource);
        let pods: Vec<Arc<Pod>> =
            state.runtime.pods.iter().filter_map(|uid| self.state.pods.get(uid)).cloned().collect();
        let current = state.update.as_ref().map(|update| UpdateInProgress {
            started: update.started,
            reasons: update.reasons.clone(),
            step: update.step.clone(),
            steps: update.done_steps.clone(),
        });
        let (kind, images) = match &resource.target {
            Target::Kubernetes(target) => (ResourceKind::Kubernetes, target.images.clone()),
            Target::Compose(target) => (ResourceKind::Compose, target.images.clone()),
            Target::Local(_) => (ResourceKind::Local, Vec::new()),
        };
        ResourceSnapshot {
            name: resource.name.clone(),
            kind,
            labels: resource.labels.iter().cloned().collect(),
            enabled: state.enabled,
            trigger_mode: resource.trigger_mode,
            update: self.update_status(resource, state),
            runtime: if state.enabled { state.runtime.status } else { RuntimeStatus::None },
            runtime_message: state.lost.clone().unwrap_or_else(|| state.runtime.message.clone()),
            hold: self.holds.get(&resource.name).cloned(),
            pending_file_count: pending.len(),
            pending_files: pending.into_iter().take(PENDING_FILES).collect(),
            reasons: self.reasons(resource, state),
            current,
            history: state.history.iter().cloned().collect(),
            pod: pods.first().map(|pod| pod_snapshot(pod)),
            ready_pods: pods.iter().filter(|pod| crate::k8s::pod_is_ready(pod)).count(),
            pods: pods.len(),
            pid: match state.serve {
                ServeState::Running { pid, .. } => pid,
                ServeState::Idle | ServeState::Stopping { .. } | ServeState::Exited { .. } => None,
            },
            forwards: state.forwards.clone(),
            links: resource.links.clone(),
            resource_deps: resource.resource_deps.iter().map(|dep| dep.value.clone()).collect(),
            images,
            detail: self.resource_detail(resource, state, pods),
        }
    }

    fn reasons(&self, resource: &Resource, state: &ResourceState) -> Vec<UpdateReason> {
        if let Some(update) = &state.update {
            return update.reasons.clone();
        }
        if self.state.trigger_queue.contains(&resource.name) {
            return vec![UpdateReason::Triggered];
        }
        if !state.started_once {
            return if resource.auto_init { vec![UpdateReason::InitialBuild] } else { Vec::new() };
        }
        self.full_update_reasons(resource)
    }

    pub(super) fn update_status(&self, resource: &Resource, state: &ResourceState) -> UpdateStatus {
        if !state.enabled {
            return UpdateStatus::None;
        }
        let live =
            state.live.values().any(|container| container.in_flight.as_ref().is_some_and(|flight| !flight.replay));
        if state.update.is_some() || live {
            return UpdateStatus::InProgress;
        }
        let queued = self.state.trigger_queue.contains(&resource.name) || state.interrupted;
        if !state.started_once {
            return if queued || resource.auto_init { UpdateStatus::Pending } else { UpdateStatus::None };
        }
        let pending = queued
            || match resource.trigger_mode {
                TriggerMode::Auto => self.has_pending_files(resource) || !self.full_update_reasons(resource).is_empty(),
                TriggerMode::Manual => matches!(self.holds.get(&resource.name), Some(Hold::Manual)),
            };
        if pending && !state.stopped {
            return UpdateStatus::Pending;
        }
        match state.last_ok {
            Some(false) => UpdateStatus::Error,
            _ if matches!(&resource.target, Target::Local(local) if local.cmd.is_none()) => UpdateStatus::NotApplicable,
            Some(true) => UpdateStatus::Ok,
            None => UpdateStatus::None,
        }
    }
}

fn pod_snapshot(pod: &Pod) -> PodSnapshot {
    PodSnapshot {
        name: pod.name.clone(),
        namespace: pod.namespace.clone(),
        created: pod.created,
        status: crate::k8s::pod_status_word(pod),
        restarts: pod.containers.iter().map(|container| container.restarts).sum(),
        ready: crate::k8s::pod_is_ready(pod),
    }
}
