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
use crate::cluster::{
    ClusterEvent, ContainerRef, FollowedPod, PodEvent, PodLogs, WarmChannels, watch_events, watch_namespace,
};
use crate::engine::{Connection, ContainerPlace, Engine, Event, Mode, Moved};
use crate::k8s::Uid;
use crate::logs::{Level, LogSource};
use crate::project::ResourceName;

/// Pod events that may wait for the event loop.
const QUEUE: usize = 256;

/// The same event about the same object is logged again only after this time.
const SAY_AGAIN: Duration = Duration::from_mins(1);

/// Whose an object is, for the events of the cluster.
type Owners = Arc<Mutex<HashMap<Uid, ResourceName>>>;

/// What there is of a resource.
#[derive(Default)]
struct Known {
    /// Its objects, its pods and what owns them.
    uids: HashSet<Uid>,
    containers: HashSet<ContainerRef>,
}

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
    /// What has moved since all this was in step with the engine.
    behind: Moved,
    known: HashMap<ResourceName, Known>,
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
            behind: Moved::All,
            known: HashMap::new(),
            started: Utc::now(),
        }
    }

    /// The connections into containers; `None` before there is a cluster.
    pub(super) fn channels(&self) -> Option<Arc<WarmChannels>> {
        self.channels.clone()
    }

    /// Starts and stops watches, followers of logs and channels as the engine's knowledge asks for, of what has moved.
    pub(super) fn follow(&mut self, engine: &Engine, moved: &Moved) {
        self.behind.add(moved.clone());
        let Some(cluster) = self.edges.known_cluster() else { return };
        let names = match std::mem::replace(&mut self.behind, Moved::Some(Vec::new())) {
            Moved::Some(names) if names.is_empty() => return,
            Moved::Some(names) => names,
            Moved::All => {
                let present: HashSet<ResourceName> = engine.resource_names(ContainerPlace::Cluster).cloned().collect();
                let gone: Vec<ResourceName> =
                    self.known.keys().filter(|name| !present.contains(*name)).cloned().collect();
                present.into_iter().chain(gone).collect()
            }
        };
        let client = cluster.client();
        let channels = Arc::clone(self.channels.get_or_insert_with(|| Arc::new(WarmChannels::new(client.clone()))));
        for name in names {
            if !engine.is_at(&name, ContainerPlace::Cluster) && !self.known.contains_key(&name) {
                continue;
            }
            for namespace in engine.namespaces_of(&name) {
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
            self.follow_resource(engine, &name, client, &channels);
        }
    }

    fn follow_resource(
        &mut self,
        engine: &Engine,
        name: &ResourceName,
        client: &kube::Client,
        channels: &WarmChannels,
    ) {
        let project = engine.project();
        let mut now = Known::default();
        now.containers.extend(engine.live_containers_of(name, ContainerPlace::Cluster).iter().map(container_ref));
        now.uids.extend(engine.deployed_objects_of(name));
        let api = project.and_then(|project| project.resources.get(name)?.api());
        let wanted = api.and_then(|api| api.log_resource.clone());
        let writes_to = wanted.filter(|name| project.is_some_and(|project| project.resources.contains_key(name)));
        let sink = self.edges.logs.sink(Some(writes_to.unwrap_or_else(|| name.clone())), LogSource::Runtime);
        let selection = api.map(|api| api.logs.clone()).unwrap_or_default();
        let mut followed = Vec::new();
        let pods = if engine.is_at(name, ContainerPlace::Cluster) { engine.pods_of(name.as_str()) } else { Vec::new() };
        for pod in pods {
            now.uids.insert(pod.uid.clone());
            now.uids.extend(pod.owners.iter().cloned());
            followed.push(FollowedPod { pod, sink: sink.clone(), selection: selection.clone() });
        }
        let before = self.known.remove(name).unwrap_or_default();
        {
            let mut owners = lock(&self.owners);
            for uid in before.uids.difference(&now.uids) {
                if owners.get(uid) == Some(name) {
                    owners.remove(uid);
                }
            }
            owners.extend(now.uids.iter().map(|uid| (uid.clone(), name.clone())));
        }
        let gone: Vec<ContainerRef> = before.containers.difference(&now.containers).cloned().collect();
        channels.change(&gone, &now.containers);
        self.logs.get_or_insert_with(|| PodLogs::new(client.clone())).follow(name, followed);
        if !now.uids.is_empty() || !now.containers.is_empty() {
            self.known.insert(name.clone(), now);
        }
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
