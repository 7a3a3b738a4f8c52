//! Follows the logs of containers of Compose projects: one task per container, through restarts of the container and of
//! the engine.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::StreamExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::containers::log_start;
use super::edges::SharedEdges;
use crate::k8s::{ContainerState, Pod, Uid};
use crate::logs::{LineSplitter, LogPosition, LogSink, TimedLine};

const BACKOFF_START: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long the log of a removed container is still read.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// At the end of the session a running container has said what it had to say when nothing has come for so long.
const QUIET: Duration = Duration::from_millis(150);

/// What a follower needs to know of its container: another value is another run of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Instance {
    /// It has not been started.
    Idle,
    /// It runs since then.
    Running(DateTime<Utc>),
    /// It has ended.
    Ended(Option<DateTime<Utc>>),
}

impl Instance {
    fn of(pod: &Pod) -> Self {
        match pod.containers.first().map(|container| &container.state) {
            Some(ContainerState::Running { started }) => Self::Running(*started),
            Some(ContainerState::Terminated { finished, .. }) => Self::Ended(*finished),
            Some(ContainerState::Waiting { .. }) | None => Self::Idle,
        }
    }
}

/// Follows the logs of containers.
pub(super) struct ContainerLogs {
    edges: SharedEdges,
    session: DateTime<Utc>,
    followers: HashMap<Uid, watch::Sender<Instance>>,
    ending: CancellationToken,
    tasks: JoinSet<()>,
}

impl ContainerLogs {
    /// Of containers that are older than `session` only what they wrote since their start is of interest.
    pub(super) fn new(edges: SharedEdges, session: DateTime<Utc>) -> Self {
        Self { edges, session, followers: HashMap::new(), ending: CancellationToken::new(), tasks: JoinSet::new() }
    }

    /// Follows exactly these containers, each into its sink; to be called whenever any of them changes.
    pub(super) fn follow(&mut self, pods: Vec<(Arc<Pod>, LogSink)>) {
        while self.tasks.try_join_next().is_some() {}
        let mut present = HashSet::new();
        for (pod, sink) in pods {
            let instance = Instance::of(&pod);
            present.insert(pod.uid.clone());
            if let Some(follower) = self.followers.get(&pod.uid) {
                follower.send_if_modified(|known| {
                    let changed = *known != instance;
                    *known = instance;
                    changed
                });
                continue;
            }
            let (sender, state) = watch::channel(instance);
            let follower = Follower {
                edges: Arc::clone(&self.edges),
                container: pod.uid.0.to_string(),
                sink,
                position: LogPosition::new(log_start(&pod, self.session)),
                ending: self.ending.clone(),
            };
            self.tasks.spawn(follower.follow(state));
            self.followers.insert(pod.uid.clone(), sender);
        }
        // Without its sender a follower reads what is left and ends.
        self.followers.retain(|uid, _| present.contains(uid));
    }

    /// Ends all followers; `to_the_end` reads what is left first, for a moment.
    pub(super) async fn stop(&mut self, to_the_end: bool) {
        self.ending.cancel();
        self.followers.clear();
        if !to_the_end {
            self.tasks.abort_all();
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

struct Follower {
    edges: SharedEdges,
    container: String,
    sink: LogSink,
    position: LogPosition,
    ending: CancellationToken,
}

impl Follower {
    async fn follow(mut self, mut state: watch::Receiver<Instance>) {
        let mut closing = state.clone();
        let gone = async {
            while closing.changed().await.is_ok() {}
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            () = self.follow_instances(&mut state) => {}
            () = gone => {}
        }
    }

    /// Ends when the container is gone and its log has been read.
    async fn follow_instances(&mut self, state: &mut watch::Receiver<Instance>) {
        let mut complete: Option<Instance> = None;
        let mut backoff = BACKOFF_START;
        loop {
            let has_news = |instance: &Instance| *instance != Instance::Idle && complete.as_ref() != Some(instance);
            let Ok(instance) = state.wait_for(has_news).await.map(|instance| instance.clone()) else { return };
            let is_read = self.read(matches!(instance, Instance::Running(_))).await;
            if is_read && self.ending.is_cancelled() {
                return;
            }
            if !is_read {
                sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            } else if matches!(instance, Instance::Ended(_)) {
                complete = Some(instance);
                backoff = BACKOFF_START;
            } else {
                // It has ended, or the engine has; the news of it, or the next request, says which.
                let same = |now: &Instance| *now != instance;
                let _ = timeout(backoff, state.wait_for(same)).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
            if state.has_changed().is_err() && is_read {
                return;
            }
        }
    }

    /// Reads to the end of the log; whether it was reached. `endless` is the log of a container that runs: at the end of
    /// the session it is read until nothing comes.
    async fn read(&mut self, endless: bool) -> bool {
        let Ok(engine) = self.edges.docker().await else { return false };
        let since = self.position.ask_again();
        let mut pieces = Box::pin(engine.container_log(&self.container, since));
        let (mut output, mut errors) = (LineSplitter::default(), LineSplitter::default());
        let mut lines = Vec::new();
        loop {
            let quiet = async {
                self.ending.cancelled().await;
                sleep(QUIET).await;
            };
            let piece = tokio::select! {
                piece = pieces.next() => piece,
                () = quiet, if endless => None,
            };
            match piece {
                Some(Ok((is_error, bytes))) => {
                    let splitter = if is_error { &mut errors } else { &mut output };
                    splitter.push(&bytes, &mut lines);
                    self.deliver(&mut lines);
                }
                Some(Err(error)) => {
                    tracing::debug!(container = self.container, %error, "the log broke off");
                    return false;
                }
                None => {
                    output.finish(&mut lines);
                    errors.finish(&mut lines);
                    self.deliver(&mut lines);
                    return true;
                }
            }
        }
    }

    fn deliver(&mut self, lines: &mut Vec<TimedLine>) {
        for line in lines.drain(..) {
            if self.position.is_new(line.time, &line.text) {
                let text = String::from_utf8_lossy(&line.text);
                self.sink.info(text.trim_end_matches('\r'));
            }
        }
    }
}
