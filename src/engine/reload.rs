//! A new configuration is a diff: untouched resources are untouched (reference §3.11).

use std::sync::Arc;

use indexmap::IndexMap;

use super::effect::Effect;
use super::engine::Engine;
use super::event::ConfigOutcome;
use super::index::{ProjectIndex, TreeIndex};
use super::snapshot::{ForwardSnapshot, ForwardState};
use super::state::{ResourceState, Stage, Work};
use crate::diagnostic::Diagnostic;
use crate::k8s::{Object, ObjectId};
use crate::logs::Level;
use crate::project::{
    ComposeTarget, DockerBuild, Image, ImageBuild, KubernetesTarget, LocalTarget, PortForward, Project, Resource,
    ResourceName, RestartProcess, Target,
};

impl Engine {
    pub(super) fn record_config(&mut self, outcome: ConfigOutcome) {
        self.state.config.running = None;
        self.state.config.loads += 1;
        self.state.config.duration = Some(outcome.duration);
        self.state.config.files = outcome.config_files;
        self.config_index = TreeIndex::of(&self.state.config.files);
        self.state.config.diagnostics = Arc::new(outcome.diagnostics);
        self.state.config.failed = outcome.project.is_none();
        self.state.config.needs_engine = outcome.needs_engine;
        // A failed load keeps the last good project running; what is wrong is shown until it is mended.
        if let Some(project) = outcome.project {
            self.adopt(&project);
            if std::mem::take(&mut self.state.config.reselect) {
                self.select_anew(&project);
            }
        } else if let Some(reached) = outcome.reached {
            let project = match &self.state.project {
                Some(current) => Arc::new(with_objects_of(current, &reached)),
                None => reached,
            };
            self.adopt(&project);
        }
    }

    /// Enables what the configuration selects, and nothing else.
    fn select_anew(&mut self, project: &Project) {
        for resource in project.resources.values() {
            if resource.enabled {
                self.enable(&resource.name);
            } else {
                self.disable(&resource.name);
            }
        }
    }

    pub(super) fn record_config_crash(&mut self, message: &str) {
        self.state.config.running = None;
        self.state.config.loads += 1;
        self.state.config.failed = true;
        let diagnostic = Diagnostic::error(format!("evaluating the configuration crashed: {message}"))
            .help("this is a bug in devloop; the last good configuration stays in force");
        self.state.config.diagnostics = Arc::new(vec![diagnostic]);
    }

    fn adopt(&mut self, project: &Arc<Project>) {
        let old = self.state.project.replace(Arc::clone(project));
        self.index = ProjectIndex::new(project);
        self.holds.retain(|name, _| project.resources.contains_key(name));
        self.effects.push(Effect::Adopt { project: Arc::clone(project) });
        if let Some(old) = &old {
            for (name, resource) in &old.resources {
                let replaced = project.resources.get(name).is_some_and(|new| same_kind(&resource.target, &new.target));
                if !replaced {
                    self.remove_resource(resource, project);
                }
            }
        }
        let mut images = self.state.images.replace(IndexMap::new());
        for (name, image) in &project.images {
            let before = old.as_ref().and_then(|old| old.images.get(name));
            let state = self.state.images.get_or_default(name);
            *state = images.swap_remove(name).unwrap_or_default();
            if before.is_some_and(|before| !same_build(before, image)) {
                // Its results are dropped; what is being built now is of the old definition.
                state.built = None;
                state.failed = None;
                if let Some(building) = &mut state.building {
                    building.stale = true;
                    self.effects.push(Effect::Cancel { work: building.work });
                }
            }
        }
        let mut former = self.state.resources.replace(IndexMap::new());
        let mut switched = Vec::new();
        let mut order = IndexMap::with_capacity(project.resources.len());
        for (name, resource) in &project.resources {
            let known = former.swap_remove(name);
            let is_known = known.is_some();
            let mut state = known.unwrap_or_else(|| ResourceState {
                enabled: resource.enabled,
                consumed: self.state.sequence,
                ..ResourceState::default()
            });
            let before = old.as_ref().and_then(|old| old.resources.get(name));
            if is_known
                && let Some(before) = before
                && state.started_once
                && changed(before, resource, old.as_deref(), project)
            {
                state.config_dirty = true;
            }
            // A config map switches it, nothing else does.
            if let Some(before) = before
                && resource.api().is_some()
                && before.enabled != resource.enabled
            {
                switched.push((name.clone(), resource.enabled));
            }
            state.forwards = forwards(resource, std::mem::take(&mut state.forwards), before);
            order.insert(name.clone(), state);
        }
        self.state.resources.replace(order);
        self.state.trigger_queue.retain(|name| project.resources.contains_key(name));
        for (name, enabled) in switched {
            if enabled {
                self.enable(&name);
            } else {
                self.disable(&name);
            }
        }
        self.adopt_commands(old.as_deref(), project);
        self.refresh_all_runtimes();
    }

