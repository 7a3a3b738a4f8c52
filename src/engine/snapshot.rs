//! An immutable picture of a session, for the UIs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::detail::ResourceDetail;
use super::hold::Hold;
use super::status::{ResourceKind, RuntimeStatus, SessionTime, UpdateKind, UpdateReason, UpdateStatus};
use super::verdict::Verdict;
use crate::diagnostic::Diagnostic;
use crate::project::{Button, ImageName, Link, ProjectName, ResourceName, TriggerMode};

/// An immutable picture of a session.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// The project; `None` before the first successful load.
    pub project: Option<ProjectName>,
    /// The entry file.
    pub entry_file: PathBuf,
    /// The Kubernetes context in use; `None` without one.
    pub context: Option<String>,
    /// The default namespace in use.
    pub namespace: Option<String>,
    /// When the session started.
    pub started: DateTime<Utc>,
    /// When this picture was taken.
    pub now: SessionTime,
    /// The configuration.
    pub config: ConfigSnapshot,
    /// The Docker engine.
    pub docker: Connection,
    /// The cluster.
    pub cluster: Connection,
    /// Resources in the order of the project.
    pub resources: ResourceRows,
    /// What the user can press.
    pub buttons: Vec<Arc<Button>>,
    /// Commands of the API.
    pub commands: Vec<CommandSnapshot>,
    /// Whether the session runs or ends.
    pub phase: SessionPhase,
    /// How a CI run ended; always `None` in `up`.
    pub verdict: Option<Verdict>,
}

/// The rows of a picture, in the order of the project. Pictures share the rows that are the same, and all of them when none
/// has changed: a new picture costs what has changed, and a pointer for each row if something has.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ResourceRows(Arc<Vec<Arc<ResourceSnapshot>>>);

impl ResourceRows {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// From the first to the last.
    pub fn iter(&self) -> RowIter<'_> {
        self.0.iter().map(|row| &**row)
    }

    /// Copies of all.
    pub fn to_vec(&self) -> Vec<ResourceSnapshot> {
        self.iter().cloned().collect()
    }

    /// From the first to the last, to be told apart by where they are in memory.
    pub fn shared(&self) -> &[Arc<ResourceSnapshot>] {
        &self.0
    }

    /// Whether these are the same rows in memory.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// For changing them; those that another picture shares are copied first.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut ResourceSnapshot> {
        Arc::make_mut(&mut self.0).iter_mut().map(Arc::make_mut)
    }

    /// Puts other rows in place of those at these places.
    pub(super) fn change(&mut self, rows: Vec<(usize, ResourceSnapshot)>) {
        if rows.is_empty() {
            return;
        }
        let all = Arc::make_mut(&mut self.0);
        for (place, row) in rows {
            all[place] = Arc::new(row);
        }
    }
}

/// See [`ResourceRows::iter`].
pub type RowIter<'a> =
    std::iter::Map<std::slice::Iter<'a, Arc<ResourceSnapshot>>, fn(&'a Arc<ResourceSnapshot>) -> &'a ResourceSnapshot>;

impl<'a> IntoIterator for &'a ResourceRows {
    type Item = &'a ResourceSnapshot;
    type IntoIter = RowIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<ResourceSnapshot> for ResourceRows {
    fn from_iter<T: IntoIterator<Item = ResourceSnapshot>>(rows: T) -> Self {
        Self(Arc::new(rows.into_iter().map(Arc::new).collect()))
    }
}

impl From<Vec<ResourceSnapshot>> for ResourceRows {
    fn from(rows: Vec<ResourceSnapshot>) -> Self {
        rows.into_iter().collect()
    }
}

impl std::ops::Index<usize> for ResourceRows {
    type Output = ResourceSnapshot;

    fn index(&self, place: usize) -> &ResourceSnapshot {
        &self.0[place]
    }
}

/// A command of the API.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CommandSnapshot {
    /// Name.
    pub name: String,
    /// Whose log it writes to; `None` for the session's.
    pub resource: Option<ResourceName>,
    /// Whether it runs.
    pub running: bool,
    /// Its pid, while it runs.
    pub pid: Option<u32>,
    /// How its newest run ended.
    pub ended: Option<String>,
    /// Why it is switched off.
    pub disabled: Option<String>,
}

/// How the configuration stands.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ConfigSnapshot {
    /// Loading, loaded or failed.
    pub state: ConfigState,
    /// The arguments of the configuration.
    pub args: Arc<Vec<String>>,
    /// Errors and warnings of the newest load. With errors, the last good project keeps running.
    pub diagnostics: Arc<Vec<Diagnostic>>,
    /// How often it has been loaded.
    pub loads: u64,
    /// How long the newest load took.
    pub duration: Option<Duration>,
}

/// Loading, loaded or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ConfigState {
    /// Being loaded.
    Loading,
    /// The newest load succeeded.
    Loaded,
    /// The newest load failed.
    Failed,
}

/// How a connection to an outside system stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Connection {
    /// Not needed by this project.
    NotNeeded,
    /// Being made.
    Connecting,
    /// There.
    Ok,
    /// Lost or refused; devloop keeps trying.
    Lost(String),
}

