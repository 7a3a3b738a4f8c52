//! The facts that the engine keeps.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use super::change_log::{ChangeLog, Sequence};
use super::detail::LastSync;
use super::effect::{ContainerKey, Step};
use super::event::{BuiltImage, DeployedObject, WorkId};
use super::pod_table::PodTable;
use super::prune::Pruned;
use super::snapshot::{Connection, ForwardSnapshot, StepRecord, UpdateOutcome, UpdateRecord};
use super::status::{RuntimeStatus, SessionTime, UpdateKind, UpdateReason};
use super::tracked::Tracked;
use super::verdict::Verdict;
use crate::diagnostic::Diagnostic;
use crate::k8s::{ObjectId, Uid};
use crate::project::{ImageName, Project, ResourceName, WatchedTree};

/// How many ended updates are kept per resource.
pub(super) const HISTORY: usize = 10;

/// Everything that the engine knows.
#[derive(Debug, Default)]
pub(super) struct State {
    pub project: Option<Arc<Project>>,
    pub config: ConfigState,
    /// In the order of the project.
    pub resources: Tracked<ResourceName, ResourceState>,
    pub images: Tracked<ImageName, ImageState>,
    /// By container instance: what earlier sessions sent there and is different now.
    pub outdated: HashMap<String, Vec<PathBuf>>,
    /// Work trees in which git is at work, by their roots.
    pub git: BTreeMap<PathBuf, GitWork>,
    /// Commands of the API.
    pub commands: IndexMap<String, CommandState>,
    /// The newest batch of file changes.
    pub sequence: Sequence,
    /// Resources that the user asked to update, in the order of asking.
    pub trigger_queue: VecDeque<ResourceName>,
    pub docker: Option<Connection>,
    pub cluster: Option<Connection>,
    pub pods: PodTable,
    /// The resources that show a pod.
    pub shown_in: HashMap<Uid, BTreeSet<ResourceName>>,
    /// Applied objects, for finding whose a pod is.
    pub owners: HashMap<Uid, ResourceName>,
    pub finished_jobs: HashMap<Uid, JobEnd>,
    pub works: BTreeMap<WorkId, Work>,
    pub next_work: u64,
    pub quitting: bool,
    /// Everything up to this work has been cancelled because the session ends.
    pub cancelled_up_to: WorkId,
    pub pruned_stale: bool,
    /// A resource whose first deploy the removal of stale objects waits for.
    pub stale_waits_for: Option<ResourceName>,
    /// When what is left of earlier builds was removed last.
    pub pruned_images: Option<Pruned>,
    /// Images that the session has built.
    pub builds: usize,
    pub verdict: Option<Verdict>,
    pub cluster_lost_since: Option<SessionTime>,
    pub docker_lost_since: Option<SessionTime>,
    /// Has answered in this session.
    pub cluster_seen: bool,
    /// Has answered in this session.
    pub docker_seen: bool,
}

/// Who may have read what git has written and taken back.
#[derive(Debug, Default)]
pub(super) struct GitWork {
    pub resources: BTreeSet<ResourceName>,
    pub config: bool,
}

/// How a Job ended.
#[derive(Debug, Clone)]
pub(super) struct JobEnd {
    pub succeeded: bool,
    pub message: String,
}

/// What a piece of work is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Config,
    Image { image: ImageName, resource: ResourceName },
    Deploy(ResourceName),
    Local(ResourceName),
    Serve(ResourceName),
    Command(String),
    Live { resource: ResourceName, container: ContainerKey },
    Housekeeping { resource: Option<ResourceName>, what: &'static str },
}

/// How the configuration stands.
#[derive(Debug, Default)]
pub(super) struct ConfigState {
    pub running: Option<WorkId>,
    /// A configuration file changed, or the user asked.
    pub pending: bool,
    /// Other arguments than the session was started with.
    pub args: Option<Arc<Vec<String>>>,
    /// The arguments have changed, so the next good load decides anew what is enabled (reference §3.11).
    pub reselect: bool,
    pub loads: u64,
    pub failed: bool,
    /// It failed for want of a container engine.
    pub needs_engine: bool,
    pub diagnostics: Arc<Vec<Diagnostic>>,
    pub duration: Option<Duration>,
    pub files: Vec<WatchedTree>,
}

/// How an image stands.
#[derive(Debug, Default)]
pub(super) struct ImageState {
    /// Changes of its own files.
    pub changes: ChangeLog,
    pub built: Option<Built>,
    pub building: Option<Building>,
    /// Why the newest build failed, while its input is still the same: it would fail again.
    pub failed: Option<String>,
    /// Builds in a row that were cancelled because a newer save made them stale.
    pub cancelled: u32,
}

/// A finished build.
#[derive(Clone, Debug)]
pub(super) struct Built {
    pub image: BuiltImage,
    /// Up to which batch the image holds the files of itself and of each image that it is built from.
    pub contains: BTreeMap<ImageName, Sequence>,
    /// The bases that it was built from.
    pub bases: BTreeMap<ImageName, BuiltImage>,
}

/// A running build.
#[derive(Clone, Debug)]
pub(super) struct Building {
    pub work: WorkId,
    pub resource: ResourceName,
    pub contains: BTreeMap<ImageName, Sequence>,
    pub bases: BTreeMap<ImageName, BuiltImage>,
    /// Cancelled because its input changed.
    pub stale: bool,
}