    /// Stops what runs for a resource and deletes its objects, but for those that another resource has now.
    fn remove_resource(&mut self, resource: &Arc<Resource>, project: &Project) {
        let name = &resource.name;
        let applied = self.is_applied(name);
        self.stop_resource(name, "it is no longer in the configuration");
        self.delete_deployed(resource, project, false, applied);
        self.remove_service(resource, project, false);
        self.state.owners.retain(|_, owner| owner != name);
        self.state.resources.remove(name);
        self.log(Some(name.clone()), Level::Info, "removed: it is no longer in the configuration");
    }

    /// Whether there may be something of it in the cluster.
    fn is_applied(&self, name: &ResourceName) -> bool {
        self.state.resources.get(name).is_some_and(|state| {
            let deploying = state.update.as_ref().is_some_and(|update| matches!(update.stage, Stage::Deploying(_)));
            state.deployed.is_some() || deploying
        })
    }

    /// Deletes what a resource has deployed; a custom deploy only when it has been `applied` in this session.
    fn delete_deployed(
        &mut self,
        resource: &Arc<Resource>,
        project: &Project,
        same_name_counts_as_own: bool,
        applied: bool,
    ) {
        let Target::Kubernetes(target) = &resource.target else { return };
        let deletes_itself = target.custom_deploy.as_ref().map(|deploy| deploy.delete.is_some());
        if deletes_itself == Some(true) {
            if applied {
                let what = "running the delete command";
                let work = self.state.start_work(Work::Housekeeping { resource: Some(resource.name.clone()), what });
                let timeout = resource.api().and_then(|api| api.timeout);
                let limit = timeout.unwrap_or(project.settings.k8s_upsert_timeout);
                self.effects.push(Effect::DeleteCustom { work, resource: Arc::clone(resource), limit });
            }
            return;
        }
        let declared_elsewhere: Vec<ObjectId> = project
            .resources
            .values()
            .filter(|other| !(same_name_counts_as_own && other.name == resource.name))
            .filter_map(|resource| match &resource.target {
                Target::Kubernetes(target) => Some(target),
                Target::Local(_) | Target::Compose(_) => None,
            })
            .flat_map(|target| target.objects.iter().map(|object| object.id.clone()))
            .collect();
        if deletes_itself.is_none() && target.objects.iter().all(|object| declared_elsewhere.contains(&object.id)) {
            return;
        }
        let what = "deleting objects";
        let work = self.state.start_work(Work::Housekeeping { resource: Some(resource.name.clone()), what });
        self.effects.push(Effect::DeleteObjects {
            work,
            project: project.name.clone(),
            resource: resource.name.clone(),
            declared_elsewhere,
        });
    }

    /// Removes the containers of a Compose service, unless another resource has it now.
    fn remove_service(&mut self, resource: &Arc<Resource>, project: &Project, same_name_counts_as_own: bool) {
        let Target::Compose(target) = &resource.target else { return };
        let has_it = |other: &Arc<Resource>| {
            let is_own = same_name_counts_as_own && other.name == resource.name;
            !is_own && matches!(&other.target, Target::Compose(other) if same_service(target, other))
        };
        if project.resources.values().any(has_it) {
            return;
        }
        let what = "removing containers";
        let work = self.state.start_work(Work::Housekeeping { resource: Some(resource.name.clone()), what });
        self.effects.push(Effect::RemoveService { work, resource: Arc::clone(resource) });
    }

