//! A namespace of its own for each test, and short words for what the tests do.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use devloop::cluster::{
    Applied, ApplyError, ApplyMode, ApplyOptions, Cluster, ContextInfo, ContextOverrides, DownOptions, DownReport,
    Inventory, Namespaces, Patience, PreparedObject, Volumes, apply, down,
};
use devloop::diagnostic::Span;
use devloop::k8s::{MANAGED_BY, MANAGED_BY_LABEL, ObjectId, PROJECT_LABEL, RESOURCE_LABEL};
use devloop::logs::{LogSource, LogStore};
use devloop::project::{ProjectName, ResourceName};
use serde::Deserialize as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

pub struct Ground {
    pub cluster: Cluster,
    pub inventory: Inventory,
    pub namespace: String,
    pub project: ProjectName,
    pub logs: LogStore,
    pub cancel: CancellationToken,
}

impl Ground {
    /// A new namespace, and a project of the same name without objects.
    pub async fn new(name: &str) -> Self {
        let unique = format!("devloop-test-{name}-{}", std::process::id());
        kubectl(&["create", "namespace", &unique]);
        Self::in_namespace(&unique, &unique).await
    }

    /// Another project in a namespace that is there.
    pub async fn in_namespace(project: &str, namespace: &str) -> Self {
        let overrides = ContextOverrides { context: None, namespace: Some(namespace.to_owned()), own_namespace: false };
        let context = ContextInfo::load(&overrides).expect("a kubeconfig");
        let cluster = Cluster::connect(&context).await.expect("a client");
        let project = ProjectName::new(project);
        let cancel = CancellationToken::new();
        let patience = Patience::new(Duration::from_secs(10), &cancel, None);
        let inventory = Inventory::open(&cluster, &project, &patience).await.expect("an inventory");
        Self { cluster, inventory, namespace: namespace.to_owned(), project, logs: LogStore::new(), cancel }
    }

    pub fn options(&self) -> ApplyOptions {
        ApplyOptions {
            resource: ResourceName::new("web"),
            mode: ApplyMode::InPlace,
            object_limit: Duration::from_secs(30),
            declared_elsewhere: Arc::from([]),
            log: self.logs.sink(None, LogSource::Build),
            cancel: self.cancel.clone(),
        }
    }

    pub async fn try_apply(&self, yaml: &str) -> Result<Vec<Applied>, ApplyError> {
        self.apply_with(yaml, &self.options()).await
    }

    pub async fn apply(&self, yaml: &str) -> Vec<Applied> {
        self.try_apply(yaml).await.unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    pub async fn apply_with(&self, yaml: &str, options: &ApplyOptions) -> Result<Vec<Applied>, ApplyError> {
        apply(&self.inventory, &self.objects(yaml, &options.resource), options).await
    }

    pub async fn down(&self, namespaces: Namespaces, declared: &str) -> DownReport {
        self.down_with(namespaces, Volumes::Keep, declared).await
    }

    pub async fn down_with(&self, namespaces: Namespaces, volumes: Volumes, declared: &str) -> DownReport {
        let declared = self.objects(declared, &ResourceName::new("web"));
        let sets = declared.iter().filter(|object| object.id.kind == "StatefulSet");
        let options = DownOptions {
            namespaces,
            volumes,
            stateful_sets: sets.map(|object| (object.id.clone(), object.value.clone())).collect(),
            declared: declared.into_iter().map(|object| object.id).collect(),
            limit: Duration::from_mins(2),
            log: self.logs.sink(None, LogSource::Build),
            cancel: self.cancel.clone(),
        };
        down(&self.cluster, &self.project, &options).await.unwrap_or_else(|error| panic!("{error}\n{}", self.log()))
    }

    /// The objects of a YAML text with the labels that injection sets.
    pub fn objects(&self, yaml: &str, resource: &ResourceName) -> Vec<PreparedObject> {
        let values =
            serde_yaml::Deserializer::from_str(yaml).map(|document| Value::deserialize(document).expect("YAML"));
        values
            .filter(Value::is_object)
            .map(|mut value| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let id = ObjectId {
                    api_version: text(&value["apiVersion"]),
                    kind: text(&value["kind"]),
                    namespace: value["metadata"]["namespace"].as_str().map(str::to_owned),
                    name: text(&value["metadata"]["name"]),
                };
                value["metadata"]["labels"][MANAGED_BY_LABEL] = MANAGED_BY.into();
                value["metadata"]["labels"][PROJECT_LABEL] = self.project.as_str().into();
                value["metadata"]["labels"][RESOURCE_LABEL] = resource.as_str().into();
                PreparedObject { id, value, origin: Span::file("/project/app.yaml") }
            })
            .collect()
    }

    /// Everything that was logged, a line each.
    pub fn log(&self) -> String {
        self.logs.reader().since(0).iter().fold(String::new(), |log, line| log + &line.text + "\n")
    }

    /// `kubectl` in the namespace; panics when it fails.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        kubectl(&[&["-n", &self.namespace], arguments].concat())
    }

    /// A field of an object; `None` when the object does not exist.
    pub fn field(&self, object: &str, path: &str) -> Option<String> {
        let path = format!("jsonpath={{{path}}}");
        run(&["-n", &self.namespace, "get", object, "-o", &path], "").ok()
    }

    pub fn exists(&self, object: &str) -> bool {
        self.field(object, ".metadata.name").is_some()
    }

    /// Applies a text as another tool would.
    pub fn kubectl_apply(&self, yaml: &str) {
        run(&["-n", &self.namespace, "apply", "-f", "-"], yaml).unwrap_or_else(|error| panic!("{error}"));
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        let _ = run(&["delete", "namespace", &self.namespace, "--wait=false", "--ignore-not-found"], "");
    }
}

pub fn kubectl(arguments: &[&str]) -> String {
    run(arguments, "").unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
}

fn run(arguments: &[&str], input: &str) -> Result<String, String> {
    use std::io::Write as _;
    let mut command = Command::new("kubectl");
    command.args(arguments).stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("kubectl in the PATH");
    // A command that does not read its input may have ended already.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("its output");
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Waits until `condition` holds, at most half a minute.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
