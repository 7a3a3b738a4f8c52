//! What is to be done: everything that the engine ever asks for.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::event::{BuiltImage, WorkId};
use crate::k8s::{ObjectId, Uid};
use crate::logs::Level;
use crate::project::{ApiCommand, Image, ImageName, MappedPath, Project, ProjectName, Resource, ResourceName, Run};

/// What is to be done. Those with a [`WorkId`] run as a task and end with exactly one `Event::Finished`.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Evaluate the configuration.
    LoadConfig {
        /// The work.
        work: WorkId,
        /// The arguments of the configuration.
        args: Arc<Vec<String>>,
    },
    /// Watch the files of this project from now on, and know its secrets.
    Adopt {
        /// The project.
        project: Arc<Project>,
    },
    /// Build an image, and bring it to where the cluster finds it.
    BuildImage {
        /// The work.
        work: WorkId,
        /// For which resource: whose log it goes to.
        resource: ResourceName,
        /// The image.
        image: Arc<Image>,
        /// The images that it is built from.
        bases: BTreeMap<ImageName, BuiltImage>,
        /// Whether a resource deploys it, so that the cluster must find it.
        deployed: bool,
        /// Whether it is built although there is a result of the same input (reference §3.10). The engine's layers are
        /// cached by content all the same.
        forced: bool,
        /// The build; bringing the image to the cluster is the step after it.
        step: Step,
    },
    /// Apply the objects of a resource, and prune those that it no longer has.
    Deploy {
        /// The work.
        work: WorkId,
        /// The resource.
        resource: Arc<Resource>,
        /// Its project: says which objects belong to others.
        project: Arc<Project>,
        /// Its images.
        images: BTreeMap<ImageName, BuiltImage>,
        /// Whether the objects are deleted first.
        force: bool,
        /// Always the last one.
        step: Step,
    },
    /// Run an update command.
    RunLocal {
        /// The work.
        work: WorkId,
        /// The resource.
        resource: Arc<Resource>,
    },
    /// Start a serve process; its work lasts as long as the process.
    Serve {
        /// The work.
        work: WorkId,
        /// The resource.
        resource: Arc<Resource>,
    },
    /// Start a command of the API; its work lasts as long as the process.
    RunCommand {
        /// The work.
        work: WorkId,
        /// The command.
        command: Arc<ApiCommand>,
        /// What a button adds to its environment.
        env: Vec<(String, String)>,
        /// Whose log it writes to; `None` for the session's.
        resource: Option<ResourceName>,
    },
    /// Copy files into a container, and run commands there.
    LiveUpdate {
        /// The work.
        work: WorkId,
        /// Who runs the container.
        place: ContainerPlace,
        /// Whose log it goes to.
        resource: ResourceName,
        /// The container.
        container: ContainerKey,
        /// The image that it runs, as declared.
        image: Arc<Image>,
        /// What is copied; a path that does not exist on this machine is deleted in the container.
        copies: Vec<MappedPath>,
        /// Whether everything below the sources of all `sync` steps is copied too (`initial_sync()`).
        initial: bool,
        /// What is run afterwards.
        runs: Vec<Run>,
        /// Whether the container is restarted at last (`restart_container()`).
        restart: bool,
    },
    /// Remove the containers of a Compose service that vanished or was disabled.
    RemoveService {
        /// The work.
        work: WorkId,
        /// The resource, as it was.
        resource: Arc<Resource>,
    },
    /// Delete objects of a resource that vanished or was disabled.
    DeleteObjects {
        /// The work.
        work: WorkId,
        /// The project.
        project: ProjectName,
        /// The resource.
        resource: ResourceName,
        /// Objects that other resources declare: they stay.
        declared_elsewhere: Vec<ObjectId>,
    },
    /// Run the delete command of a custom deploy that vanished or was disabled.
    DeleteCustom {
        /// The work.
        work: WorkId,
        /// The resource, as it was deployed.
        resource: Arc<Resource>,
        /// How long the command may take.
        limit: Duration,
    },
    /// Delete what earlier sessions of this project created and the project no longer has.
    PruneStale {
        /// The work.
        work: WorkId,
        /// The project.
        project: Arc<Project>,
    },
    /// Remove from the Docker engine what is left of earlier builds of the project's images.
    PruneImages {
        /// The work.
        work: WorkId,
        /// The project.
        project: Arc<Project>,
        /// Names of images that the session still needs.
        needed: HashSet<String>,
    },
    /// Make the workloads of a resource start new pods.
    RestartRollout {
        /// The work.
        work: WorkId,
        /// The resource.
        resource: Arc<Resource>,
        /// Its project.
        project: Arc<Project>,
        /// Its images, as deployed.
        images: BTreeMap<ImageName, BuiltImage>,
    },
    /// Stop this work; it still ends with its `Event::Finished`.
    Cancel {
        /// The work.
        work: WorkId,
    },
    /// Write a line of log.
    Log {
        /// Whose; `None` for the session's.
        resource: Option<ResourceName>,
        /// How much it matters.
        level: Level,
        /// The text.
        text: String,
    },
}

/// Who runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContainerPlace {
    /// The cluster, in a pod.
    Cluster,
    /// The local engine, for a Compose project.
    Engine,
}

/// Which step of its update a piece of work is, for the log (reference §3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl Step {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self { number: self.number + 1, of: self.of.max(self.number + 1) }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "STEP {}/{}", self.number, self.of)
    }
}

/// One instance of a container: a restarted one has another `id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerKey {
    /// The pod's uid.
    pub pod_uid: Uid,
    /// The runtime's id of the instance.
    pub id: String,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container's name in the pod.
    pub container: String,
}

impl ContainerKey {
    /// The id without the runtime's name before it.
    pub fn instance(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}
