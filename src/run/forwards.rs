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
use crate::engine::{Engine, Event, ForwardState};
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
    running: HashMap<(ResourceName, usize), Running>,
    tasks: JoinSet<()>,
    revision: Option<u64>,
    /// In an isolated session.
    ports: Option<PortBook>,
}

impl Forwards {
    pub(super) fn new(edges: SharedEdges, events: EventSender) -> Self {
        let isolated = edges.options.context.as_ref().is_some_and(|context| context.own_namespace);
        let ports = isolated.then(|| PortBook::new(&edges.options.entry_file));
        Self { edges, events, running: HashMap::new(), tasks: JoinSet::new(), revision: None, ports }
    }

    /// Opens, closes and directs ports as the engine's knowledge asks for.
    pub(super) fn follow(&mut self, engine: &Engine) {
        if self.revision == Some(engine.revision()) || !self.edges.options.forward_ports {
            return;
        }
        let (Some(project), Some(cluster)) = (engine.project(), self.edges.known_cluster()) else { return };
        self.revision = Some(engine.revision());
        let mut wanted = Vec::new();
        for (name, resource) in &project.resources {
            let Target::Kubernetes(target) = &resource.target else { continue };
            if !engine.is_enabled(name.as_str()) {
                continue;
            }
            for (index, declared) in target.port_forwards.iter().enumerate() {
                wanted.push(((name.clone(), index), declared.clone()));
            }
        }
        // One that is declared differently now is closed before its successor opens: they may share the port.
        self.running.retain(|key, running| {
            let kept = wanted.iter().any(|(wanted, declared)| wanted == key && *declared == running.declared);
            if !kept {
                running.cancel.cancel();
            }
            kept
        });
        for (key, declared) in wanted {
            let pods = engine.pods_of(key.0.as_str());
            let target = forward_pod(&pods).map(|pod| target_of(pod, &declared));
            if let Some(running) = self.running.get(&key) {
                running.targets.send_if_modified(|current| {
                    let changed = *current != target;
                    *current = target;
                    changed
                });
                continue;
            }
            let running = self.open(cluster.client().clone(), key.clone(), declared, target);
            self.running.insert(key, running);
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
        for running in self.running.values() {
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
