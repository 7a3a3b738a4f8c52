//! Follows the logs of all containers of the pods it is told of: one task per container, from its first line on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::AsyncBufReadExt as _;
use k8s_openapi::api::core::v1 as core;
use kube::Client;
use kube::api::{Api, LogParams};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::k8s::{Container, ContainerKind, ContainerState, Pod, Uid};
use crate::logs::{LineSplitter, LogPosition, LogSink, TimedLine};
use crate::project::{PodLogSelection, ResourceName};

/// Containers of service meshes, which nobody develops (reference §3.8).
const IGNORED: [&str; 4] = ["istio-init", "istio-proxy", "linkerd-init", "linkerd-proxy"];
/// Of an instance that ended before it was followed, at most so many lines are fetched.
const PREVIOUS_LINES: i64 = 200;
const REQUEST: Duration = Duration::from_secs(15);
const BACKOFF_START: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long the state of a container may lag behind the end of its log.
const STATE_LAG: Duration = Duration::from_secs(1);
/// How long the log of a deleted pod is still read.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// At the end of the session a running container has said what it had to say when nothing has come for so long.
const QUIET: Duration = Duration::from_millis(150);

/// What a follower needs to know of its container.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Instance {
    /// Counts the instances.
    restarts: u32,
    /// There is a log to read.
    has_log: bool,
    running: bool,
    /// How the instance before ended, in words.
    last_end: String,
}

impl Instance {
    fn of(container: &Container) -> Self {
        let running = matches!(container.state, ContainerState::Running { .. });
        let ended = matches!(container.state, ContainerState::Terminated { .. });
        let last_end = match &container.last_termination {
            Some(ContainerState::Terminated { exit_code, reason, .. }) if reason.is_empty() || reason == "Error" => {
                format!("exit status {exit_code}")
            }
            Some(ContainerState::Terminated { exit_code, reason, .. }) => format!("{reason}, exit status {exit_code}"),
            _ => String::new(),
        };
        let has_log = running || ended || container.last_termination.is_some();
        Self { restarts: container.restarts, has_log, running, last_end }
    }
}

/// A pod whose logs are followed.
#[derive(Clone, Debug)]
pub struct FollowedPod {
    /// The pod.
    pub pod: Arc<Pod>,
    /// Where its lines go.
    pub sink: LogSink,
    /// Which of them.
    pub selection: PodLogSelection,
}

/// A container of a pod, and which of its lines are shown.
type Key = (Uid, String, PodLogSelection);

struct Following {
    state: watch::Sender<Instance>,
    /// How many resources show it.
    users: usize,
}

/// Follows the logs of pods. Dropping it ends all followers.
pub struct PodLogs {
    client: Client,
    since: Option<DateTime<Utc>>,
    followers: HashMap<Key, Following>,
    /// What each resource shows.
    shown: HashMap<ResourceName, HashSet<Key>>,
    /// The session is over.
    ending: CancellationToken,
    tasks: JoinSet<()>,
}

impl PodLogs {
    /// From the first line of every container.
    pub fn new(client: Client) -> Self {
        let ending = CancellationToken::new();
        Self { client, since: None, followers: HashMap::new(), shown: HashMap::new(), ending, tasks: JoinSet::new() }
    }

    /// Leaves out what pods wrote before; for those that are older than the session.
    #[must_use]
    pub fn since(mut self, since: DateTime<Utc>) -> Self {
        self.since = Some(since);
        self
    }

    /// Follows for `resource` the containers of exactly these pods, each into its sink; to be called whenever any of them
    /// changes. What several resources show is followed once, into the sink of the first.
    ///
    /// The log of a pod that is not there any more is read to its end, for a few seconds. Must be called within the async
    /// runtime.
    pub fn follow(&mut self, resource: &ResourceName, pods: Vec<FollowedPod>) {
        while self.tasks.try_join_next().is_some() {}
        let mut present = HashSet::new();
        for FollowedPod { pod, sink, selection } in pods {
            let prefixed = |container: &Container| pod.containers.len() > 1 || container.kind != ContainerKind::Regular;
            // Whoever names the containers to be shown means them, whatever their name.
            let is_shown = |container: &&Container| {
                let is_ignored = selection.only.is_empty() && IGNORED.contains(&container.name.as_str());
                !is_ignored && selection.shows(&container.name)
            };
            for container in pod.containers.iter().filter(is_shown) {
                let key = (pod.uid.clone(), container.name.clone(), selection.clone());
                let instance = Instance::of(container);
                if let Some(follower) = self.followers.get(&key) {
                    follower.state.send_if_modified(|known| {
                        let changed = *known != instance;
                        *known = instance;
                        changed
                    });
                } else {
                    let sink = if prefixed(container) {
                        sink.with_prefix(format!("[{}] ", container.name))
                    } else {
                        sink.clone()
                    };
                    let (sender, state) = watch::channel(instance);
                    let follower = Follower {
                        api: Api::namespaced(self.client.clone(), &pod.namespace),
                        pod: pod.name.clone(),
                        container: container.name.clone(),
                        sink,
                        position: LogPosition::new(self.since.max(selection.since)),
                        ending: self.ending.clone(),
                    };
                    self.tasks.spawn(follower.follow(state));
                    self.followers.insert(key.clone(), Following { state: sender, users: 0 });
                }
                present.insert(key);
            }
        }
        self.show(resource, present);
    }

