//! What the tasks of a session share: the connections to the outside systems, made when they are first needed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Retry;
use super::custom_deploy::Turns;
use super::session::SessionOptions;
use super::synced_files::SyncedFiles;
use crate::cluster::{Cluster, Inventory, Node, Patience, RegistryChoice, discover_registry};
use crate::devfile::{EnvironmentOverlay, ParseCache, SeenFile};
use crate::docker;
use crate::engine::{ConfigOutcome, WorkError};
use crate::logs::{LogSink, LogSource, LogStore};
use crate::process::{CommandEnvironment, SessionEnvironment, Supervisor};
use crate::project::{ImageName, ProjectName, Registry, ResourceName};

/// How long the API server may take to answer before a piece of work is handed back.
pub(super) const CLUSTER_PATIENCE: Duration = Duration::from_secs(20);

/// What the tasks of a session share.
#[derive(Debug)]
pub(super) struct Edges {
    pub(super) options: SessionOptions,
    pub(super) logs: LogStore,
    pub(super) supervisor: Supervisor,
    docker: tokio::sync::Mutex<Option<docker::Engine>>,
    cluster: OnceCell<Cluster>,
    nodes: OnceCell<Vec<Node>>,
    registry: OnceCell<RegistryChoice>,
    default_registry: Mutex<Option<Registry>>,
    inventory: tokio::sync::Mutex<Option<(ProjectName, Inventory)>>,
    environment: Mutex<EnvironmentOverlay>,
    /// What the configuration runs of the session have parsed.
    pub(super) parse_cache: ParseCache,
    seen_files: Mutex<Vec<SeenFile>>,
    evaluated: Mutex<Option<Arc<ConfigOutcome>>>,
    custom_deploys: Turns,
    pub(super) config_retry: Mutex<Retry>,
    pub(super) build_cache: docker::BuildCache,
    pub(super) shared_images: docker::SharedImages,
    /// The images that the session has looked for or built.
    begun_images: Mutex<HashSet<ImageName>>,
    /// What nobody waits for before the end of the session.
    pub(super) background: TaskTracker,
    pub(super) synced_files: SyncedFiles,
    /// The compose command works on one project at a time (reference §3.17).
    pub(super) compose: tokio::sync::Mutex<()>,
}

impl Edges {
    pub(super) fn new(options: SessionOptions, logs: LogStore) -> Self {
        Self {
            synced_files: SyncedFiles::of_user(&options.entry_file),
            options,
            logs,
            supervisor: Supervisor::default(),
            docker: tokio::sync::Mutex::new(None),
            cluster: OnceCell::new(),
            nodes: OnceCell::new(),
            registry: OnceCell::new(),
            default_registry: Mutex::default(),
            inventory: tokio::sync::Mutex::new(None),
            environment: Mutex::default(),
            parse_cache: ParseCache::default(),
            seen_files: Mutex::default(),
            evaluated: Mutex::default(),
            custom_deploys: Turns::default(),
            config_retry: Mutex::default(),
            build_cache: docker::BuildCache::of_user(),
            shared_images: docker::SharedImages::of_environment(),
            begun_images: Mutex::default(),
            background: TaskTracker::new(),
            compose: tokio::sync::Mutex::default(),
        }
    }

    /// The log of what devloop does for a resource.
    pub(super) fn build_log(&self, resource: &ResourceName) -> LogSink {
        self.logs.sink(Some(resource.clone()), LogSource::Build)
    }

    /// The engine, connected to when it is first needed.
    pub(super) async fn docker(&self) -> Result<docker::Engine, WorkError> {
        let mut slot = self.docker.lock().await;
        if let Some(engine) = &*slot {
            return Ok(engine.clone());
        }
        let engine = docker::Engine::connect().await.map_err(|error| WorkError::Lost(error.to_string()))?;
        *slot = Some(engine.clone());
        Ok(engine)
    }

    /// The cluster, as the kubeconfig of the session's start names it.
    pub(super) async fn cluster(&self) -> Result<Cluster, WorkError> {
        let Some(context) = &self.options.context else {
            let message = format!("no Kubernetes cluster is configured: {}", self.options.no_context);
            return Err(WorkError::Failed(message));
        };
        self.cluster
            .get_or_try_init(|| Cluster::connect(context))
            .await
            .cloned()
            .map_err(|error| WorkError::Failed(error.to_string()))
    }

    /// The cluster, if a connection has been prepared.
    pub(super) fn known_cluster(&self) -> Option<Cluster> {
        self.cluster.get().cloned()
    }

