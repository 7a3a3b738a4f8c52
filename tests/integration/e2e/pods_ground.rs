//! A namespace of its own with small pods, for the tests of the cluster's pods, logs, ports and files.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use devloop::cluster::{Cluster, ContainerRef, ContextInfo, ContextOverrides};
use devloop::logs::{LogSink, LogSource, LogStore};

/// A namespace that is deleted with this value.
pub struct PodGround {
    pub cluster: Cluster,
    pub namespace: String,
    pub logs: LogStore,
}

impl PodGround {
    pub async fn new(name: &str) -> Self {
        let context = ContextInfo::load(&ContextOverrides::default()).expect("a kubeconfig");
        let cluster = Cluster::connect(&context).await.expect("a cluster");
        let namespace = format!("devloop-test-{name}-{}", std::process::id());
        kubectl(&["create", "namespace", &namespace], "");
        // Pods are refused until the controller has made the account that they run as.
        until("the service account", || {
            try_kubectl(&["get", "serviceaccount", "default", "-n", &namespace], "").is_ok()
        });
        Self { cluster, namespace, logs: LogStore::new() }
    }

    pub fn sink(&self) -> LogSink {
        self.logs.sink(None, LogSource::Runtime)
    }

    /// All lines of the log.
    pub fn lines(&self) -> Vec<String> {
        self.logs.reader().since(0).into_iter().map(|line| line.text.to_string()).collect()
    }

    pub fn kubectl(&self, args: &[&str]) -> String {
        self.kubectl_with(args, "")
    }

    pub fn kubectl_with(&self, args: &[&str], input: &str) -> String {
        let namespaced = [&["-n", &self.namespace], args].concat();
        kubectl(&namespaced, input)
    }

    /// Creates a pod with one container `main` that runs a shell script, and what `extra` adds to the container.
    pub fn pod(&self, name: &str, image: &str, script: &str, extra: &serde_json::Value) {
        self.create_pod(name, image, script, extra, &serde_json::json!([]));
    }

    fn create_pod(
        &self,
        name: &str,
        image: &str,
        script: &str,
        extra: &serde_json::Value,
        volumes: &serde_json::Value,
    ) {
        let mut container = serde_json::json!({
            "name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", script]
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            container[key] = value.clone();
        }
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}},
            "spec": {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": false, "containers": [container],
                "volumes": volumes}
        });
        self.kubectl_with(&["apply", "-f", "-"], &pod.to_string());
    }

    /// The same with a volume `own` that the container may mount.
    pub fn pod_with_volume(&self, name: &str, image: &str, script: &str, extra: &serde_json::Value) {
        self.create_pod(name, image, script, extra, &serde_json::json!([{"name": "own", "emptyDir": {}}]));
    }

    /// Waits until the pod's container runs, and returns it.
    pub fn running(&self, pod: &str) -> ContainerRef {
        let id = until_some(&format!("pod {pod} to run"), || {
            let path = "jsonpath={.status.containerStatuses[0].state.running.startedAt} \
                        {.status.containerStatuses[0].containerID}";
            let output = self.kubectl(&["get", "pod", pod, "-o", path]);
            output.split_once(' ').filter(|(started, _)| !started.is_empty()).map(|(_, id)| id.to_owned())
        });
        ContainerRef { namespace: self.namespace.clone(), pod: pod.to_owned(), container: "main".to_owned(), id }
    }

    /// What a command in the pod prints.
    pub fn in_pod(&self, pod: &str, script: &str) -> String {
        self.kubectl(&["exec", pod, "--", "sh", "-c", script])
    }
}

impl Drop for PodGround {
    fn drop(&mut self) {
        let _ = try_kubectl(&["delete", "namespace", &self.namespace, "--wait=false"], "");
    }
}

pub fn kubectl(args: &[&str], input: &str) -> String {
    try_kubectl(args, input).unwrap_or_else(|error| panic!("kubectl {args:?}: {error}"))
}

pub fn try_kubectl(args: &[&str], input: &str) -> Result<String, String> {
    let mut child = Command::new("kubectl")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ended");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Waits for a condition, at most a minute.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    until_some(what, || condition().then_some(()));
}

/// Waits for a value, at most a minute.
pub fn until_some<T>(what: &str, mut value: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(value) = value() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::task::block_in_place(|| std::thread::sleep(Duration::from_millis(100)));
    }
}
