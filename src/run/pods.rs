//! Keeps the watches on pods, their logs and the warm channels in step with what the engine knows.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::edges::SharedEdges;
use super::event_loop::EventSender;
use super::live::container_ref;
use crate::cluster::{ClusterEvent, FollowedPod, PodEvent, PodLogs, WarmChannels, watch_events, watch_namespace};
use crate::engine::{Connection, ContainerPlace, Engine, Event, Mode};
use crate::k8s::Uid;
use crate::logs::{Level, LogSource};
use crate::project::ResourceName;

/// Pod events that may wait for the event loop.
const QUEUE: usize = 256;

/// The same event about the same object is logged again only after this time.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// Whose an object is, for the events of the cluster.
type Owners = Arc<Mutex<HashMap<Uid, ResourceName>>>;

/// The watches of a session. One per kind and namespace, however many resources there are.
pub(super) struct Pods {
    edges: SharedEdges,
    events: EventSender,
    watched: BTreeSet<String>,
    channels: Option<Arc<WarmChannels>>,
    logs: Option<PodLogs>,
    owners: Owners,
    tasks: JoinSet<()>,
    cancel: CancellationToken,
    /// The state of the engine that all this is in step with.
    revision: Option<u64>,
    started: DateTime<Utc>,
}

impl Pods {
    pub(super) fn new(edges: SharedEdges, events: EventSender) -> Self {
        Self {
            edges,
            events,
            watched: BTreeSet::new(),
            channels: None,
            logs: None,
            owners: Owners::default(),
            tasks: JoinSet::new(),
            cancel: CancellationToken::new(),
            revision: None,
            started: Utc::now(),
        }
    }

    /// The connections into containers; `None` before there is a cluster.
    pub(super) fn channels(&self) -> Option<Arc<WarmChannels>> {
        self.channels.clone()
    }

    /// Starts and stops watches, followers of logs and channels as the engine's knowledge asks for.
    pub(super) fn follow(&mut self, engine: &Engine) {
        if self.revision == Some(engine.revision()) {
            return;
        }
        let Some(cluster) = self.edges.known_cluster() else { return };
        self.revision = Some(engine.revision());
        let client = cluster.client();
        let channels = Arc::clone(self.channels.get_or_insert_with(|| Arc::new(WarmChannels::new(client.clone()))));
        let logs = self.logs.get_or_insert_with(|| PodLogs::new(client.clone()));
        for namespace in engine.namespaces() {
            if self.watched.insert(namespace.clone()) {
                watch(
                    client,
                    &namespace,
                    self.started,
                    &self.edges,
                    &self.events,
                    &self.owners,
                    &self.cancel,
                    &mut self.tasks,
                );
            }
        }
        let containers: HashSet<_> =
            engine.live_containers(ContainerPlace::Cluster).iter().map(container_ref).collect();
        channels.keep(&containers);
        let mut followed = Vec::new();
        let mut owners = HashMap::new();
        let project = engine.project();
        for (resource, pods) in engine.pods_by_resource(ContainerPlace::Cluster) {
            let api = project.and_then(|project| project.resources.get(&resource)?.api());
            let wanted = api.and_then(|api| api.log_resource.clone());
            let writes_to = wanted.filter(|name| project.is_some_and(|project| project.resources.contains_key(name)));
            let sink = self.edges.logs.sink(Some(writes_to.unwrap_or_else(|| resource.clone())), LogSource::Runtime);
            let selection = api.map(|api| api.logs.clone()).unwrap_or_default();
            for pod in pods {
                owners.insert(pod.uid.clone(), resource.clone());
                owners.extend(pod.owners.iter().map(|uid| (uid.clone(), resource.clone())));
                followed.push(FollowedPod { pod, sink: sink.clone(), selection: selection.clone() });
            }
        }
        owners.extend(engine.deployed_objects());
        *lock(&self.owners) = owners;
        logs.follow(followed);
    }

    pub(super) async fn stop(&mut self) {
        self.cancel.cancel();
        if let Some(logs) = self.logs.take() {
            match self.edges.options.mode {
                // The last lines are what explains a failure.
                Mode::Ci { .. } => logs.stop().await,
                Mode::Up => drop(logs),
            }
        }
        self.channels = None;
        while self.tasks.join_next().await.is_some() {}
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of a `Pods` that stay borrowed apart")]
fn watch(
    client: &kube::Client,
    namespace: &str,
    since: DateTime<Utc>,
    edges: &SharedEdges,
    events: &EventSender,
    owners: &Owners,
    cancel: &CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    let (tx, rx) = mpsc::channel(QUEUE);
    let (watched, cancelled) = (namespace.to_owned(), cancel.clone());
    let pods_client = client.clone();
    tasks.spawn(async move { Box::pin(watch_namespace(pods_client, &watched, tx, cancelled)).await });
    tasks.spawn(pass_on_pods(rx, events.clone()));
    let (tx, rx) = mpsc::channel(QUEUE);
    let (watched, cancelled, client) = (namespace.to_owned(), cancel.clone(), client.clone());
    tasks.spawn(async move { watch_events(client, &watched, since, tx, cancelled).await });
    tasks.spawn(pass_on_events(rx, Arc::clone(edges), Arc::clone(owners)));
}

async fn pass_on_pods(mut rx: mpsc::Receiver<PodEvent>, events: EventSender) {
    while let Some(event) = rx.recv().await {
        let event = match event {
            PodEvent::Restarted { namespace, pods } => Event::PodsListed { namespace: namespace.to_string(), pods },
            PodEvent::Applied(pod) => Event::PodChanged(pod),
            PodEvent::Deleted(uid) => Event::PodDeleted(uid),
            PodEvent::JobFinished { uid, succeeded, message, .. } => Event::JobFinished { uid, succeeded, message },
            PodEvent::Lost { reason, .. } => Event::ClusterChanged(Connection::Lost(reason)),
            PodEvent::Recovered { .. } => Event::ClusterChanged(Connection::Ok),
        };
        if events.send(event).is_err() {
            return;
        }
    }
}

/// Warnings and image pulls go to the log of their resource (reference §3.8).
async fn pass_on_events(mut rx: mpsc::Receiver<ClusterEvent>, edges: SharedEdges, owners: Owners) {
    // The cluster counts repetitions (a failing probe, a back-off) by telling the same event again.
    let mut said: HashMap<(Uid, String), Instant> = HashMap::new();
    while let Some(event) = rx.recv().await {
        let Some(resource) = lock(&owners).get(&event.object).cloned() else { continue };
        let now = Instant::now();
        said.retain(|_, at| now.duration_since(*at) < SAY_AGAIN);
        match said.entry((event.object.clone(), event.message.clone())) {
            Entry::Occupied(_) => continue,
            Entry::Vacant(entry) => entry.insert(now),
        };
        let level = if event.warning { Level::Warn } else { Level::Info };
        let text = format!("[event: {} {}] {}", event.kind.to_lowercase(), event.name, event.message);
        edges.logs.sink(Some(resource), LogSource::Runtime).write(level, text);
    }
}

fn lock(owners: &Owners) -> MutexGuard<'_, HashMap<Uid, ResourceName>> {
    owners.lock().unwrap_or_else(PoisonError::into_inner)
}
