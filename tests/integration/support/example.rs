//! Projects of `examples/`. Namespaces and ports are their own, so each of them runs only once on a machine at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::devloop::{devloop, pause};
use super::ground::kubectl;

/// Longer than the whole test of a session that runs before this one.
const TURN: Duration = Duration::from_mins(8);

/// A copy of an example, so that edits leave the repository alone. What it has deployed is deleted when this is dropped.
pub struct Example {
    /// Its name is the project's.
    dir: PathBuf,
    _folder: tempfile::TempDir,
}

impl Example {
    pub fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("devloop-example-").tempdir().expect("a folder");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        let status = Command::new("cp").arg("-r").arg(source).arg(folder.path()).status();
        assert!(status.expect("cp exists").success());
        Self { dir: folder.path().join(name), _folder: folder }
    }

    pub fn path(&self) -> &Path {
        &self.dir
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    /// Replaces a text that must be there.
    #[track_caller]
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.file(path)).expect(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        fs::write(self.file(path), text.replace(from, to)).expect(path);
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        devloop(self.path(), &["down", "--delete-namespaces", "--delete-volumes"]);
    }
}

pub fn namespace_exists(namespace: &str) -> bool {
    !kubectl(&["get", "namespace", namespace, "--ignore-not-found", "-o", "name"]).is_empty()
}

/// Waits until nobody else uses the namespace and the ports.
#[track_caller]
pub fn wait_for_turn(namespace: &str, ports: &[u16]) {
    let until = Instant::now() + TURN;
    let busy = || ports.iter().any(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_err());
    while namespace_exists(namespace) || busy() {
        assert!(Instant::now() < until, "the namespace {namespace} or one of the ports {ports:?} stays in use");
        pause();
    }
}

/// Every pod of a namespace: its name, its images, whether it is ready or has ended well, and its restarts.
pub fn pods(namespace: &str) -> Vec<Pod> {
    let list: serde_json::Value = kubectl(&["-n", namespace, "get", "pods", "-o", "json"]).parse().expect("JSON");
    list["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .map(Pod::new)
        .collect()
}

/// What is to be known of a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    pub name: String,
    pub images: Vec<String>,
    pub well: bool,
    pub restarts: u64,
}

impl Pod {
    fn new(pod: &serde_json::Value) -> Self {
        let all = |list: &serde_json::Value| list.as_array().cloned().unwrap_or_default();
        let containers = all(&pod["status"]["containerStatuses"]);
        let well = |it: &serde_json::Value| it["ready"] == true || it["state"]["terminated"]["exitCode"] == 0;
        Self {
            name: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            images: all(&pod["spec"]["containers"])
                .iter()
                .map(|it| it["image"].as_str().unwrap_or_default().to_owned())
                .collect(),
            well: !containers.is_empty() && containers.iter().all(well),
            restarts: containers.iter().filter_map(|it| it["restartCount"].as_u64()).sum(),
        }
    }
}

/// Processes that were started by devloop in `dir` and still run: it marks nothing else, so the folder tells.
pub fn processes_in(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("Linux").flatten() {
        let is_there = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(dir));
        if is_there {
            found.push(fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default().replace('\0', " "));
        }
    }
    found
}

/// What of a project is still in the cluster: objects of its namespace, and volumes and claims that name it.
pub fn left_in(namespace: &str) -> Vec<String> {
    let kinds = "deployments,statefulsets,daemonsets,replicasets,jobs,pods,services,configmaps,secrets,persistentvolumeclaims,networkpolicies,ingresses,roles,rolebindings,serviceaccounts,poddisruptionbudgets,horizontalpodautoscalers";
    let all = kubectl(&["-n", namespace, "get", kinds, "-o", "name"]);
    let not_ours = |it: &&str| !it.contains("kube-root-ca.crt") && !it.contains("default");
    all.lines().filter(not_ours).map(str::to_owned).collect()
}
