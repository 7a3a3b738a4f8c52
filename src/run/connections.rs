//! Whether the outside systems answer. Nothing is polled while all is well: a piece of work that met a dead system says
//! so, and then the system is asked until it is back.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::edges::{Edges, SharedEdges};
use super::event_loop::EventSender;
use crate::engine::{Connection, Event, LiveError, WorkError, WorkResult};
use crate::project::{ImageBuild, Project, Resource, Target};

/// The pause between two tries to reach a system.
const RETRY: Duration = Duration::from_millis(500);

/// Which systems a session needs, and the tasks that wait for those which are away.
#[derive(Debug)]
pub(super) struct Connections {
    edges: SharedEdges,
    events: EventSender,
    docker: Watch,
    cluster: Watch,
    tasks: JoinSet<()>,
    cancel: CancellationToken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Docker,
    Cluster,
}

/// Whether a task is waiting for a system.
#[derive(Clone, Debug, Default)]
struct Watch {
    wanted: bool,
    waiting: Arc<std::sync::atomic::AtomicBool>,
}

impl Connections {
    pub(super) fn new(edges: SharedEdges, events: EventSender) -> Self {
        Self {
            edges,
            events,
            docker: Watch::default(),
            cluster: Watch::default(),
            tasks: JoinSet::new(),
            cancel: CancellationToken::new(),
        }
    }

    /// Connects to what a project needs.
    pub(super) fn want(&mut self, project: &Project) {
        let is_service = |resource: &Arc<Resource>| resource.enabled && matches!(resource.target, Target::Compose(_));
        let needs_docker = project.images.values().any(|image| matches!(image.build, ImageBuild::Docker(_)))
            || project.resources.values().any(is_service);
        let needs_cluster = project
            .resources
            .values()
            .any(|resource| resource.enabled && matches!(resource.target, Target::Kubernetes(_)));
        if needs_docker && !std::mem::replace(&mut self.docker.wanted, true) {
            self.wait_for(System::Docker);
        }
        if needs_cluster && !std::mem::replace(&mut self.cluster.wanted, true) {
            self.wait_for(System::Cluster);
        }
    }

    /// Learns from the end of a piece of work that a system is away. The returned event is for the engine, before it
    /// hears of the work, so that it does not start the same again at once.
    pub(super) fn note(&mut self, result: &WorkResult) -> Option<Event> {
        match result {
            WorkResult::Image(Err(WorkError::Lost(message)))
            | WorkResult::Compose(Err(WorkError::Lost(message)))
            | WorkResult::ComposeLive(Err(LiveError::Interrupted(message))) => {
                self.wait_for(System::Docker);
                Some(Event::DockerChanged(Connection::Lost(message.clone())))
            }
            WorkResult::Deploy(Err(WorkError::Lost(message)))
            | WorkResult::Housekeeping(Err(WorkError::Lost(message)))
            | WorkResult::Live(Err(LiveError::Interrupted(message))) => {
                self.wait_for(System::Cluster);
                Some(Event::ClusterChanged(Connection::Lost(message.clone())))
            }
            WorkResult::Config(outcome) if outcome.needs_engine => {
                self.wait_for(System::Docker);
                None
            }
            WorkResult::Image(_)
            | WorkResult::Deploy(_)
            | WorkResult::Compose(_)
            | WorkResult::ComposeLive(_)
            | WorkResult::Config(_)
            | WorkResult::Local(_)
            | WorkResult::Serve(_)
            | WorkResult::Live(_)
            | WorkResult::Housekeeping(_)
            | WorkResult::Crashed(_) => None,
        }
    }

    /// A watch has lost the cluster; what it says may hold for that watch alone.
    pub(super) fn check_cluster(&mut self) {
        self.wait_for(System::Cluster);
    }

    /// The same for the engine.
    pub(super) fn check_docker(&mut self) {
        self.wait_for(System::Docker);
    }

    /// Asks a system until it answers, and says what comes of it.
    fn wait_for(&mut self, system: System) {
        let waiting = match system {
            System::Docker => &self.docker.waiting,
            System::Cluster => &self.cluster.waiting,
        };
        if waiting.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        let (edges, events, cancel) = (Arc::clone(&self.edges), self.events.clone(), self.cancel.clone());
        let waiting = Arc::clone(waiting);
        self.tasks.spawn(async move {
            let mut said = None;
            loop {
                let Some(answer) = cancel.run_until_cancelled(ask(&edges, system)).await else { return };
                let state = match answer {
                    Ok(()) => {
                        waiting.store(false, std::sync::atomic::Ordering::SeqCst);
                        report(&events, system, Connection::Ok);
                        return;
                    }
                    Err(message) => Connection::Lost(message),
                };
                if said.as_ref() != Some(&state) {
                    report(&events, system, state.clone());
                    said = Some(state);
                }
                if cancel.run_until_cancelled(tokio::time::sleep(RETRY)).await.is_none() {
                    return;
                }
            }
        });
    }

    pub(super) async fn stop(&mut self) {
        self.cancel.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn ask(edges: &Edges, system: System) -> Result<(), String> {
    let text = |error: WorkError| match error {
        WorkError::Failed(message) | WorkError::Lost(message) => message,
        WorkError::Cancelled => "cancelled".to_owned(),
    };
    match system {
        System::Docker => {
            let engine = edges.docker().await.map_err(text)?;
            engine.health().await.map_err(|error| error.to_string())
        }
        System::Cluster => {
            let cluster = edges.cluster().await.map_err(text)?;
            cluster.health().await.map_err(|error| error.to_string())
        }
    }
}

fn report(events: &EventSender, system: System, state: Connection) {
    // The loop is gone only when the session is over.
    let _ = events.send(match system {
        System::Docker => Event::DockerChanged(state),
        System::Cluster => Event::ClusterChanged(state),
    });
}
