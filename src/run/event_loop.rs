//! The turn: wait for an event, drain what is queued, handle each, start the effects, publish one snapshot.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connections::Connections;
use super::containers::Containers;
use super::edges::Edges;
use super::forwards::Forwards;
use super::pods::Pods;
use super::watching::{Look, Watching};
use crate::engine::{Command, Connection, Effect, Engine, Event, SessionTime, Snapshot, WorkId, WorkResult};
use crate::journal::Journal;

/// Events that one turn handles before it publishes a snapshot.
const BATCH: usize = 256;

/// Where the edges send what happened. Unbounded, because its senders must not block each other; every sender is paced by
/// the outside system that it reports of.
pub(super) type EventSender = mpsc::UnboundedSender<Event>;

/// Owns the engine and all tasks of a session.
pub(super) struct EventLoop {
    pub(super) engine: Engine,
    pub(super) edges: Arc<Edges>,
    pub(super) events: EventSender,
    pub(super) tasks: JoinSet<()>,
    pub(super) cancels: HashMap<WorkId, CancellationToken>,
    pub(super) connections: Connections,
    pub(super) pods: Pods,
    pub(super) containers: Containers,
    pub(super) forwards: Forwards,
    pub(super) watching: Watching,
    received: mpsc::UnboundedReceiver<Event>,
    commands: mpsc::Receiver<Command>,
    looks: mpsc::Receiver<Look>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    journal: Journal,
    abort: CancellationToken,
    started: Instant,
}

impl EventLoop {
    pub(super) fn new(
        engine: Engine,
        edges: Arc<Edges>,
        snapshots: watch::Sender<Arc<Snapshot>>,
        journal: Journal,
        commands: mpsc::Receiver<Command>,
        looks: mpsc::Receiver<Look>,
        abort: CancellationToken,
    ) -> Self {
        let (events, received) = mpsc::unbounded_channel();
        Self {
            connections: Connections::new(Arc::clone(&edges), events.clone()),
            pods: Pods::new(Arc::clone(&edges), events.clone()),
            containers: Containers::new(Arc::clone(&edges), events.clone()),
            forwards: Forwards::new(Arc::clone(&edges), events.clone()),
            watching: Watching::new(Arc::clone(&edges), events.clone()),
            engine,
            edges,
            events,
            tasks: JoinSet::new(),
            cancels: HashMap::new(),
            received,
            commands,
            looks,
            snapshots,
            journal,
            abort,
            started: Instant::now(),
        }
    }

    pub(super) async fn run(mut self) {
        self.watching.follow(&self.engine).await;
        self.turn(vec![Event::Woken]).await;
        while !self.engine.is_stopped() {
            let wake = self.engine.wake_at().map(|moment| self.started + moment.0);
            let mut batch = Vec::new();
            tokio::select! {
                biased;
                () = self.abort.cancelled() => break,
                _ = self.received.recv_many(&mut batch, BATCH) => {}
                command = self.commands.recv() => {
                    // A UI that went away without a word wants the session to end.
                    batch.push(Event::Command(command.unwrap_or(Command::Quit)));
                }
                Some(look) = self.looks.recv() => {
                    self.watching.look(look);
                    continue;
                }
                // After the events that it caused, which come first here.
                Some(look) = self.watching.looked() => {
                    // Whoever asked may have hung up.
                    let _ = look.done.send(self.engine.resources_of(&look.path));
                    continue;
                }
                () = sleep_until(wake) => batch.push(Event::Woken),
                // Joined here only so that ended tasks do not pile up; their reports are events.
                Some(_) = self.tasks.join_next() => continue,
            }
            self.turn(batch).await;
        }
        self.shut_down().await;
    }

    async fn turn(&mut self, events: Vec<Event>) {
        for event in events {
            let reloaded = matches!(event, Event::Finished { result: WorkResult::Config(_), .. });
            let now = SessionTime(self.started.elapsed());
            let mut effects = match self.note(&event) {
                Some(first) => self.engine.handle(first, now),
                None => Vec::new(),
            };
            effects.extend(self.engine.handle(event, now));
            if reloaded {
                // Before anything is built: what is saved from now on must be seen.
                self.watching.follow(&self.engine).await;
            }
            for effect in effects {
                self.start(effect);
            }
        }
        self.pods.follow(&self.engine);
        self.containers.follow(&self.engine);
        self.forwards.follow(&self.engine);
        self.publish();
    }

    fn publish(&self) {
        let snapshot = Arc::new(self.engine.snapshot());
        self.journal.observe(&snapshot);
        self.snapshots.send_replace(snapshot);
    }

    /// What the shell itself has to know of an event.
    fn note(&mut self, event: &Event) -> Option<Event> {
        match event {
            Event::Finished { work, result } => {
                self.cancels.remove(work);
                self.connections.note(result)
            }
            Event::DockerChanged(Connection::Lost(_)) => {
                self.connections.check_docker();
                None
            }
            Event::ClusterChanged(Connection::Lost(_)) => {
                self.connections.check_cluster();
                None
            }
            _ => None,
        }
    }

    /// Runs a piece of work as a task that ends with exactly one report.
    pub(super) fn spawn<F>(&mut self, work: WorkId, future: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = WorkResult> + Send + 'static,
    {
        let cancel = self.abort.child_token();
        self.cancels.insert(work, cancel.clone());
        let events = self.events.clone();
        // What a snapshot shows must not hold the values of Secrets either.
        let logs = self.edges.logs.clone();
        let task = tokio::spawn(future(cancel));
        self.tasks.spawn(async move {
            let result = match task.await {
                Ok(result) => result.map_text(|text| logs.masked(&text)),
                Err(error) => WorkResult::Crashed(panic_message(error)),
            };
            // The loop is gone only when the session is over.
            let _ = events.send(Event::Finished { work, result });
        });
    }

    pub(super) fn cancel(&mut self, work: WorkId) {
        if let Some(cancel) = self.cancels.get(&work) {
            cancel.cancel();
        }
    }

    async fn shut_down(mut self) {
        self.abort.cancel();
        self.edges.supervisor.hurry.cancel();
        self.forwards.stop().await;
        self.pods.stop().await;
        self.containers.stop().await;
        self.connections.stop().await;
        self.watching.stop();
        // Every task watches its token; the processes that they own are verified to be gone before they end.
        let deadline = Instant::now() + SHUT_DOWN_LIMIT;
        while let Ok(Some(_)) = tokio::time::timeout_at(deadline, self.tasks.join_next()).await {}
        self.edges.background.close();
        if tokio::time::timeout_at(deadline, self.edges.background.wait()).await.is_err() {
            tracing::debug!("what nobody waits for was not finished");
        }
        self.publish();
    }

    /// The effect `Log` and nothing else writes through here.
    pub(super) fn log(&self, effect: &Effect) {
        if let Effect::Log { resource, level, text } = effect {
            self.edges.logs.sink(resource.clone(), crate::logs::LogSource::Build).write(*level, text);
        }
    }
}

/// What an aborted session waits for its tasks at most.
const SHUT_DOWN_LIMIT: Duration = Duration::from_secs(1);

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panicked".to_owned()),
        Err(_) => "cancelled".to_owned(),
    }
}