    /// The registry that images go through: the one that the cluster advertises, which is asked for once per session, else
    /// the project's `default_registry`.
    pub(super) async fn registry(
        &self,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<Option<Registry>, WorkError> {
        let cluster = self.cluster().await?;
        let nodes = self.nodes(log, cancel).await;
        let patience = Patience::new(CLUSTER_PATIENCE, cancel, Some(log));
        let discover = async {
            let choice = discover_registry(&cluster, nodes, None, &patience).await?;
            if let Some(warning) = &choice.warning {
                log.warn(warning);
            }
            Ok(choice)
        };
        let choice = self.registry.get_or_try_init(|| discover).await.map_err(cluster_failure)?;
        let default = || self.default_registry.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(choice.registry.clone().or_else(default))
    }

    /// Whether nothing of this image has been asked of this before.
    pub(super) fn is_first_build(&self, image: &ImageName) -> bool {
        self.begun_images.lock().unwrap_or_else(PoisonError::into_inner).insert(image.clone())
    }

    /// What the newest evaluation gave.
    pub(super) fn evaluated(&self) -> Option<Arc<ConfigOutcome>> {
        self.evaluated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_evaluated(&self, outcome: &ConfigOutcome) {
        *self.evaluated.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(outcome.clone()));
    }

    pub(super) fn set_default_registry(&self, registry: Option<Registry>) {
        *self.default_registry.lock().unwrap_or_else(PoisonError::into_inner) = registry;
    }

    /// The cluster's nodes; none when the user may not see them.
    pub(super) async fn nodes(&self, log: &LogSink, cancel: &CancellationToken) -> &[Node] {
        let Ok(cluster) = self.cluster().await else { return &[] };
        let patience = Patience::new(CLUSTER_PATIENCE, cancel, Some(log));
        match self.nodes.get_or_try_init(|| cluster.nodes(&patience)).await {
            Ok(nodes) => nodes,
            Err(failure) => {
                tracing::debug!(%failure, "the nodes cannot be listed");
                &[]
            }
        }
    }

    /// The record of what the project has created.
    pub(super) async fn inventory(
        &self,
        project: &ProjectName,
        log: &LogSink,
        cancel: &CancellationToken,
    ) -> Result<Inventory, WorkError> {
        let mut slot = self.inventory.lock().await;
        if let Some((name, inventory)) = &*slot
            && name == project
        {
            return Ok(inventory.clone());
        }
        let cluster = self.cluster().await?;
        let patience = Patience::new(CLUSTER_PATIENCE, cancel, Some(log));
        if cluster.context().own_namespace {
            cluster.make_own_namespace(project, &patience).await.map_err(cluster_failure)?;
        }
        let inventory = Inventory::open(&cluster, project, &patience).await.map_err(cluster_failure)?;
        *slot = Some((project.clone(), inventory.clone()));
        Ok(inventory)
    }

    /// Waits until no command of this custom deploy runs any more; until the guard is dropped, none else begins.
    pub(super) async fn custom_deploy_turn(&self, resource: &ResourceName) -> tokio::sync::OwnedMutexGuard<()> {
        self.custom_deploys.of(resource).await
    }

    /// What the configuration has changed in the environment.
    pub(super) fn overlay(&self) -> EnvironmentOverlay {
        self.environment.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_overlay(&self, overlay: EnvironmentOverlay) {
        *self.environment.lock().unwrap_or_else(PoisonError::into_inner) = overlay;
    }

    /// Hands over what the configuration has read, until the files are watched.
    pub(super) fn set_seen_files(&self, files: Vec<SeenFile>) {
        *self.seen_files.lock().unwrap_or_else(PoisonError::into_inner) = files;
    }

    pub(super) fn take_seen_files(&self) -> Vec<SeenFile> {
        std::mem::take(&mut *self.seen_files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The environment of every local command (reference §1.6).
    pub(super) fn command_environment(&self) -> CommandEnvironment {
        let session = SessionEnvironment {
            devfile: self.overlay(),
            kubeconfig: self.options.frozen.as_ref().map(|frozen| frozen.path().to_path_buf()),
            colors: self.options.colors,
            entry_file: Some(self.options.entry_file.clone()),
        };
        self.supervisor.environment(&session)
    }
}

/// What a failure of the API server means for the work that met it.
pub(super) fn cluster_failure(failure: crate::cluster::Failure) -> WorkError {
    use crate::cluster::Failure;
    match failure {
        Failure::Cancelled => WorkError::Cancelled,
        failure @ (Failure::Unreachable { .. } | Failure::OutOfTime { .. }) => WorkError::Lost(failure.to_string()),
        failure => WorkError::Failed(failure.to_string()),
    }
}

/// The same for the engine.
pub(super) fn engine_failure(error: docker::EngineError) -> WorkError {
    match error {
        docker::EngineError::Cancelled => WorkError::Cancelled,
        error @ docker::EngineError::Lost(_) => WorkError::Lost(error.to_string()),
        error => WorkError::Failed(error.to_string()),
    }
}

/// For closures that hand out shared edges.
pub(super) type SharedEdges = Arc<Edges>;
