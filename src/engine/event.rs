//! What happened: everything that the engine is ever told.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::command::Command;
use super::snapshot::{Connection, ForwardState};
use crate::diagnostic::Diagnostic;
use crate::k8s::{ObjectId, Pod, Uid};
use crate::project::{Project, ResourceName, WatchedTree};

/// Names one piece of work that the engine asked for. A report about work that is no longer current is dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkId(pub u64);

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The user asks for something.
    Command(Command),
    /// These files were changed, created or deleted; absolute paths.
    FilesChanged(Vec<PathBuf>),
    /// git has begun to change files of this work tree: what reads them would see a mixture.
    GitBegan {
        /// The root of the work tree.
        repository: PathBuf,
    },
    /// git has finished there.
    GitEnded {
        /// The root of the work tree.
        repository: PathBuf,
        /// The files that have changed; absolute paths.
        changed: Vec<PathBuf>,
        /// Files that were written meanwhile and are now as they were before: who has read them in between has read
        /// something else.
        same: Vec<PathBuf>,
    },
    /// A piece of work says how far it is, for people.
    Progressed {
        /// The work.
        work: WorkId,
        /// For example "building web".
        step: String,
    },
    /// A piece of work has ended. Each effect with a [`WorkId`] ends with exactly one of these.
    Finished {
        /// The work.
        work: WorkId,
        /// How it ended.
        result: WorkResult,
    },
    /// A serve process runs.
    ServeStarted {
        /// The work of the serve process.
        work: WorkId,
        /// Its pid.
        pid: u32,
    },
    /// The readiness probe of a serve process changed its mind.
    ProbeChanged {
        /// The work of the serve process.
        work: WorkId,
        /// Whether it is ready now.
        ready: bool,
    },
    /// All pods of a namespace; those not in it are gone.
    PodsListed {
        /// The namespace.
        namespace: String,
        /// Its pods.
        pods: Vec<Pod>,
    },
    /// A pod is new or has changed.
    PodChanged(Box<Pod>),
    /// A pod is gone.
    PodDeleted(Uid),
    /// A Job has ended, whatever became of its pods.
    JobFinished {
        /// The Job.
        uid: Uid,
        /// Whether it completed.
        succeeded: bool,
        /// The condition's words.
        message: String,
    },
    /// A port-forward changed.
    ForwardChanged {
        /// Whose.
        resource: ResourceName,
        /// Which one, in the order of the declaration.
        index: usize,
        /// Its local port, when it is known.
        local: u16,
        /// How it stands.
        state: ForwardState,
    },
    /// The Docker engine answers or does not.
    DockerChanged(Connection),
    /// The cluster answers or does not.
    ClusterChanged(Connection),
    /// A moment that the engine asked to be told of has come.
    Woken,
}

/// How a piece of work ended.
#[derive(Clone, Debug)]
pub enum WorkResult {
    /// The configuration was evaluated.
    Config(Box<ConfigOutcome>),
    /// An image was built.
    Image(Result<BuiltImage, WorkError>),
    /// Objects were applied.
    Deploy(Result<Deployment, WorkError>),
    /// An update command ended.
    Local(Result<(), WorkError>),
    /// A serve process ended; the text says how.
    Serve(String),
    /// A service of a Compose project was started.
    Compose(Result<Deployment, WorkError>),
    /// A container was updated in place.
    Live(Result<(), LiveError>),
    /// A container of a Compose project was updated in place.
    ComposeLive(Result<(), LiveError>),
    /// Objects were deleted, or a rollout was restarted.
    Housekeeping(Result<(), WorkError>),
    /// The task that did it panicked: a bug, shown as a failure of its resource.
    Crashed(String),
}

/// Why a piece of work did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkError {
    /// It failed; trying the same again would fail again.
    Failed(String),
    /// An outside system went away; it is tried again when that system is back.
    Lost(String),
    /// It was cancelled.
    Cancelled,
}

