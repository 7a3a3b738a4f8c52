//! Keeps what is known of the containers of Compose projects, their logs and the warm channels into them in step with the
//! engine.
//!
//! A container is told to the engine as a pod of one container that is owned by its service: what is true of pods (status,
//! logs, live update) is true of it too.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::container_logs::ContainerLogs;
use super::edges::SharedEdges;
use super::event_loop::EventSender;
use super::live::container_ref;
use crate::cluster::{Connect, Connection as Program, ContainerRef, ExecError, WarmChannels};
use crate::docker::{self, AttachError, ContainerEvent, ContainerStatus, EngineError, ServiceContainer};
use crate::engine::{
    Connection, ContainerPlace, Engine, Event, Mode, Moved, WorkError, compose_namespace, compose_owner,
};
use crate::k8s::{Container, ContainerKind, ContainerState, Pod, PodPhase, Uid};
use crate::logs::LogSource;

/// The pause before an engine that went away is asked again.
const RETRY: Duration = Duration::from_millis(500);

/// Everything about containers of Compose projects.
pub(super) struct Containers {
    edges: SharedEdges,
    events: EventSender,
    watched: HashMap<String, CancellationToken>,
    channels: Arc<WarmChannels>,
    logs: ContainerLogs,
    tasks: JoinSet<()>,
}

impl Containers {
    pub(super) fn new(edges: SharedEdges, events: EventSender) -> Self {
        let channels = Arc::new(WarmChannels::new(EnginePrograms(Arc::clone(&edges))));
        let logs = ContainerLogs::new(Arc::clone(&edges), Utc::now());
        Self { edges, events, watched: HashMap::new(), channels, logs, tasks: JoinSet::new() }
    }

    /// The connections into containers.
    pub(super) fn channels(&self) -> Arc<WarmChannels> {
        Arc::clone(&self.channels)
    }

    /// Starts and stops watches, followers of logs and channels as the engine's knowledge asks for.
    pub(super) fn follow(&mut self, engine: &Engine, moved: &Moved) {
        // The services of a project are few, and are looked at together.
        let concerns = |moved: &Moved| match moved {
            Moved::All => true,
            Moved::Some(names) => names.iter().any(|name| engine.is_at(name, ContainerPlace::Engine)),
        };
        if !concerns(moved) {
            return;
        }
        let projects = engine.compose_projects();
        if projects.is_empty() && self.watched.is_empty() {
            return;
        }
        self.watched.retain(|project, cancel| {
            let kept = projects.contains(project);
            if !kept {
                cancel.cancel();
            }
            kept
        });
        for project in projects {
            if self.watched.contains_key(&project) {
                continue;
            }
            let cancel = CancellationToken::new();
            let watch = watch(Arc::clone(&self.edges), project.clone(), self.events.clone());
            let until = cancel.clone();
            self.tasks.spawn(async move {
                let _ = until.run_until_cancelled(watch).await;
            });
            self.watched.insert(project, cancel);
        }
        let live: HashSet<_> = engine.live_containers(ContainerPlace::Engine).iter().map(container_ref).collect();
        self.channels.keep(&live);
        let mut followed = Vec::new();
        for (resource, pods) in engine.pods_by_resource(ContainerPlace::Engine) {
            let sink = self.edges.logs.sink(Some(resource), LogSource::Runtime);
            let several = pods.len() > 1;
            for pod in pods {
                let sink = if several { sink.with_prefix(format!("[{}] ", pod.name)) } else { sink.clone() };
                followed.push((pod, sink));
            }
        }
        self.logs.follow(followed);
    }

