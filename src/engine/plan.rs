//! Facts to effects: decides what to start and why the rest waits (reference §3.6). Computed anew on every event.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::change_log::Sequence;
use super::effect::Effect;
use super::engine::{Engine, Mode};
use super::event::WorkId;
use super::hold::Hold;
use super::snapshot::Connection;
use super::state::Work;
use super::status::UpdateReason;
use super::updates::is_live_update_only;
use crate::project::{ImageName, Project, Resource, ResourceName, Target, TriggerMode};

/// The resource that holds the objects which belong to no other (reference §3.3).
pub(super) const UNCATEGORIZED: &str = "uncategorized";

impl Engine {
    pub(super) fn plan(&mut self) {
        if self.state.quitting {
            self.plan_quit();
            return;
        }
        self.plan_config();
        self.absorb();
        // Those that were touched are drawn anew in any case; the others only when they wait for something else now.
        let held: Vec<(usize, Option<Hold>)> =
            self.attention.active.iter().map(|place| (*place, self.hold_at(*place).cloned())).collect();
        self.plan_live_updates();
        self.advance_updates();
        self.plan_updates();
        for (place, before) in held {
            if self.hold_at(place) != before.as_ref() {
                self.attention.unseen.insert(place);
            }
        }
        self.settle();
        self.plan_stale_prune();
        self.plan_image_prune();
        self.judge();
    }

    fn hold_at(&self, place: usize) -> Option<&Hold> {
        let (name, _) = self.state.resources.at(place)?;
        self.holds.get(name)
    }

    fn plan_quit(&mut self) {
        // Once: what is cancelled reports its end by itself.
        for work in self.state.works.keys().filter(|work| **work > self.state.cancelled_up_to) {
            self.effects.push(Effect::Cancel { work: *work });
        }
        self.state.cancelled_up_to = WorkId(self.state.next_work);
    }

    /// The resources that the plan looks at, in the order of the project.
    pub(super) fn looked_at(&self, project: &Project) -> Vec<Arc<Resource>> {
        let places = self.attention.active.iter();
        places.filter_map(|place| Some(Arc::clone(project.resources.get_index(*place)?.1))).collect()
    }

    fn plan_config(&mut self) {
        let held = self.state.config.loads > 0 && self.git_holds_config();
        if self.state.config.pending && self.state.config.running.is_none() && !held {
            self.state.config.pending = false;
            let work = self.state.start_work(Work::Config);
            self.state.config.running = Some(work);
            self.effects.push(Effect::LoadConfig { work, args: self.args() });
        }
    }

    /// What earlier sessions created and the project no longer has is deleted once everything has been deployed.
    fn plan_stale_prune(&mut self) {
        let Some(project) = self.state.project.clone() else { return };
        let waits = |name: &ResourceName| {
            let state = self.state.resources.get(name);
            state.is_some_and(|state| state.enabled && state.started_once && state.deployed.is_none())
        };
        if self.state.pruned_stale
            || !self.index.needs_cluster
            || self.state.stale_waits_for.as_ref().is_some_and(waits)
            || self.state.config.failed
            || self.state.config.running.is_some()
            || self.cluster_is_away()
        {
            return;
        }
        let mut deployed = false;
        for (name, resource) in &project.resources {
            let Target::Kubernetes(_) = &resource.target else { continue };
            let Some(state) = self.state.resources.get(name) else { return };
            if !state.enabled || (!resource.auto_init && !state.started_once) {
                continue;
            }
            if state.deployed.is_none() {
                self.state.stale_waits_for = Some(name.clone());
                return;
            }
            deployed = true;
        }
        if deployed {
            self.state.pruned_stale = true;
            let what = "deleting objects that the project no longer has";
            let work = self.state.start_work(Work::Housekeeping { resource: None, what });
            self.effects.push(Effect::PruneStale { work, project });
        }
    }

    pub(super) fn cluster_is_away(&self) -> bool {
        matches!(self.state.cluster, Some(Connection::Lost(_) | Connection::Connecting))
    }

    pub(super) fn docker_is_away(&self) -> bool {
        matches!(self.state.docker, Some(Connection::Lost(_) | Connection::Connecting))
    }

    /// Whether what a resource is deployed to does not answer.
    pub(super) fn place_is_away(&self, target: &Target) -> bool {
        match target {
            Target::Kubernetes(_) => self.cluster_is_away(),
            Target::Compose(_) => self.docker_is_away(),
            Target::Local(_) => false,
        }
    }