    pub(super) fn enable(&mut self, name: &ResourceName) {
        let Some(state) = self.state.resources.get_mut(name) else { return };
        if state.enabled {
            return;
        }
        // Like a new one.
        let forwards = std::mem::take(&mut state.forwards);
        *state = ResourceState { enabled: true, consumed: self.state.sequence, forwards, ..ResourceState::default() };
        self.log(Some(name.clone()), Level::Info, "enabled");
        self.refresh_runtime(name);
    }

    pub(super) fn disable(&mut self, name: &ResourceName) {
        if !self.state.resources.get(name).is_some_and(|state| state.enabled) {
            return;
        }
        let applied = self.is_applied(name);
        self.stop_resource(name, "disabled");
        let Some(project) = self.state.project.clone() else { return };
        let resource = project.resources.get(name).cloned();
        if let Some(state) = self.state.resources.get_mut(name) {
            let deployed = state.deployed.is_some() || state.update.is_some();
            let serve = state.serve.clone();
            let forwards = std::mem::take(&mut state.forwards);
            *state = ResourceState { serve, forwards, ..ResourceState::default() };
            self.state.owners.retain(|_, owner| owner != name);
            if deployed && let Some(resource) = resource {
                self.delete_deployed(&resource, &project, true, applied);
                self.remove_service(&resource, &project, true);
            }
        }
        self.log(Some(name.clone()), Level::Info, "disabled");
        self.refresh_runtime(name);
    }
}

/// A project with the objects of the API of another one beside its own, and in place of those of the same names.
fn with_objects_of(project: &Project, other: &Project) -> Project {
    let mut merged = project.clone();
    merged.api.commands.extend(other.api.commands.iter().map(|(name, command)| (name.clone(), Arc::clone(command))));
    merged.api.buttons.extend(other.api.buttons.iter().map(|(name, button)| (name.clone(), Arc::clone(button))));
    merged.api.file_watches.extend(other.api.file_watches.iter().map(|(name, trees)| (name.clone(), trees.clone())));
    merged.resources.extend(other.resources.iter().map(|(name, resource)| (name.clone(), Arc::clone(resource))));
    for object in &other.api_objects {
        match merged.api_objects.iter_mut().find(|it| it.kind == object.kind && it.name == object.name) {
            Some(known) => *known = Arc::clone(object),
            None => merged.api_objects.push(Arc::clone(object)),
        }
    }
    merged
}

fn same_kind(old: &Target, new: &Target) -> bool {
    match (old, new) {
        (Target::Kubernetes(old), Target::Kubernetes(new)) => {
            old.custom_deploy.is_some() == new.custom_deploy.is_some()
        }
        (Target::Local(_), Target::Local(_)) => true,
        (Target::Compose(old), Target::Compose(new)) => same_service(old, new),
        (Target::Kubernetes(_) | Target::Local(_) | Target::Compose(_), _) => false,
    }
}

fn same_service(old: &ComposeTarget, new: &ComposeTarget) -> bool {
    old.project.name == new.project.name && old.service == new.service
}

/// Whether what is built or deployed for a resource is defined differently now. Places in files, watched paths, labels,
/// links, dependencies, trigger mode and port-forwards do not count: they take effect without an update.
fn changed(old: &Resource, new: &Resource, old_project: Option<&Project>, project: &Project) -> bool {
    match (&old.target, &new.target) {
        (Target::Kubernetes(before), Target::Kubernetes(after)) => {
            !same_objects(&before.objects, &after.objects)
                || !same_custom_deploy(before, after)
                || before.api.as_ref().map(|api| &api.watches) != after.api.as_ref().map(|api| &api.watches)
                || before.images != after.images
                || before.deployed_images != after.deployed_images
                || images_changed(&new.target, old_project, project)
                || old_project.is_some_and(|old| {
                    old.settings.default_registry != project.settings.default_registry && !after.images.is_empty()
                })
        }
        (Target::Local(before), Target::Local(after)) => !same_commands(before, after),
        (Target::Compose(before), Target::Compose(after)) => {
            !same_service(before, after)
                || before.definition != after.definition
                || before.project.directory != after.project.directory
                || before.images != after.images
                || before.deployed_images != after.deployed_images
                || images_changed(&new.target, old_project, project)
        }
        (Target::Kubernetes(_) | Target::Local(_) | Target::Compose(_), _) => true,
    }
}

