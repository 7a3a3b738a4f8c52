//! A project in a temporary folder, and a namespace of its own on the cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const TREE_HASH: &str =
    "export LC_ALL=C; find . -type f | sort | while read -r f; do echo \"$f\"; cat \"$f\"; done | md5sum";

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A project in a temporary folder, and a namespace of its own. Both are deleted when this is dropped.
pub struct Ground {
    folder: tempfile::TempDir,
    pub namespace: String,
}

impl Ground {
    pub fn new(name: &str) -> Self {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let namespace = format!("devloop-test-{name}-{}-{number}", std::process::id());
        let folder =
            tempfile::Builder::new().prefix(&format!("devloop-{name}-")).tempdir().expect("a temporary folder");
        kubectl(&["create", "namespace", &namespace]);
        Self { folder, namespace }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// `kubectl -n NAMESPACE ARGS`: what it says.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let mut all = vec!["-n", self.namespace.as_str()];
        all.extend(args);
        kubectl(&all)
    }

    /// A web service of busybox's httpd that serves `www/`: image `NAME`, Deployment `NAME`, live update of `www/`.
    pub fn web_service(&self, name: &str, port: u16) -> String {
        self.write(
            &format!("{name}/Dockerfile"),
            "FROM busybox\nCOPY www /www\nCMD [\"sh\", \"-c\", \"trap 'exit 3' TERM; httpd -f -p 8080 -h /www & wait\"]\n",
        );
        self.write(&format!("{name}/www/index.html"), &format!("hello from {name}\n"));
        self.write(&format!("{name}/k8s.yaml"), &deployment(name, &self.namespace));
        format!(
            "docker_build('{image}', '{name}', live_update=[sync('{name}/www', '/www')])\nk8s_yaml('{name}/k8s.yaml')\nk8s_resource('{name}', port_forwards='{port}:8080')\n",
            image = self.image(name),
        )
    }

    /// The name of the only pod, or of one of them.
    pub fn pod(&self) -> String {
        self.kubectl(&["get", "pods", "-o", "jsonpath={.items[0].metadata.name}"])
    }

    /// One hash over the names and contents of all files below a folder of a pod; what went wrong when it cannot be told.
    pub fn hash_in_pod(&self, pod: &str, folder: &str) -> String {
        let sums = format!("cd {folder} && {TREE_HASH}");
        let all = ["-n", &self.namespace, "exec", pod, "--", "sh", "-c", &sums];
        let output = Command::new("kubectl").args(all).output().expect("kubectl is on the PATH");
        String::from_utf8_lossy(if output.status.success() { &output.stdout } else { &output.stderr }).into_owned()
    }

    /// The hashes of a folder in all pods that there are, without repetition.
    pub fn hashes_in_pods(&self, folder: &str) -> std::collections::BTreeSet<String> {
        self.kubectl(&["get", "pods", "-o", "name"]).lines().map(|pod| self.hash_in_pod(pod, folder)).collect()
    }

    /// The same of a folder of the project.
    pub fn hash_here(&self, folder: &str) -> String {
        let output =
            Command::new("sh").args(["-c", TREE_HASH]).current_dir(self.path().join(folder)).output().expect("sh");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The image of a service: unique, so that tests that run beside each other do not share tags.
    pub fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.namespace)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = Command::new("kubectl")
            .args(["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"])
            .output();
    }
}

/// A Deployment with the image `NAMESPACE/NAME` on port 8080.
pub fn deployment(name: &str, namespace: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: {name}
        image: {namespace}/{name}
        ports: [{{containerPort: 8080}}]
        readinessProbe: {{httpGet: {{port: 8080, path: /}}, periodSeconds: 1}}
"
    )
}

/// `kubectl ARGS`: what it says.
#[track_caller]
pub fn kubectl(args: &[&str]) -> String {
    let output = Command::new("kubectl").args(args).output().expect("kubectl is on the PATH");
    assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