    fn show(&mut self, resource: &ResourceName, present: HashSet<Key>) {
        let former = self.shown.remove(resource).unwrap_or_default();
        for key in present.difference(&former) {
            if let Some(following) = self.followers.get_mut(key) {
                following.users += 1;
            }
        }
        for key in former.difference(&present) {
            // Without its sender a follower reads what is left and ends.
            if let Some(following) = self.followers.get_mut(key) {
                following.users -= 1;
                if following.users == 0 {
                    self.followers.remove(key);
                }
            }
        }
        if !present.is_empty() {
            self.shown.insert(resource.clone(), present);
        }
    }

    /// Reads what is left of all logs, for a few seconds at most; for the end of the session.
    pub async fn stop(mut self) {
        self.ending.cancel();
        self.followers.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// How reading a log ended.
enum End {
    /// The server has sent all there is.
    Complete,
    /// The connection broke, or could not be made.
    Broken,
}

struct Follower {
    api: Api<core::Pod>,
    pod: String,
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

    /// Ends when the pod is gone and its log has been read.
    async fn follow_instances(&mut self, state: &mut watch::Receiver<Instance>) {
        let mut complete: Option<u32> = None;
        let mut attached: Option<u32> = None;
        let mut backoff = BACKOFF_START;
        loop {
            let Ok(instance) = state
                .wait_for(|instance| instance.has_log && complete != Some(instance.restarts))
                .await
                .map(|instance| instance.clone())
            else {
                return;
            };
            if attached != Some(instance.restarts) {
                if let Some(before) = instance.restarts.checked_sub(1) {
                    if complete != Some(before) {
                        // The tail of the instance before, which ended unseen or while the connection was away.
                        self.read_previous(attached.is_none()).await;
                    }
                    if attached.is_some() {
                        self.sink.warn(format!("The container has restarted ({})", instance.last_end));
                    }
                }
                attached = Some(instance.restarts);
            }
            let ended = self.read(LogParams { follow: true, ..LogParams::default() }, instance.running).await;
            if self.ending.is_cancelled() && matches!(ended, Ok(End::Complete)) {
                return;
            }
            match ended {
                // Asked for after its end: there is no more to come.
                Ok(End::Complete) if !instance.running => {
                    complete = Some(instance.restarts);
                    backoff = BACKOFF_START;
                }
                Ok(End::Complete) => {
                    // It has ended, or the server has; the next request finds out.
                    let same = |now: &Instance| *now != instance;
                    let lagging = timeout(STATE_LAG, state.wait_for(same)).await;
                    if matches!(lagging, Ok(Ok(_))) {
                        backoff = BACKOFF_START;
                    }
                }
                Ok(End::Broken) | Err(_) => {
                    sleep(backoff).await;
                    backoff = (backoff * 2).min(BACKOFF_MAX);
                }
            }
            // The pod is gone, and with it what might have been asked for again.
            if state.has_changed().is_err() && complete == attached {
                return;
            }
        }
    }

    async fn read_previous(&mut self, first: bool) {
        let tail_lines = first.then_some(PREVIOUS_LINES);
        // It may be gone already: then there is nothing to be had.
        let _ = self.read(LogParams { previous: true, tail_lines, ..LogParams::default() }, false).await;
    }

    /// `endless` is the log of a container that runs: at the end of the session it is read until nothing comes.
    async fn read(&mut self, params: LogParams, endless: bool) -> Result<End, kube::Error> {
        let since_time =
            self.position.ask_again().and_then(|second| k8s_openapi::jiff::Timestamp::from_second(second).ok());
        let container = Some(self.container.clone());
        let params = LogParams { container, timestamps: true, since_time, ..params };
        let Ok(stream) = timeout(REQUEST, self.api.log_stream(&self.pod, &params)).await else {
            return Ok(End::Broken);
        };
        let mut stream = Box::pin(stream?);
        let (mut splitter, mut lines) = (LineSplitter::default(), Vec::new());
        loop {
            let quiet = async {
                self.ending.cancelled().await;
                sleep(QUIET).await;
            };
            let filled = tokio::select! {
                filled = stream.fill_buf() => filled,
                () = quiet, if endless => Ok(&[] as &[u8]),
            };
            let length = match filled {
                Ok([]) => {
                    splitter.finish(&mut lines);
                    self.deliver(&mut lines);
                    return Ok(End::Complete);
                }
                Ok(bytes) => {
                    splitter.push(bytes, &mut lines);
                    bytes.len()
                }
                Err(_) => return Ok(End::Broken),
            };
            stream.as_mut().consume_unpin(length);
            self.deliver(&mut lines);
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