    pub(super) async fn stop(&mut self) {
        for cancel in self.watched.values() {
            cancel.cancel();
        }
        // In `ci` the last lines are what explains a failure.
        self.logs.stop(matches!(self.edges.options.mode, Mode::Ci { .. })).await;
        self.channels.keep(&HashSet::new());
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Tells of the containers of a project until it is dropped.
async fn watch(edges: SharedEdges, project: String, events: EventSender) {
    let namespace = compose_namespace(&project);
    let mut lost = false;
    loop {
        let reason = match watch_once(&edges, &project, &namespace, &events, &mut lost).await {
            Ok(()) => "the engine has ended the stream of events".to_owned(),
            Err(error) => error,
        };
        if !lost {
            lost = true;
            if events.send(Event::DockerChanged(Connection::Lost(reason))).is_err() {
                return;
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn watch_once(
    edges: &SharedEdges,
    project: &str,
    namespace: &str,
    events: &EventSender,
    lost: &mut bool,
) -> Result<(), String> {
    let engine = edges.docker().await.map_err(text)?;
    // From before the list is made, so that nothing falls between the two.
    let since = engine.time().await.map_err(|error| error.to_string())?;
    let pods = list(&engine, project).await.map_err(|error| error.to_string())?;
    let is_over = |event: Event| events.send(event).is_err();
    if is_over(Event::PodsListed { namespace: namespace.to_owned(), pods }) {
        return Ok(());
    }
    if std::mem::take(lost) && is_over(Event::DockerChanged(Connection::Ok)) {
        return Ok(());
    }
    let mut news = Box::pin(engine.container_events(project, since));
    while let Some(event) = news.next().await {
        let changed = match event.map_err(|error| error.to_string())? {
            ContainerEvent::Removed(id) => Event::PodDeleted(Uid(id.into())),
            ContainerEvent::Changed(id) => {
                match engine.service_container(&id).await.map_err(|error| error.to_string())? {
                    Some(container) => Event::PodChanged(Box::new(pod(container))),
                    None => Event::PodDeleted(Uid(id.into())),
                }
            }
        };
        if is_over(changed) {
            return Ok(());
        }
    }
    Ok(())
}

fn text(error: WorkError) -> String {
    match error {
        WorkError::Failed(message) | WorkError::Lost(message) => message,
        WorkError::Cancelled => "cancelled".to_owned(),
    }
}

/// The containers of a project as the engine knows them.
pub(super) async fn list(engine: &docker::Engine, project: &str) -> Result<Vec<Pod>, EngineError> {
    Ok(engine.project_containers(project).await?.into_iter().map(pod).collect())
}

/// A container of a service as a pod.
pub(super) fn pod(container: ServiceContainer) -> Pod {
    let ServiceContainer { exit_code, started, finished, .. } = container;
    let waiting =
        |reason: &str| ContainerState::Waiting { reason: reason.to_owned(), message: container.error.clone() };
    let ended = |reason: &str| ContainerState::Terminated {
        exit_code,
        reason: reason.to_owned(),
        message: container.error.clone(),
        finished,
    };
    let (phase, state) = match container.status {
        ContainerStatus::Created if container.error.is_empty() => (PodPhase::Pending, waiting("Created")),
        // It could not be started.
        ContainerStatus::Created => (PodPhase::Failed, ended("StartError")),
        ContainerStatus::Running => {
            (PodPhase::Running, ContainerState::Running { started: started.unwrap_or(container.created) })
        }
        ContainerStatus::Paused => (PodPhase::Running, waiting("Paused")),
        ContainerStatus::Restarting => (PodPhase::Pending, waiting("Restarting")),
        ContainerStatus::Exited if exit_code == 0 => (PodPhase::Succeeded, ended("Completed")),
        ContainerStatus::Exited if container.out_of_memory => (PodPhase::Failed, ended("OOMKilled")),
        ContainerStatus::Exited => (PodPhase::Failed, ended("Error")),
        ContainerStatus::Removing => (PodPhase::Failed, ended("Dead")),
    };
    let message = match (&container.health, container.status) {
        (Some(health), ContainerStatus::Running) => health.clone(),
        (_, ContainerStatus::Restarting) => format!("restarting after exit status {exit_code}"),
        (_, ContainerStatus::Paused) => "paused".to_owned(),
        _ => container.error.clone(),
    };
    // Shown in place of the phase.
    let reason = match (&container.health, container.status) {
        (Some(health), ContainerStatus::Running) => format!("Running ({health})"),
        _ => String::new(),
    };
    let ready = container.status == ContainerStatus::Running
        && container.health.as_deref().is_none_or(|health| health == "healthy");
    Pod {
        uid: Uid(container.id.clone().into()),
        owners: vec![compose_owner(&container.project, &container.service)],
        namespace: compose_namespace(&container.project),
        labels: BTreeMap::new(),
        owner_created: None,
        created: container.created,
        deleting: container.status == ContainerStatus::Removing,
        phase,
        reason,
        message,
        unschedulable: None,
        conditions: Vec::new(),
        node: None,
        containers: vec![Container {
            name: container.service,
            kind: ContainerKind::Regular,
            image: container.image,
            // What was copied into it outlives a restart, so a restarted one is the same.
            id: Some(container.id),
            state,
            last_termination: None,
            ready,
            restarts: container.restarts,
            ports: Vec::new(),
        }],
        name: container.name,
    }
}

/// Starts programs in containers of the engine.
struct EnginePrograms(SharedEdges);

impl Connect for EnginePrograms {
    fn connect<'a>(
        &'a self,
        target: &'a ContainerRef,
        argv: &'a [String],
    ) -> BoxFuture<'a, Result<Program, ExecError>> {
        Box::pin(async move {
            let engine = self.0.docker().await.map_err(|error| ExecError::Transport(text(error)))?;
            let attached = engine.attach(&target.id, argv).await.map_err(|error| failure(error, argv))?;
            let argv = argv.to_vec();
            let ending =
                attached.ending.map(move |ending| Some(ending?.map_err(|error| failure(error, &argv)))).boxed();
            Ok(Program { stdin: attached.stdin, stdout: attached.stdout, ending, guard: Box::new(()) })
        })
    }
}

fn failure(error: AttachError, argv: &[String]) -> ExecError {
    match error {
        AttachError::NotRunning(message) => ExecError::ContainerGone(message),
        AttachError::NotFound => ExecError::NotFound(argv.first().cloned().unwrap_or_default()),
        AttachError::Engine(error) => ExecError::Transport(error.to_string()),
    }
}

/// When the log of a container that is older than the session begins to be of interest.
pub(super) fn log_start(pod: &Pod, session: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if pod.created >= session {
        return None;
    }
    match pod.containers.first().map(|container| &container.state) {
        Some(ContainerState::Running { started }) => Some(*started),
        _ => None,
    }
}