    /// Files of a resource that changed and have not been dealt with.
    pub(super) fn pending_files(&self, resource: &Resource) -> Vec<PathBuf> {
        let Some(state) = self.state.resources.get(&resource.name) else { return Vec::new() };
        match &resource.target {
            Target::Local(_) => state.changes.paths_after(state.consumed),
            target @ (Target::Kubernetes(_) | Target::Compose(_)) => {
                // Those of a custom deploy come first; others have none of their own.
                let mut files: Vec<PathBuf> = state.changes.paths_after(state.consumed);
                let mut seen: BTreeSet<Arc<Path>> = files.iter().map(|path| Arc::from(path.as_path())).collect();
                for image in target.images().iter().filter_map(|name| self.state.images.get(name)) {
                    files.extend(
                        image
                            .changes
                            .after(state.consumed)
                            .filter(|path| seen.insert(Arc::clone(path)))
                            .map(|path| path.to_path_buf()),
                    );
                }
                files
            }
        }
    }

    pub(super) fn has_pending_files(&self, resource: &Resource) -> bool {
        self.first_pending(resource).is_some()
    }

    /// The batch of the first change that has not been dealt with.
    fn first_pending(&self, resource: &Resource) -> Option<Sequence> {
        let state = self.state.resources.get(&resource.name)?;
        match &resource.target {
            Target::Local(_) => state.changes.first_after(state.consumed),
            target @ (Target::Kubernetes(_) | Target::Compose(_)) => target
                .images()
                .iter()
                .filter_map(|name| self.state.images.get(name)?.changes.first_after(state.consumed))
                .chain(state.changes.first_after(state.consumed))
                .min(),
        }
    }

    /// Why a resource needs a full update; empty when it does not.
    pub(super) fn full_update_reasons(&self, resource: &Resource) -> Vec<UpdateReason> {
        let Some(state) = self.state.resources.get(&resource.name) else { return Vec::new() };
        if !state.started_once {
            return Vec::new();
        }
        let mut reasons = Vec::new();
        if state.rebuild_reason.is_some() {
            reasons.push(UpdateReason::LiveUpdateFailed);
        }
        if state.config_dirty {
            reasons.push(UpdateReason::ConfigChanged);
        }
        if self.has_pending_files(resource) && !self.is_live_updatable_now(resource) {
            reasons.insert(0, UpdateReason::ChangedFiles);
        }
        if reasons.is_empty() && state.interrupted {
            reasons.push(UpdateReason::ChangedFiles);
        }
        reasons
    }

    pub(super) fn is_candidate(&self, resource: &Resource) -> bool {
        let Some(state) = self.state.resources.get(&resource.name) else { return false };
        if !state.enabled || state.update.is_some() || state.stopped {
            return false;
        }
        if self.state.trigger_queue.contains(&resource.name) || state.interrupted {
            return true;
        }
        if !state.started_once {
            return resource.auto_init
                || (resource.trigger_mode == TriggerMode::Auto && self.has_pending_files(resource));
        }
        resource.trigger_mode == TriggerMode::Auto && !self.full_update_reasons(resource).is_empty()
    }

    fn plan_updates(&mut self) {
        loop {
            self.absorb();
            let Some(project) = self.state.project.clone() else { return };
            let looked_at = self.looked_at(&project);
            self.attention.looks += looked_at.len() as u64;
            for resource in &looked_at {
                self.holds.remove(&resource.name);
            }
            let candidates: Vec<Arc<Resource>> =
                looked_at.iter().filter(|resource| self.is_candidate(resource)).cloned().collect();
            self.hold_manual(&looked_at);
            let mut free = Vec::new();
            for resource in candidates {
                match self.hold_of(&project, &resource) {
                    Some(hold) => {
                        self.holds.insert(resource.name.clone(), hold);
                    }
                    None => free.push(resource),
                }
            }
            self.hold_live(&project, &looked_at);
            if free.is_empty() {
                return;
            }
            let limit = project.settings.max_parallel_updates;
            if self.running_updates() >= limit {
                for resource in free {
                    self.holds.insert(resource.name.clone(), Hold::ParallelLimit { limit });
                }
                return;
            }
            let Some(resource) = self.pick(&free) else { return };
            self.start_update(&resource);
            self.advance_updates();
        }
    }

    fn running_updates(&self) -> usize {
        self.attention.updating.len()
    }

    fn hold_manual(&mut self, looked_at: &[Arc<Resource>]) {
        for resource in looked_at {
            let name = &resource.name;
            let waits = resource.trigger_mode == TriggerMode::Manual
                && !self.state.trigger_queue.contains(name)
                && self.state.resources.get(name).is_some_and(|state| {
                    state.enabled
                        && state.update.is_none()
                        && state.started_once
                        && state.released < self.state.sequence
                })
                && (self.has_pending_files(resource) || !self.full_update_reasons(resource).is_empty());
            let never_triggered = !resource.auto_init
                && self.state.resources.get(name).is_some_and(|state| state.enabled && !state.started_once);
            if waits || (never_triggered && !self.is_candidate(resource)) {
                self.holds.insert(name.clone(), Hold::Manual);
            }
        }
    }