impl Connection {
    /// The word of the machine interfaces, and why there is no connection.
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::NotNeeded => ("not_needed", None),
            Self::Connecting => ("connecting", None),
            Self::Ok => ("ok", None),
            Self::Lost(reason) => ("lost", Some(reason)),
        }
    }
}

/// Whether a session runs or ends.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SessionPhase {
    /// It runs.
    Running,
    /// It ends: what is still being stopped.
    Stopping {
        /// For people: processes, builds …
        remaining: Vec<String>,
    },
    /// It has ended.
    Stopped,
}

/// One row.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ResourceSnapshot {
    /// Name.
    pub name: ResourceName,
    /// Kubernetes or local.
    pub kind: ResourceKind,
    /// Labels, sorted.
    pub labels: Vec<String>,
    /// Disabled resources show both statuses as `None`.
    pub enabled: bool,
    /// Trigger mode.
    pub trigger_mode: TriggerMode,
    /// How the newest update stands.
    pub update: UpdateStatus,
    /// How what runs stands.
    pub runtime: RuntimeStatus,
    /// One line that says why the runtime status is what it is, for example
    /// "ImagePullBackOff: web:1 not found"; empty when there is nothing to say.
    pub runtime_message: String,
    /// Why it waits, when it does.
    pub hold: Option<Hold>,
    /// Files that changed and have not been dealt with, at most a handful.
    pub pending_files: Vec<PathBuf>,
    /// How many files changed and have not been dealt with.
    pub pending_file_count: usize,
    /// Why the next or current update is done.
    pub reasons: Vec<UpdateReason>,
    /// The update that runs.
    pub current: Option<UpdateInProgress>,
    /// Newest first, at most a few.
    pub history: Vec<UpdateRecord>,
    /// The pod that stands for the resource.
    pub pod: Option<PodSnapshot>,
    /// How many pods of the current generation there are, and how many are ready.
    pub pods: usize,
    /// See `pods`.
    pub ready_pods: usize,
    /// The serve process' pid.
    pub pid: Option<u32>,
    /// Port-forwards.
    pub forwards: Vec<ForwardSnapshot>,
    /// Links.
    pub links: Vec<Link>,
    /// What it depends on.
    pub resource_deps: Vec<ResourceName>,
    /// Images that are built for it.
    pub images: Vec<ImageName>,
    /// What a row does not show.
    pub detail: ResourceDetail,
}

/// The update that runs.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UpdateInProgress {
    /// Since when.
    pub started: SessionTime,
    /// Why.
    pub reasons: Vec<UpdateReason>,
    /// What is being done, for example "building web".
    pub step: String,
    /// What has been done before.
    pub steps: Vec<StepRecord>,
}

/// A part of an update that has ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepRecord {
    /// What was done, for example "building web".
    pub text: String,
    /// When it began.
    pub started: SessionTime,
    /// When the next one began, or the update ended.
    pub finished: SessionTime,
}

/// How an update ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum UpdateOutcome {
    /// It succeeded.
    Ok,
    /// It failed, with the reason.
    Failed(String),
    /// It was cancelled, with the reason.
    Cancelled(String),
}

impl UpdateOutcome {
    /// The word of the machine interfaces, and the reason of what did not succeed.
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Ok => ("ok", None),
            Self::Failed(reason) => ("failed", Some(reason)),
            Self::Cancelled(reason) => ("cancelled", Some(reason)),
        }
    }
}

/// An update that has ended.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UpdateRecord {
    /// When it started.
    pub started: SessionTime,
    /// When it ended.
    pub finished: SessionTime,
    /// Full or live.
    pub kind: UpdateKind,
    /// Why it was done.
    pub reasons: Vec<UpdateReason>,
    /// How it ended.
    pub outcome: UpdateOutcome,
    /// Why no live update was possible, when there might have been one.
    pub rebuild_reason: Option<String>,
    /// Changed files that it dealt with.
    pub files: usize,
    /// Its parts in order; none of a live update.
    pub steps: Vec<StepRecord>,
}

/// The pod that stands for a resource.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PodSnapshot {
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// When it was created.
    pub created: DateTime<Utc>,
    /// One or two words as `kubectl get pods` shows them: `Running`, `CrashLoopBackOff` …
    pub status: String,
    /// Restarts of all its containers.
    pub restarts: u32,
    /// All containers are ready.
    pub ready: bool,
}

/// A port-forward.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ForwardSnapshot {
    /// Where it listens, for people and browsers: `http://localhost:8080/`.
    pub url: String,
    /// Local port; 0 while it is not known.
    pub local: u16,
    /// Container port; 0 = picked by the pod.
    pub container: u16,
    /// Name; may be empty.
    pub name: String,
    /// How it stands.
    pub state: ForwardState,
}

/// How a port-forward stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ForwardState {
    /// Not opened yet.
    Pending,
    /// It listens.
    Listening,
    /// The port cannot be opened, and why: who holds it.
    Failed(String),
}

impl ForwardState {
    /// The word of the machine interfaces, and the reason of a failure.
    pub fn words(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Pending => ("pending", None),
            Self::Listening => ("listening", None),
            Self::Failed(reason) => ("failed", Some(reason)),
        }
    }
}
