//! The engine: an event and the time in, effects out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::attention::Attention;
use super::effect::{ContainerPlace, Effect};
use super::event::Event;
use super::hold::Hold;
use super::index::{ProjectIndex, TreeIndex};
use super::snapshot::ResourceRows;
use super::state::State;
use super::status::SessionTime;
use crate::k8s::{Pod, Uid};
use crate::project::{Project, ResourceName, Target, WatchedTree};

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

/// What may have changed for those who follow pods, see [`Engine::take_moved`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moved {
    /// The project: anything.
    All,
    /// The pods, containers or objects of these.
    Some(Vec<ResourceName>),
}

impl Moved {
    /// Adds what has moved since.
    pub fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (_, Self::All) => *self = Self::All,
            (Self::Some(names), Self::Some(more)) => names.extend(more),
        }
    }
}

/// What is true and what to do next. See the module documentation.
#[derive(Debug)]
pub struct Engine {
    pub(super) options: EngineOptions,
    pub(super) state: State,
    /// Why resources wait; computed anew for each resource that the plan looks at.
    pub(super) holds: HashMap<ResourceName, Hold>,
    /// What belongs to whom in the project.
    pub(super) index: ProjectIndex,
    /// The files of the configuration.
    pub(super) config_index: TreeIndex<()>,
    /// Which resources the plan looks at.
    pub(super) attention: Attention,
    /// The rows of the newest picture.
    pub(super) rows: ResourceRows,
    pub(super) effects: Vec<Effect>,
    pub(super) now: SessionTime,
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
        Self {
            config_index: TreeIndex::of(&state.config.files),
            options,
            state,
            holds: HashMap::new(),
            index: ProjectIndex::default(),
            attention: Attention::default(),
            rows: ResourceRows::default(),
            effects: Vec::new(),
            now: SessionTime::default(),
        }
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
        if project.global_filter.ignores(path) {
            return Vec::new();
        }
        let enabled = |name: &ResourceName| self.is_enabled(name.as_str());
        if self.config_index.covers(path) {
            return project.resources.keys().filter(|name| enabled(name)).cloned().collect();
        }
        let of_images = self.index.images.covering(path).flat_map(|image| {
            let has_it = |name: &&ResourceName| {
                project.resources.get(*name).is_some_and(|resource| resource.target.images().contains(image))
            };
            self.index.users(image).filter(has_it)
        });
        let concerned: HashSet<&ResourceName> = of_images.chain(self.index.resources.covering(path)).collect();
        let mut concerned: Vec<&ResourceName> = concerned.into_iter().filter(|name| enabled(name)).collect();
        concerned.sort_by_key(|name| project.resources.get_index_of(*name));
        concerned.into_iter().cloned().collect()
    }

    /// The pods of a resource's current generation, the one that stands for it first.
    pub fn pods_of(&self, resource: &str) -> Vec<Arc<Pod>> {
        let Some(state) = self.state.resources.get(resource) else { return Vec::new() };
        state.runtime.pods.iter().filter_map(|uid| self.state.pods.get(uid)).cloned().collect()
    }

    /// The namespaces that pods of a resource are in.
    pub fn namespaces_of(&self, name: &ResourceName) -> BTreeSet<String> {
        let Some(resource) = self.project().and_then(|project| project.resources.get(name)) else {
            return BTreeSet::new();
        };
        if !matches!(resource.target, Target::Kubernetes(_)) {
            return BTreeSet::new();
        }
        let deployed = self.state.resources.get(name).and_then(|state| state.deployed.as_ref());
        let of_objects =
            deployed.iter().flat_map(|deployed| &deployed.objects).filter_map(|object| object.id.namespace.clone());
        // The commands of a custom deploy need not say what they applied where.
        let says_nothing = deployed.is_some_and(|deployed| deployed.objects.is_empty());
        let watches =
            resource.api().filter(|_| self.is_enabled(name.as_str())).into_iter().flat_map(|api| &api.watches);
        let of_watches = watches.map(|watch| watch.namespace.clone()).filter(|namespace| !namespace.is_empty());
        of_objects.chain(self.options.namespace.clone().filter(|_| says_nothing)).chain(of_watches).collect()
    }

    /// The resources whose pods, containers or objects may have changed since the last call, and that of resources in the
    /// project. What follows them need look at no others.
    pub fn take_moved(&mut self) -> Moved {
        self.absorb();
        let places = std::mem::take(&mut self.attention.moved);
        if std::mem::take(&mut self.attention.all_moved) {
            return Moved::All;
        }
        Moved::Some(
            places
                .into_iter()
                .filter_map(|place| self.state.resources.at(place))
                .map(|(name, _)| name.clone())
                .collect(),
        )
    }

    /// Whether the containers of a resource are at this place.
    pub fn is_at(&self, name: &ResourceName, place: ContainerPlace) -> bool {
        match (self.target_of(name), place) {
            (Some(Target::Kubernetes(_)), ContainerPlace::Cluster)
            | (Some(Target::Compose(_)), ContainerPlace::Engine) => true,
            (Some(Target::Kubernetes(_) | Target::Local(_) | Target::Compose(_)) | None, _) => false,
        }
    }

    /// The resources whose containers are at this place.
    pub fn resource_names(&self, place: ContainerPlace) -> impl Iterator<Item = &ResourceName> {
        self.state.resources.keys().filter(move |name| self.is_at(name, place))
    }

    /// The pods of all resources at this place; of those on the engine, each container counts as one.
    pub fn pods_by_resource(&self, place: ContainerPlace) -> Vec<(ResourceName, Vec<Arc<Pod>>)> {
        self.resource_names(place).map(|name| (name.clone(), self.pods_of(name.as_str()))).collect()
    }

    /// The Compose projects that have an enabled service.
    pub fn compose_projects(&self) -> BTreeSet<String> {
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

    /// The objects that are deployed of a resource and are its.
    pub fn deployed_objects_of(&self, name: &ResourceName) -> impl Iterator<Item = Uid> {
        let deployed = self.state.resources.get(name).and_then(|state| state.deployed.as_ref());
        let objects = deployed.into_iter().flat_map(|deployed| &deployed.objects);
        objects.map(|object| object.uid.clone()).filter(move |uid| self.state.owners.get(uid) == Some(name))
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
