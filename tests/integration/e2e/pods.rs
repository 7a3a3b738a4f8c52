//! Pods, their owners and events, as a real cluster tells them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::Utc;
use devloop::cluster::{ClusterEvent, PodEvent, watch_events, watch_namespace};
use devloop::k8s::{ContainerState, Pod, Uid};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::pods_ground::PodGround;
use crate::support::outage::Outage;

/// What the events add up to.
struct Seen {
    events: mpsc::Receiver<PodEvent>,
    pods: BTreeMap<Uid, Pod>,
    finished: Vec<(String, bool)>,
    restarts: usize,
    lost: bool,
}

impl Seen {
    fn watch(ground: &PodGround, cancel: &CancellationToken) -> Self {
        let (tx, events) = mpsc::channel(16);
        let (client, namespace, cancel) = (ground.cluster.client().clone(), ground.namespace.clone(), cancel.clone());
        tokio::spawn(async move { Box::pin(watch_namespace(client, &namespace, tx, cancel)).await });
        Self { events, pods: BTreeMap::new(), finished: Vec::new(), restarts: 0, lost: false }
    }

    async fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let all = async {
            while !condition(self) {
                match self.events.recv().await.expect("the watch goes on") {
                    PodEvent::Restarted { pods, .. } => {
                        self.restarts += 1;
                        self.pods = pods.into_iter().map(|pod| (pod.uid.clone(), pod)).collect();
                    }
                    PodEvent::Applied(pod) => {
                        self.pods.insert(pod.uid.clone(), *pod);
                    }
                    PodEvent::Deleted(uid) => {
                        self.pods.remove(&uid);
                    }
                    PodEvent::JobFinished { name, succeeded, .. } => self.finished.push((name, succeeded)),
                    PodEvent::Lost { .. } => self.lost = true,
                    PodEvent::Recovered { .. } => self.lost = false,
                }
            }
        };
        let done = timeout(Duration::from_mins(1), all).await;
        assert!(done.is_ok(), "waited in vain for {what}; pods: {:#?}", self.pods);
    }

    fn named(&self, prefix: &str) -> Vec<&Pod> {
        self.pods.values().filter(|pod| pod.name.starts_with(prefix)).collect()
    }
}

fn deployment(name: &str) -> String {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": "busybox:1", "imagePullPolicy": "IfNotPresent",
                    "command": ["sleep", "100000"], "ports": [{"containerPort": 80, "name": "http"}]}]
            }}
        }
    })
    .to_string()
}