/// Whether the same commands deploy it; what they are run again for does not count.
fn same_custom_deploy(old: &KubernetesTarget, new: &KubernetesTarget) -> bool {
    match (&old.custom_deploy, &new.custom_deploy) {
        (Some(old), Some(new)) => {
            old.apply == new.apply && old.delete == new.delete && old.image_deps == new.image_deps
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn same_objects(old: &[Arc<Object>], new: &[Arc<Object>]) -> bool {
    old.len() == new.len()
        && old.iter().zip(new).all(|(old, new)| {
            Arc::ptr_eq(old, new) || (old.id == new.id && old.value == new.value && old.locators == new.locators)
        })
}

fn images_changed(target: &Target, old: Option<&Project>, new: &Project) -> bool {
    let Some(old) = old else { return false };
    target.images().iter().any(|name| match (old.images.get(name), new.images.get(name)) {
        (Some(before), Some(after)) => !same_build(before, after) || !same_injection(before, after),
        (None, _) | (_, None) => true,
    })
}

fn same_injection(old: &Image, new: &Image) -> bool {
    old.entrypoint == new.entrypoint
        && old.container_args == new.container_args
        && old.match_in_env_vars == new.match_in_env_vars
        && old.exact == new.exact
        && match (restart_process(old), restart_process(new)) {
            (Some(old), Some(new)) => old.same_wrapper(new),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
}

fn restart_process(image: &Image) -> Option<&RestartProcess> {
    image.live_update.as_ref()?.restart_process.as_ref()
}

/// Whether an image is built the same way; `cache_from` and what is merely watched do not count.
fn same_build(old: &Image, new: &Image) -> bool {
    old.base_images == new.base_images
        && match (&old.build, &new.build) {
            (ImageBuild::Docker(old), ImageBuild::Docker(new)) => {
                let comparable = |build: &DockerBuild| DockerBuild { cache_from: Vec::new(), ..build.clone() };
                let (mut old, new) = (comparable(old), comparable(new));
                // Where the Dockerfile lies does not matter, only what it says.
                old.dockerfile.path.clone_from(&new.dockerfile.path);
                old == new
            }
            (ImageBuild::Custom(old), ImageBuild::Custom(new)) => {
                old.command == new.command
                    && old.tag == new.tag
                    && old.push == new.push
                    && old.outputs_image_ref_to == new.outputs_image_ref_to
            }
            (ImageBuild::Compose(old), ImageBuild::Compose(new)) => {
                old.project.name == new.project.name && old.service == new.service && old.definition == new.definition
            }
            (ImageBuild::Docker(_) | ImageBuild::Custom(_) | ImageBuild::Compose(_), _) => false,
        }
}

fn same_commands(old: &LocalTarget, new: &LocalTarget) -> bool {
    old.cmd == new.cmd && old.serve_cmd == new.serve_cmd && old.readiness_probe == new.readiness_probe
}

/// Forwards that are declared as before keep their state.
fn forwards(resource: &Resource, states: Vec<ForwardSnapshot>, before: Option<&Arc<Resource>>) -> Vec<ForwardSnapshot> {
    let Target::Kubernetes(target) = &resource.target else { return Vec::new() };
    let old = match before.map(|before| &before.target) {
        Some(Target::Kubernetes(old)) => old.port_forwards.clone(),
        Some(Target::Local(_) | Target::Compose(_)) | None => Vec::new(),
    };
    let kept: Vec<(PortForward, ForwardSnapshot)> = old.into_iter().zip(states).collect();
    target
        .port_forwards
        .iter()
        .map(|forward| {
            kept.iter().find(|(old, _)| old == forward).map_or_else(|| pending(forward), |(_, state)| state.clone())
        })
        .collect()
}

fn pending(forward: &PortForward) -> ForwardSnapshot {
    let host = forward.host.as_deref().unwrap_or("localhost");
    let path = forward.path.trim_start_matches('/');
    ForwardSnapshot {
        url: format!("http://{host}:{}/{path}", forward.local),
        local: forward.local,
        container: forward.container,
        name: forward.name.clone(),
        state: ForwardState::Pending,
    }
}