    fn hold_of(&self, project: &Project, resource: &Resource) -> Option<Hold> {
        if self.state.config.running.is_some() || self.state.config.pending {
            return Some(Hold::ReloadingConfig);
        }
        if self.is_held_by_git(project, resource) {
            return Some(Hold::WaitingForGit);
        }
        let updating = || {
            let places = self.attention.updating.iter();
            places.filter_map(|place| self.state.resources.at(*place)).map(|(name, _)| name)
        };
        let alone = updating().find(|name| project.resources.get(*name).is_some_and(|other| must_run_alone(other)));
        if let Some(name) = alone {
            return Some(Hold::WaitingForLocal(name.clone()));
        }
        if must_run_alone(resource) {
            let others: Vec<ResourceName> = updating().cloned().collect();
            if !others.is_empty() {
                return Some(Hold::MustRunAlone(others));
            }
        }
        let waiting: Vec<ResourceName> = self.missing_dependencies(resource);
        let target = &resource.target;
        if matches!(target, Target::Kubernetes(_) | Target::Compose(_)) {
            let on_cluster = matches!(target, Target::Kubernetes(_));
            let uncategorized = self.state.resources.get(UNCATEGORIZED).is_some_and(|state| state.update.is_some());
            if on_cluster && uncategorized && resource.name.as_str() != UNCATEGORIZED {
                return Some(Hold::WaitingForUncategorized);
            }
            if !waiting.is_empty() {
                return Some(Hold::WaitingForDependencies(waiting));
            }
            let shared = self.shared_builds(project, target.images());
            if !shared.is_empty() {
                return Some(Hold::BuildingComponent(shared));
            }
            if on_cluster && self.cluster_is_away() {
                return Some(Hold::WaitingForCluster);
            }
            let builds = target.images().iter().filter_map(|name| project.images.get(name)).any(|image| {
                !is_live_update_only(image)
                    && self.needs_build(image, false, &BTreeSet::new(), self.state.sequence, target)
            });
            if (builds || !on_cluster) && self.docker_is_away() {
                return Some(Hold::WaitingForDocker);
            }
            return None;
        }
        (!waiting.is_empty()).then_some(Hold::WaitingForDependencies(waiting))
    }

    /// Dependencies that keep the first update of a resource waiting (reference §3.10).
    fn missing_dependencies(&self, resource: &Resource) -> Vec<ResourceName> {
        if self.state.resources.get(&resource.name).is_some_and(|state| state.started_once) {
            return Vec::new();
        }
        let ready =
            |name: &ResourceName| self.state.resources.get(name).is_some_and(|state| state.enabled && state.ready_once);
        resource.resource_deps.iter().map(|dep| &dep.value).filter(|name| !ready(name)).cloned().collect()
    }

    /// Images of this target that another update is building.
    fn shared_builds(&self, project: &Project, images: &[ImageName]) -> Vec<ImageName> {
        images
            .iter()
            .filter(|name| {
                project.images.contains_key(*name)
                    && self.state.images.get(*name).is_some_and(|image| image.building.is_some())
            })
            .cloned()
            .collect()
    }

    fn pick(&self, free: &[Arc<Resource>]) -> Option<Arc<Resource>> {
        let first = |resource: &&Arc<Resource>| {
            self.state.resources.get(&resource.name).is_some_and(|state| !state.started_once) && resource.auto_init
        };
        let rank = |resource: &Arc<Resource>| match &resource.target {
            Target::Local(_) => 0,
            Target::Kubernetes(_) if resource.name.as_str() == UNCATEGORIZED => 1,
            Target::Kubernetes(target) if target.images.is_empty() => 2,
            Target::Kubernetes(_) | Target::Compose(_) => 3,
        };
        if let Some(resource) = free.iter().filter(first).min_by_key(|resource| rank(resource)) {
            return Some(Arc::clone(resource));
        }
        for name in &self.state.trigger_queue {
            if let Some(resource) = free.iter().find(|resource| resource.name == *name) {
                return Some(Arc::clone(resource));
            }
        }
        free.iter().min_by_key(|resource| self.first_pending(resource).unwrap_or_default()).cloned()
    }

    /// Whether files are watched at all (reference §3.13: not in `ci`).
    pub fn watches_files(&self) -> bool {
        self.options.mode == Mode::Up
    }
}

fn must_run_alone(resource: &Resource) -> bool {
    matches!(&resource.target, Target::Local(local) if local.cmd.is_some() && !local.allow_parallel)
}
