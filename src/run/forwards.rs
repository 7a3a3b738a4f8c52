//! Keeps the port-forwards in step with the project and its pods.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::edges::SharedEdges;
use super::event_loop::EventSender;
use super::port_book::PortBook;
use crate::cluster::{ForwardStatus, ForwardTarget, forward};
use crate::engine::{Engine, Event, ForwardState, Moved};
use crate::k8s::{Pod, forward_pod, forward_port, pod_is_ready};
use crate::logs::LogSource;
use crate::project::{PortForward, ResourceName, Target};

/// One listening port.
#[derive(Debug)]
struct Running {
    declared: PortForward,
    targets: watch::Sender<Option<ForwardTarget>>,
    cancel: CancellationToken,
}

/// The port-forwards of a session.
#[derive(Debug)]
pub(super) struct Forwards {
    edges: SharedEdges,
    events: EventSender,
    running: HashMap<ResourceName, HashMap<usize, Running>>,
    tasks: JoinSet<()>,
    /// In an isolated session.
    ports: Option<PortBook>,
    /// What has moved since the ports were in step with the engine.
    behind: Moved,
}

impl Forwards {
    pub(super) fn new(edges: SharedEdges, events: EventSender) -> Self {
        let isolated = edges.options.context.as_ref().is_some_and(|context| context.own_namespace);
        let ports = isolated.then(|| PortBook::new(&edges.options.entry_file));
        Self { edges, events, running: HashMap::new(), tasks: JoinSet::new(), behind: Moved::All, ports }
    }

    /// Opens, closes and directs ports as the engine's knowledge asks for, of what has moved.
    pub(super) fn follow(&mut self, engine: &Engine, moved: &Moved) {
        if !self.edges.options.forward_ports {
            return;
        }
        self.behind.add(moved.clone());
        let (Some(project), Some(cluster)) = (engine.project(), self.edges.known_cluster()) else { return };
        let mut names: Vec<ResourceName> = match std::mem::replace(&mut self.behind, Moved::Some(Vec::new())) {
            Moved::Some(names) => names,
            Moved::All => project.resources.keys().chain(self.running.keys()).cloned().collect(),
        };
        // In the order of the project: of two that want one port the first gets it.
        names.sort_by_key(|name| project.resources.get_index_of(name));
        names.dedup();
        let mut wanted = Vec::new();
        for name in &names {
            let resource = project.resources.get(name).filter(|_| engine.is_enabled(name.as_str()));
            let ports = match resource.map(|resource| &resource.target) {
                Some(Target::Kubernetes(target)) => target.port_forwards.clone(),
                Some(Target::Local(_) | Target::Compose(_)) | None => Vec::new(),
            };
            // One that is declared differently now is closed before its successor opens: they may share the port.
            if let Some(running) = self.running.get_mut(name) {
                running.retain(|index, running| {
                    let kept = ports.get(*index) == Some(&running.declared);
                    if !kept {
                        running.cancel.cancel();
                    }
                    kept
                });
                if running.is_empty() {
                    self.running.remove(name);
                }
            }
            wanted.extend(ports.into_iter().enumerate().map(|(index, declared)| ((name.clone(), index), declared)));
        }
        for (key, declared) in wanted {
            let pods = engine.pods_of(key.0.as_str());
            let target = forward_pod(&pods).map(|pod| target_of(pod, &declared));
            if let Some(running) = self.running.get(&key.0).and_then(|running| running.get(&key.1)) {
                running.targets.send_if_modified(|current| {
                    let changed = *current != target;
                    *current = target;
                    changed
                });
                continue;
            }
            let running = self.open(cluster.client().clone(), key.clone(), declared, target);
            self.running.entry(key.0).or_default().insert(key.1, running);
        }
        while self.tasks.try_join_next().is_some() {}
    }

    fn open(
        &mut self,
        client: kube::Client,
        (resource, index): (ResourceName, usize),
        declared: PortForward,
        target: Option<ForwardTarget>,
    ) -> Running {
        let (targets, receiver) = watch::channel(target);
        let cancel = CancellationToken::new();
        let log = self.edges.logs.sink(Some(resource.clone()), LogSource::Runtime);
        let events = self.events.clone();
        let host = declared.host.clone().unwrap_or_else(|| self.edges.options.host.clone());
        let port = match &self.ports {
            // Any free port will do for 0.
            Some(ports) if declared.local != 0 => ports.port(declared.local),
            _ => declared.local,
        };
        let cancelled = cancel.clone();
        self.tasks.spawn(async move {
            let report = |status| {
                let (local, state) = match status {
                    ForwardStatus::Listening(port) => (port, ForwardState::Listening),
                    ForwardStatus::Unavailable(reason) => (0, ForwardState::Failed(reason)),
                };
                // The loop is gone only when the session is over.
                let _ = events.send(Event::ForwardChanged { resource: resource.clone(), index, local, state });
            };
            forward(client, &host, port, receiver, log, report, cancelled).await;
        });
        Running { declared, targets, cancel }
    }

    pub(super) async fn stop(&mut self) {
        for running in self.running.values().flat_map(HashMap::values) {
            running.cancel.cancel();
        }
        self.running.clear();
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Where a forward leads in a pod. Container port 0 is the local port if the pod declares it, else the first that it
/// declares, else the local port's number (reference §3.8).
fn target_of(pod: &Arc<Pod>, declared: &PortForward) -> ForwardTarget {
    let port = forward_port(pod, declared.local, declared.container);
    ForwardTarget { namespace: pod.namespace.clone(), pod: pod.name.clone(), port, ready: pod_is_ready(pod) }
}