/// How a resource stands.
#[derive(Debug, Default)]
pub(super) struct ResourceState {
    pub enabled: bool,
    /// The first update has started.
    pub started_once: bool,
    /// Changes up to this batch have been dealt with, be it by a failed update.
    pub consumed: Sequence,
    /// Changes of a local resource's files.
    pub changes: ChangeLog,
    /// All containers of this deploy have held the changes up to this batch: a restarted one gets them again.
    pub live_up_to: Sequence,
    /// Its definition changed after its last update started.
    pub config_dirty: bool,
    /// An update has to be done again because an outside system went away.
    pub interrupted: bool,
    /// Why the changes that are pending need a full update although there is live update.
    pub rebuild_reason: Option<String>,
    /// The user released changes up to this batch of a manual resource for live update.
    pub released: Sequence,
    pub update: Option<Update>,
    pub history: VecDeque<UpdateRecord>,
    /// Whether the newest update, of whatever kind, succeeded.
    pub last_ok: Option<bool>,
    /// Whether the newest full update succeeded.
    pub last_full_ok: bool,
    pub deployed: Option<Deployed>,
    /// Has been ready since it was enabled (reference §3.10).
    pub ready_once: bool,
    pub serve: ServeState,
    /// The user stopped it.
    pub stopped: bool,
    pub live: BTreeMap<ContainerKey, LiveContainer>,
    pub forwards: Vec<ForwardSnapshot>,
    pub runtime: Runtime,
    /// When the newest successful deploy ended.
    pub deployed_at: Option<SessionTime>,
    /// Since when it has not been ready, for the limits of `ci`.
    pub unready_since: Option<SessionTime>,
    /// Why the resource last failed to reach an outside system; shown while it waits.
    pub lost: Option<String>,
}

/// What the pods or the process of a resource amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Runtime {
    pub status: RuntimeStatus,
    pub message: String,
    /// Newest generation, the one that stands for the resource first.
    pub pods: Vec<Uid>,
}

impl Default for Runtime {
    fn default() -> Self {
        Self { status: RuntimeStatus::None, message: String::new(), pods: Vec::new() }
    }
}

/// A running full update.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub started: SessionTime,
    pub reasons: Vec<UpdateReason>,
    /// Changes up to this batch are its.
    pub sequence: Sequence,
    pub files: Vec<PathBuf>,
    pub file_count: usize,
    pub rebuild_reason: Option<String>,
    pub force: bool,
    pub stage: Stage,
    pub step: String,
    /// When `step` began.
    pub step_started: SessionTime,
    /// The steps before it.
    pub done_steps: Vec<StepRecord>,
    /// The newest step of the log, and how many there will be.
    pub steps: Step,
    /// Images that this update has built, so that a forced one builds each once.
    pub built: BTreeSet<ImageName>,
    /// What is being applied: other updates may build newer images meanwhile.
    pub deploying: BTreeMap<ImageName, Built>,
    /// The user or a change of the project cancelled it.
    pub cancelled: Option<String>,
}

/// Where a full update is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits for an image that is being built, by this update or by another.
    Images,
    /// Objects are being applied.
    Deploying(WorkId),
    /// The update command runs.
    Local(WorkId),
}

/// What was last deployed.
#[derive(Debug, Clone)]
pub(super) struct Deployed {
    /// What tells `objects` apart, for snapshots.
    pub ids: Arc<Vec<ObjectId>>,
    pub objects: Vec<DeployedObject>,
    pub template_hashes: BTreeSet<String>,
    /// What the containers run.
    pub images: BTreeMap<ImageName, Built>,
}

/// How a serve process stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum ServeState {
    /// None has been started.
    #[default]
    Idle,
    /// It is being stopped so that its successor can start, or for good.
    Stopping { work: WorkId, restart: bool },
    /// It runs or is about to.
    Running { work: WorkId, pid: Option<u32>, ready: bool },
    /// It ended by itself.
    Exited { message: String },
}

/// How a command of the API stands.
#[derive(Debug, Clone, Default)]
pub(super) struct CommandState {
    pub process: ServeState,
    /// What the button that started it added to its environment.
    pub env: Vec<(String, String)>,
}

/// How far a container is.
#[derive(Debug, Clone, Default)]
pub(super) struct LiveContainer {
    /// It holds the changes up to this batch.
    pub synced: Sequence,
    /// `initial_sync()` has been done.
    pub initial: bool,
    pub in_flight: Option<LiveInFlight>,
    /// The newest transfer that arrived.
    pub last_sync: Option<LastSync>,
    /// Transfers in a row that the connection broke.
    pub interruptions: u32,
}

/// A running live update of one container.
#[derive(Debug, Clone)]
pub(super) struct LiveInFlight {
    pub work: WorkId,
    pub up_to: Sequence,
    pub started: SessionTime,
    pub files: usize,
    pub initial: bool,
    /// It brings a new container up to date with what others have already.
    pub replay: bool,
}

impl Update {
    /// Something else is done from now on.
    pub(super) fn enter(&mut self, step: &str, now: SessionTime) {
        if self.step == step {
            return;
        }
        self.leave(now);
        step.clone_into(&mut self.step);
        self.step_started = now;
    }

    /// The running step has ended.
    pub(super) fn leave(&mut self, now: SessionTime) {
        if !self.step.is_empty() {
            let text = std::mem::take(&mut self.step);
            self.done_steps.push(StepRecord { text, started: self.step_started, finished: now });
        }
    }
}

impl ResourceState {
    pub(super) fn remember(&mut self, record: UpdateRecord) {
        if record.kind == UpdateKind::Full {
            self.last_full_ok = record.outcome == UpdateOutcome::Ok;
        }
        self.history.push_front(record);
        self.history.truncate(HISTORY);
    }
}

impl State {
    pub(super) fn start_work(&mut self, work: Work) -> WorkId {
        self.next_work += 1;
        let id = WorkId(self.next_work);
        self.works.insert(id, work);
        id
    }
}
