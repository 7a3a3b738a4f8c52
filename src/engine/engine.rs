//! The engine: an event and the time in, effects out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::effect::{ContainerPlace, Effect};
use super::event::Event;
use super::hold::Hold;
use super::state::State;
use super::status::SessionTime;
use crate::k8s::{Pod, Uid};
use crate::project::{Project, Resource, ResourceName, Target, WatchedTree};

/// What a session is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Until the user quits.
    Up,
    /// Until there is a verdict; files are not watched.
    Ci {
        /// From the command line; `None` = no limit.
        timeout: Option<Duration>,
    },
}

/// What the engine is told once.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// What the session is for.
    pub mode: Mode,
    /// The entry file, for people.
    pub entry_file: PathBuf,
    /// The arguments of the configuration.
    pub args: Vec<String>,
    /// When the session started.
    pub started: DateTime<Utc>,
    /// The Kubernetes context in use.
    pub context: Option<String>,
    /// The default namespace in use.
    pub namespace: Option<String>,
    /// Files that earlier sessions sent into containers, by [`ContainerKey::instance`](super::ContainerKey::instance), and
    /// that have changed since.
    pub outdated: HashMap<String, Vec<PathBuf>>,
}

/// What is true and what to do next. See the module documentation.
#[derive(Debug)]
pub struct Engine {
    pub(super) options: EngineOptions,
    pub(super) state: State,
    /// Why resources wait; computed anew by each plan.
    pub(super) holds: HashMap<ResourceName, Hold>,
    pub(super) effects: Vec<Effect>,
    pub(super) now: SessionTime,
    /// Counts what changed in pods, deploys and the project.
    pub(super) revision: u64,
}

impl Engine {
    /// An engine that knows nothing yet. The first call of [`Engine::handle`] asks for the configuration.
    pub fn new(options: EngineOptions) -> Self {
        let mut state = State::default();
        state.config.pending = true;
        // Also while it is evaluated for the first time.
        let filter = Arc::default();
        state.config.files = vec![WatchedTree { root: options.entry_file.clone(), filter }];
        state.outdated.clone_from(&options.outdated);
        Self { options, state, holds: HashMap::new(), effects: Vec::new(), now: SessionTime::default(), revision: 0 }
    }

    /// Writes down what happened and decides what to do next.
    pub fn handle(&mut self, event: Event, now: SessionTime) -> Vec<Effect> {
        self.now = now.max(self.now);
        self.record(event);
        self.plan();
        self.note_readers();
        std::mem::take(&mut self.effects)
    }

    /// The arguments of the configuration, as of now.
    pub(super) fn args(&self) -> Arc<Vec<String>> {
        self.state.config.args.clone().unwrap_or_else(|| Arc::new(self.options.args.clone()))
    }

    /// The project that is in force.
    pub fn project(&self) -> Option<&Arc<Project>> {
        self.state.project.as_ref()
    }

    /// The files whose change runs the configuration again.
    pub fn config_files(&self) -> &[WatchedTree] {
        &self.state.config.files
    }

    /// The enabled resources that a change of `path` (absolute) concerns: all of them for a file of the configuration.
    pub fn resources_of(&self, path: &Path) -> Vec<ResourceName> {
        let Some(project) = self.project() else { return Vec::new() };
        let covers = |trees: &[WatchedTree]| trees.iter().any(|tree| tree.covers(path));
        let configures = covers(self.config_files());
        if project.global_filter.ignores(path) {
            return Vec::new();
        }
        let concerns = |resource: &Resource| match &resource.target {
            Target::Kubernetes(target) => {
                target.images.iter().filter_map(|name| project.images.get(name)).any(|image| covers(&image.watched))
                    || target.watched().any(|tree| tree.covers(path))
            }
            Target::Compose(target) => {
                target.images.iter().filter_map(|name| project.images.get(name)).any(|image| covers(&image.watched))
            }
            Target::Local(target) => covers(&target.watched),
        };
        let resources = project.resources.values().filter(|it| self.is_enabled(it.name.as_str()));
        resources.filter(|it| configures || concerns(it)).map(|it| it.name.clone()).collect()
    }

    /// The pods of a resource's current generation, the one that stands for it first.
    pub fn pods_of(&self, resource: &str) -> Vec<Arc<Pod>> {
        let Some(state) = self.state.resources.get(resource) else { return Vec::new() };
        state.runtime.pods.iter().filter_map(|uid| self.state.pods.get(uid)).cloned().collect()
    }

    /// The namespaces that pods of the project are in.
    pub fn namespaces(&self) -> std::collections::BTreeSet<String> {
        let on_cluster = self
            .state
            .resources
            .iter()
            .filter(|(name, _)| matches!(self.target_of(name), Some(Target::Kubernetes(_))))
            .filter_map(|(_, resource)| resource.deployed.as_ref());
        let of_objects =
            on_cluster.clone().flat_map(|deployed| &deployed.objects).filter_map(|object| object.id.namespace.clone());
        // The commands of a custom deploy need not say what they applied where.
        let says_nothing = on_cluster.clone().any(|deployed| deployed.objects.is_empty());
        let resources = self.state.project.iter().flat_map(|project| project.resources.values());
        let enabled = resources.filter(|resource| self.is_enabled(resource.name.as_str()));
        let watches = enabled.filter_map(|resource| resource.api()).flat_map(|api| &api.watches);
        let of_watches = watches.map(|watch| watch.namespace.clone()).filter(|namespace| !namespace.is_empty());
        of_objects.chain(self.options.namespace.clone().filter(|_| says_nothing)).chain(of_watches).collect()
    }

    /// Changes whenever pods, deploys or the project do: what follows them need look only then.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The pods of all resources; of those on the engine, each container counts as one.
    pub fn pods_by_resource(&self, place: ContainerPlace) -> Vec<(ResourceName, Vec<Arc<Pod>>)> {
        let is_there = |name: &ResourceName| {
            matches!(self.target_of(name), Some(Target::Compose(_))) == (place == ContainerPlace::Engine)
        };
        let names = self.state.resources.keys().filter(|name| is_there(name));
        names.map(|name| (name.clone(), self.pods_of(name.as_str()))).collect()
    }

    /// The Compose projects that have an enabled service.
    pub fn compose_projects(&self) -> std::collections::BTreeSet<String> {
        let resources = self.state.project.iter().flat_map(|project| project.resources.values());
        resources
            .filter(|resource| self.is_enabled(resource.name.as_str()))
            .filter_map(|resource| match &resource.target {
                Target::Compose(target) => Some(target.project.name.clone()),
                Target::Kubernetes(_) | Target::Local(_) => None,
            })
            .collect()
    }

    fn target_of(&self, name: &ResourceName) -> Option<&Target> {
        self.state.project.as_ref()?.resources.get(name).map(|resource| &resource.target)
    }

    /// The objects that are deployed, and whose they are.
    pub fn deployed_objects(&self) -> impl Iterator<Item = (Uid, ResourceName)> {
        self.state.owners.iter().map(|(uid, name)| (uid.clone(), name.clone()))
    }

    /// Whether the session has ended: everything that was started has been stopped.
    pub fn is_stopped(&self) -> bool {
        self.state.quitting && self.state.works.is_empty()
    }

    /// Whether a resource is part of the session.
    pub fn is_enabled(&self, resource: &str) -> bool {
        self.state.resources.get(resource).is_some_and(|resource| resource.enabled)
    }
}