fn job(name: &str, script: &str) -> String {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": {"spec": {
            "restartPolicy": "Never",
            "containers": [{"name": "main", "image": "busybox:1", "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]}]
        }}}
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn pods_are_told_with_all_their_owners() {
    let ground = PodGround::new("pods-owners").await;
    let cancel = CancellationToken::new();
    let mut seen = Seen::watch(&ground, &cancel);
    seen.until("the first list", |seen| seen.restarts == 1).await;
    ground.kubectl_with(&["apply", "-f", "-"], &deployment("web"));
    let uid = Uid(ground.kubectl(&["get", "deployment", "web", "-o", "jsonpath={.metadata.uid}"]).into());
    let complete = |seen: &Seen| {
        let pods = seen.named("web-");
        // Not one event without the whole chain.
        assert!(pods.iter().all(|pod| pod.owners.len() == 2 && pod.owners[1] == uid && pod.owner_created.is_some()));
        pods.len() == 2 && pods.iter().all(|pod| pod.containers[0].ready)
    };
    seen.until("two ready pods", complete).await;
    assert_eq!(seen.named("web-")[0].containers[0].ports, [(80, "http".to_owned())]);

    let first = seen.named("web-")[0].uid.clone();
    ground.kubectl(&["delete", "pod", "--wait=false", &seen.named("web-")[0].name]);
    seen.until("the deleted pod to go", |seen| !seen.pods.contains_key(&first)).await;
    seen.until("another pod in its place", complete).await;
    // One who comes late sees the same.
    let mut late = Seen::watch(&ground, &cancel);
    late.until("the first list", |late| late.restarts == 1).await;
    assert_eq!(late.named("web-").len(), 2);
    assert!(complete(&late));

    ground.kubectl_with(&["apply", "-f", "-"], &job("good", "exit 0"));
    ground.kubectl_with(&["apply", "-f", "-"], &job("bad", "exit 3"));
    seen.until("both jobs to finish", |seen| seen.finished.len() == 2).await;
    seen.finished.sort();
    assert_eq!(seen.finished, [("bad".to_owned(), false), ("good".to_owned(), true)]);
    seen.until("the failed pod", |seen| {
        seen.named("bad-")
            .first()
            .is_some_and(|pod| matches!(pod.containers[0].state, ContainerState::Terminated { exit_code: 3, .. }))
    })
    .await;
    cancel.cancel();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn a_namespaced_role_is_enough() {
    let ground = PodGround::new("pods-rbac").await;
    ground.kubectl(&["create", "role", "dev", "--verb=get,list,watch", "--resource=pods"]);
    ground.kubectl(&["create", "serviceaccount", "dev"]);
    let account = format!("--serviceaccount={}:dev", ground.namespace);
    ground.kubectl(&["create", "rolebinding", "dev", "--role=dev", &account]);
    let mut config = kube::Config::infer().await.expect("a kubeconfig");
    config.auth_info.impersonate = Some(format!("system:serviceaccount:{}:dev", ground.namespace));
    let client = kube::Client::try_from(config).expect("a client");
    let (tx, events) = mpsc::channel(16);
    let namespace = ground.namespace.clone();
    tokio::spawn(async move { Box::pin(watch_namespace(client, &namespace, tx, CancellationToken::new())).await });
    let mut seen = Seen { events, pods: BTreeMap::new(), finished: Vec::new(), restarts: 0, lost: false };
    seen.until("the first list", |seen| seen.restarts == 1).await;
    ground.kubectl_with(&["apply", "-f", "-"], &deployment("web"));
    // Without the right to see ReplicaSets the chain ends there, but the pods are told.
    seen.until("the pods", |seen| seen.named("web-").len() == 2 && seen.named("web-")[0].owners.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (stops the API server for some seconds)"]
async fn pods_go_on_after_an_outage_of_the_api_server() {
    let ground = PodGround::new("pods-outage").await;
    let cancel = CancellationToken::new();
    let mut seen = Seen::watch(&ground, &cancel);
    seen.until("the first list", |seen| seen.restarts == 1).await;
    let outage = Outage::of("apiserver");
    seen.until("the loss", |seen| seen.lost).await;
    drop(outage);
    seen.until("the recovery", |seen| !seen.lost).await;
    ground.kubectl_with(&["apply", "-f", "-"], &deployment("web"));
    seen.until("two pods", |seen| seen.named("web-").len() == 2 && seen.named("web-")[1].owners.len() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn warnings_are_told_once() {
    let ground = PodGround::new("pods-events").await;
    let (tx, mut events) = mpsc::channel(16);
    let (client, namespace) = (ground.cluster.client().clone(), ground.namespace.clone());
    let since = Utc::now();
    tokio::spawn(async move { Box::pin(watch_events(client, &namespace, since, tx, CancellationToken::new())).await });
    ground.pod("p", "localhost:1/absent:1", "true", &json!({}));
    let failed = async {
        let mut all: Vec<ClusterEvent> = Vec::new();
        loop {
            let event = events.recv().await.expect("the watch goes on");
            assert!(!all.contains(&event), "twice: {event:?}");
            let done = event.warning && event.message.contains("absent:1");
            all.push(event);
            if done {
                return all;
            }
        }
    };
    let all = timeout(Duration::from_mins(1), failed).await.expect("a warning");
    assert!(all.iter().any(|event| event.reason == "Pulling"));
    assert_eq!((all[0].kind.as_str(), all[0].name.as_str()), ("Pod", "p"));
}