/// Why a container could not be updated in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveError {
    /// A `run` step failed. The files have arrived.
    RunFailed(String),
    /// The container is gone or was restarted; its successor gets the files.
    ContainerGone,
    /// The connection failed; the container may hold some of the files.
    Interrupted(String),
    /// The container cannot take the files (no tar, read-only, no permission …).
    Impossible(String),
    /// It was cancelled.
    Cancelled,
}

impl WorkResult {
    /// The same with every text for people passed through `map`, for masking.
    #[must_use]
    pub fn map_text(self, map: impl Fn(String) -> String) -> Self {
        let error = |error| match error {
            WorkError::Failed(text) => WorkError::Failed(map(text)),
            WorkError::Lost(text) => WorkError::Lost(map(text)),
            WorkError::Cancelled => WorkError::Cancelled,
        };
        let live_error = |error| match error {
            LiveError::RunFailed(text) => LiveError::RunFailed(map(text)),
            LiveError::Interrupted(text) => LiveError::Interrupted(map(text)),
            LiveError::Impossible(text) => LiveError::Impossible(map(text)),
            LiveError::ContainerGone => LiveError::ContainerGone,
            LiveError::Cancelled => LiveError::Cancelled,
        };
        match self {
            Self::Config(outcome) => Self::Config(outcome),
            Self::Image(result) => Self::Image(result.map_err(error)),
            Self::Deploy(result) => Self::Deploy(result.map_err(error)),
            Self::Compose(result) => Self::Compose(result.map_err(error)),
            Self::Local(result) => Self::Local(result.map_err(error)),
            Self::Housekeeping(result) => Self::Housekeeping(result.map_err(error)),
            Self::Serve(text) => Self::Serve(map(text)),
            Self::Crashed(text) => Self::Crashed(map(text)),
            Self::Live(result) => Self::Live(result.map_err(live_error)),
            Self::ComposeLive(result) => Self::ComposeLive(result.map_err(live_error)),
        }
    }
}

/// What the containers of a Compose service name as their owner. They are told to the engine as pods of one container
/// each, in the [`compose_namespace`] of their project.
pub fn compose_owner(project: &str, service: &str) -> Uid {
    Uid(format!("{}/{service}", compose_namespace(project)).into())
}

/// How the names of these namespaces begin; none of a cluster can.
pub(super) const COMPOSE_NAMESPACES: &str = "compose/";

/// Where the containers of a Compose project are.
pub fn compose_namespace(project: &str) -> String {
    format!("{COMPOSE_NAMESPACES}{project}")
}

/// What evaluating the configuration gave.
#[derive(Clone, Debug)]
pub struct ConfigOutcome {
    /// The project; `None` when there are errors.
    pub project: Option<Arc<Project>>,
    /// Where there is none: the objects of the API that were registered before the error, and nothing else.
    pub reached: Option<Arc<Project>>,
    /// Errors and warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// What is watched for the next evaluation, also after a failed one.
    pub config_files: Vec<WatchedTree>,
    /// How long it took.
    pub duration: Duration,
    /// It failed for want of a container engine alone: it is evaluated again as soon as one answers.
    pub needs_engine: bool,
}

/// An image that was built, pushed and loaded as needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltImage {
    /// What the builder knows it by.
    pub local_ref: String,
    /// What the cluster knows it by.
    pub cluster_ref: String,
    /// False for `custom_build(…, ":")`: there is nothing to inject.
    pub inject: bool,
}

/// What was applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deployment {
    /// The objects.
    pub objects: Vec<DeployedObject>,
    /// Pod template hashes of this generation; for a Compose service the ids of its containers.
    pub template_hashes: BTreeSet<String>,
}

/// One applied object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployedObject {
    /// With its namespace resolved.
    pub id: ObjectId,
    /// Its uid in the cluster.
    pub uid: Uid,
    /// It is a Job that was complete already.
    pub job_complete: bool,
}
