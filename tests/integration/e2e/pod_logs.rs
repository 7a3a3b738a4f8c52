//! Logs of real containers: from the first line, once each, over restarts and outages.

use std::sync::Arc;
use std::time::{Duration, Instant};

use devloop::cluster::{FollowedPod, PodEvent, PodLogs, watch_namespace};
use devloop::k8s::Pod;
use devloop::project::PodLogSelection;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::pods_ground::PodGround;
use crate::support::outage::Outage;

/// Follows the logs of all pods of the namespace until the log fulfils a condition.
async fn follow(
    ground: &PodGround,
    what: &str,
    done: impl Fn(&[String]) -> bool,
    mut meanwhile: impl FnMut(&[String]),
) {
    let cancel = CancellationToken::new();
    let (tx, mut events) = mpsc::channel(16);
    let (client, namespace, watching) = (ground.cluster.client().clone(), ground.namespace.clone(), cancel.clone());
    tokio::spawn(async move { Box::pin(watch_namespace(client, &namespace, tx, watching)).await });
    let mut logs = PodLogs::new(ground.cluster.client().clone());
    let mut pods: Vec<Arc<Pod>> = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        match tokio::time::timeout(Duration::from_millis(100), events.recv()).await {
            Ok(Some(PodEvent::Restarted { pods: all, .. })) => pods = all.into_iter().map(Arc::new).collect(),
            Ok(Some(PodEvent::Applied(pod))) => {
                pods.retain(|known| known.uid != pod.uid);
                pods.push(Arc::new(*pod));
            }
            Ok(Some(PodEvent::Deleted(uid))) => pods.retain(|known| known.uid != uid),
            _ => {}
        }
        logs.follow(
            &"logs".into(),
            pods.iter()
                .map(|pod| FollowedPod { pod: pod.clone(), sink: ground.sink(), selection: PodLogSelection::default() })
                .collect(),
        );
        let lines = ground.lines();
        if done(&lines) {
            break;
        }
        meanwhile(&lines);
        assert!(Instant::now() < deadline, "waited in vain for {what}: {lines:#?}");
    }
    logs.stop().await;
    cancel.cancel();
}

fn numbers(lines: &[String], prefix: &str) -> Vec<u32> {
    lines.iter().filter_map(|line| line.strip_prefix(prefix)?.parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn every_line_of_a_container_that_restarts() {
    let ground = PodGround::new("logs-restart").await;
    let script = "i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); done; sleep 1; echo last words; exit 3";
    ground.pod("p", "busybox:1", script, &json!({}));
    let twice = |lines: &[String]| lines.iter().filter(|line| *line == "last words").count() == 2;
    follow(&ground, "two runs", twice, |_| {}).await;
    let lines = ground.lines();
    let expected: Vec<u32> = (0..300).collect();
    let found = numbers(&lines, "line ");
    assert_eq!(found[..300], expected, "the first run");
    assert_eq!(found[300..600], expected, "the second run");
    assert!(lines.iter().any(|line| line == "The container has restarted (exit status 3)"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (a namespace)"]
async fn init_containers_long_lines_and_what_was_written_before() {
    let ground = PodGround::new("logs-init").await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"terminationGracePeriodSeconds": 0, "restartPolicy": "Never",
            "initContainers": [{"name": "init", "image": "busybox:1", "imagePullPolicy": "IfNotPresent", "command": ["echo", "prepared"]}],
            "containers": [
                {"name": "main", "image": "busybox:1", "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c",
                    "echo; head -c 30000 /dev/zero | tr '\\0' x; echo; printf 'no end'; sleep 2"]},
                {"name": "istio-proxy", "image": "busybox:1", "imagePullPolicy": "IfNotPresent", "command": ["echo", "mesh"]}
            ]}
    });
    ground.kubectl_with(&["apply", "-f", "-"], &pod.to_string());
    super::pods_ground::until("the pod to end", || ground.kubectl(&["get", "pod", "p"]).contains("Completed"));
    follow(&ground, "all lines", |lines| lines.iter().any(|line| line == "[main] no end"), |_| {}).await;
    let mut lines = ground.lines();
    lines.sort();
    let mut expected = vec![
        "[init] prepared".to_owned(),
        "[main] ".into(),
        "[main] no end".into(),
        format!("[main] {}", "x".repeat(30_000)),
    ];
    expected.sort();
    let lengths: Vec<usize> = lines.iter().map(String::len).collect();
    assert_eq!(lines, expected, "{lengths:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs cluster (stops the API server for some seconds)"]
async fn no_line_is_lost_or_doubled_over_an_outage_of_the_api_server() {
    let ground = PodGround::new("logs-outage").await;
    let script =
        "i=0; while [ $i -lt 2000 ]; do echo line $i; echo line $i >&2; i=$((i+1)); usleep 5000; done; sleep 1000";
    ground.pod("p", "busybox:1", script, &json!({}));
    let mut outage = None;
    let mut begun = None;
    follow(
        &ground,
        "all lines",
        |lines| lines.iter().filter(|line| *line == "line 1999").count() == 2,
        |lines| {
            if begun.is_none() && lines.len() > 200 {
                outage = Some(Outage::of("apiserver"));
                begun = Some(Instant::now());
            }
            if begun.is_some_and(|begun| begun.elapsed() > Duration::from_secs(3)) {
                outage = None;
            }
        },
    )
    .await;
    let mut found = numbers(&ground.lines(), "line ");
    found.sort_unstable();
    let expected: Vec<u32> = (0..2000).flat_map(|number| [number, number]).collect();
    assert_eq!(found, expected);
}
